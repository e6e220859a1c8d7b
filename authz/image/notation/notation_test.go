package notation

import (
	"context"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/distribution/reference"
	"github.com/notaryproject/notation-core-go/signature"
	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"caisson/authz/image"
	"caisson/authz/image/imagetest"
	"caisson/authz/image/revocation"
)

var (
	now       = time.Now()
	yesterday = now.AddDate(0, 0, -1)
	lastYear  = now.AddDate(-1, 0, 0)
	tomorrow  = now.AddDate(0, 0, 1)
)

// bench is an image, and who is trusted to sign it.
type bench struct {
	tb        testing.TB
	source    *imagetest.Source
	image     ocispec.Descriptor
	pki       *imagetest.PKI
	tsa       *imagetest.TSA
	responder *imagetest.Responder
}

func newBench(tb testing.TB) *bench {
	tb.Helper()
	s := imagetest.NewSource()
	return &bench{
		tb: tb, source: s, image: imagetest.Image(tb, s, "hello"), pki: imagetest.NewPKI(tb, imagetest.PKIOptions{}),
		tsa: imagetest.NewTSA(tb, imagetest.PKIOptions{NotBefore: now.AddDate(-2, 0, 0)}),
	}
}

// revocable gives the bench a signer whose certificate names responders.
func (b *bench) revocable(ocsp, crl bool) *bench {
	b.tb.Helper()
	b.responder = imagetest.NewResponder(b.tb)
	o := imagetest.PKIOptions{}
	if ocsp {
		o.OCSP = b.responder.OCSP()
	}
	if crl {
		o.CRL = b.responder.CRL()
	}
	b.pki = imagetest.NewPKI(b.tb, o)
	b.responder.Serve(b.pki)
	return b
}

func (b *bench) sign(o imagetest.SignOptions) ocispec.Descriptor {
	b.tb.Helper()
	if o.PKI == nil {
		o.PKI = b.pki
	}
	return imagetest.Sign(b.tb, b.source, b.image, o)
}

func (b *bench) artifact() image.Artifact {
	name, err := reference.ParseNormalizedNamed("registry.example.com:5000/team/app")
	if err != nil {
		panic(err)
	}
	return image.Artifact{Repository: name, Descriptor: b.image}
}

// verifier is one that trusts the bench's signer, with changes.
func (b *bench) verifier(change func(*Options)) *Verifier {
	b.tb.Helper()
	o := Options{CA: []*x509.Certificate{b.pki.Root.Certificate}, Identities: []string{imagetest.Identity}}
	if change != nil {
		change(&o)
	}
	v, err := New(o)
	if err != nil {
		b.tb.Fatal(err)
	}
	return v
}

func (b *bench) verify(change func(*Options)) image.Verdict {
	b.tb.Helper()
	return b.verifier(change).Verify(b.tb.Context(), b.source, b.artifact())
}

func withTSA(b *bench, when Timestamp) func(*Options) {
	return func(o *Options) { o.TSA, o.Timestamp = []*x509.Certificate{b.tsa.PKI.Root.Certificate}, when }
}

func permissive(o *Options) { o.Level = Permissive }

// want compares a verdict with the reason and a part of the detail that are expected.
func want(tb testing.TB, got image.Verdict, reason image.Reason, detail string) {
	tb.Helper()
	if got.Reason != reason || !strings.Contains(got.Detail, detail) {
		tb.Errorf("got  %q: the image %s\nwant %q with %q", got.Reason, got.Detail, reason, detail)
	}
	if (reason == image.Verified) != got.Verified() {
		tb.Errorf("%q is verified: %v", reason, got.Verified())
	}
}

func TestVerified(t *testing.T) {
	for _, o := range []imagetest.SignOptions{{}, {MediaType: imagetest.COSE}, {Expiry: tomorrow}} {
		b := newBench(t)
		d := b.sign(o)
		got := b.verify(nil)
		want(t, got, image.Verified, "is signed by CN=release,O=Caisson,ST=Berlin,C=DE")
		s := got.Signature
		if s.Verifier != "notation" || s.Digest != d.Digest || s.Thumbprint != thumbprint(b.pki.Leaf.Certificate) || time.Since(s.Signed) > time.Minute || !s.Timestamp.IsZero() {
			t.Errorf("signature: %+v", s)
		}
		if !o.Expiry.IsZero() && !s.Expires.Equal(o.Expiry.Truncate(time.Second)) {
			t.Errorf("expires %v, not %v", s.Expires, o.Expiry)
		}
		if until := b.pki.Leaf.NotAfter; o.Expiry.IsZero() && !got.ValidUntil.Equal(until) {
			t.Errorf("valid until %v, not %v", got.ValidUntil, until)
		}
	}
}

// The library knows fewer names of registries than there are.
func TestRepositoryNames(t *testing.T) {
	b := newBench(t)
	b.sign(imagetest.SignOptions{})
	for _, name := range []string{"[::1]:5000/app", "docker.io/library/app", "a.b-c.example:5000/a/b__c/d"} {
		repo, err := reference.WithName(name)
		if err != nil {
			t.Fatal(err)
		}
		want(t, b.verifier(nil).Verify(t.Context(), b.source, image.Artifact{Repository: repo, Descriptor: b.image}), image.Verified, "")
	}
}

func TestRefused(t *testing.T) {
	for name, c := range map[string]struct {
		do     func(b *bench)
		change func(b *bench) func(*Options)
		reason image.Reason
		detail string
	}{
		"no signature": {
			do:     func(*bench) {},
			reason: image.Unsigned, detail: "has no notation signature in registry.example.com:5000/team/app",
		},
		"other root": {
			do:     func(b *bench) { b.sign(imagetest.SignOptions{PKI: imagetest.NewPKI(b.tb, imagetest.PKIOptions{})}) },
			reason: image.UntrustedSigner, detail: "under the root CN=root,O=Caisson,ST=Berlin,C=DE, which is not trusted",
		},
		"other identity": {
			do: func(b *bench) {
				b.sign(imagetest.SignOptions{PKI: b.pki.Issue(b.tb, imagetest.PKIOptions{
					Subject: pkix.Name{Country: []string{"DE"}, Province: []string{"Berlin"}, Organization: []string{"Other"}, CommonName: "mallory\x1b[2J"},
				})})
			},
			reason: image.UntrustedSigner, detail: "is signed by CN=mallory�[2J,O=Other,ST=Berlin,C=DE, whom the statement does not name",
		},
		"identity without the mandatory parts": {
			do: func(b *bench) {
				b.sign(imagetest.SignOptions{PKI: b.pki.Issue(b.tb, imagetest.PKIOptions{Subject: pkix.Name{Organization: []string{"Caisson"}, CommonName: "x"}})})
			},
			reason: image.UntrustedSigner, detail: "whom the statement does not name",
		},
		"signing authority's scheme with a root of the other": {
			do:     func(b *bench) { b.sign(imagetest.SignOptions{SigningAuthority: true}) },
			reason: image.UntrustedSigner, detail: "which is not trusted",
		},
		"signature expired": {
			do: func(b *bench) {
				b.sign(imagetest.SignOptions{SigningTime: now.Add(-2 * time.Hour), Expiry: now.Add(-time.Hour)})
			},
			reason: image.Expired, detail: "has a signature by CN=release,O=Caisson,ST=Berlin,C=DE that expired on ",
		},
		"certificate expired": {
			do:     expiredLeaf(false),
			reason: image.Expired, detail: "with the certificate CN=release,O=Caisson,ST=Berlin,C=DE that expired on ",
		},
		"certificate expired, no timestamp": {
			do:     expiredLeaf(false),
			change: func(b *bench) func(*Options) { return withTSA(b, AfterCertExpiry) },
			reason: image.Expired, detail: ", without a timestamp",
		},
		"certificate expired, other authority": {
			do: expiredLeaf(true),
			change: func(b *bench) func(*Options) {
				b.tsa = imagetest.NewTSA(b.tb, imagetest.PKIOptions{NotBefore: now.AddDate(-2, 0, 0)})
				return withTSA(b, Always)
			},
			reason: image.Expired, detail: ", with a timestamp that is not trusted",
		},
		"certificate expired before the timestamp": {
			do: func(b *bench) {
				b.tsa.At = time.Time{}
				expiredLeaf(true)(b)
			},
			change: func(b *bench) func(*Options) { return withTSA(b, Always) },
			reason: image.Expired, detail: "or of another time",
		},
		"timestamp demanded": {
			do:     func(b *bench) { b.sign(imagetest.SignOptions{}) },
			change: func(b *bench) func(*Options) { return withTSA(b, Always) },
			reason: image.BadSignature, detail: "is signed by CN=release,O=Caisson,ST=Berlin,C=DE, without a timestamp",
		},
		"certificate of tomorrow": {
			do: func(b *bench) {
				b.pki = b.pki.Issue(b.tb, imagetest.PKIOptions{NotBefore: tomorrow, NotAfter: tomorrow.AddDate(1, 0, 0)})
				b.sign(imagetest.SignOptions{SigningTime: tomorrow.Add(time.Hour)})
			},
			reason: image.NotYetValid, detail: "is the clock right?",
		},
		"other digest": {
			do: func(b *bench) {
				other := imagetest.Image(b.tb, b.source, "other")
				b.sign(imagetest.SignOptions{Payload: &other})
			},
			reason: image.BadSignature, detail: "of something else: \"application/vnd.oci.image.manifest.v1+json\" \"sha256:",
		},
		"other size": {
			do: func(b *bench) {
				other := b.image
				other.Size++
				b.sign(imagetest.SignOptions{Payload: &other})
			},
			reason: image.BadSignature, detail: "of something else",
		},
		"other media type": {
			do: func(b *bench) {
				other := b.image
				other.MediaType = "application/vnd.docker.distribution.manifest.v2+json"
				b.sign(imagetest.SignOptions{Payload: &other})
			},
			reason: image.BadSignature, detail: "of something else: \"application/vnd.docker.distribution.manifest.v2+json\"",
		},
		"no payload of notation": {
			do: func(b *bench) {
				b.sign(imagetest.SignOptions{Payload: &ocispec.Descriptor{}})
			},
			reason: image.BadSignature, detail: "of something else: \"\" \"\", 0 bytes",
		},
		"damaged": {
			do: func(b *bench) {
				envelope := imagetest.Envelope(b.tb, b.image, imagetest.SignOptions{PKI: b.pki})
				envelope = []byte(strings.Replace(string(envelope), `"signature":"`, `"signature":"AAAA`, 1))
				b.attach(imagetest.JWS, envelope)
			},
			reason: image.BadSignature, detail: "damaged",
		},
		"nonsense": {
			do:     func(b *bench) { b.attach(imagetest.COSE, []byte("nonsense")) },
			reason: image.BadSignature, detail: "damaged, or none of notation's",
		},
		"COSE said to be JWS": {
			do: func(b *bench) {
				b.attach(imagetest.JWS, imagetest.Envelope(b.tb, b.image, imagetest.SignOptions{PKI: b.pki, MediaType: imagetest.COSE}))
			},
			reason: image.BadSignature, detail: "damaged, or none of notation's",
		},
		"too large": {
			do:     func(b *bench) { b.attach(imagetest.JWS, make([]byte, image.MaxEnvelope+1)) },
			reason: image.BadSignature, detail: "is 1048577 bytes large; at most 1048576 are read",
		},
		"no envelope": {
			do:     func(b *bench) { b.attach("text/plain", []byte("hello")) },
			reason: image.BadSignature, detail: "holds a \"text/plain\", neither JWS nor COSE",
		},
		"two envelopes": {
			do: func(b *bench) {
				d := b.source.PutBlob(b.tb, imagetest.JWS, []byte("{}"))
				imagetest.Attach(b.tb, b.source, b.image, imagetest.Notation, false, d, d)
			},
			reason: image.BadSignature, detail: "holds 2 envelopes, not one",
		},
		"wants a plugin": {
			do: func(b *bench) {
				b.sign(imagetest.SignOptions{Attributes: []signature.Attribute{
					{Key: "io.cncf.notary.verificationPlugin", Critical: true, Value: "com.example.plugin"},
				}})
			},
			reason: image.BadSignature, detail: `only the plugin "com.example.plugin" of notation can verify`,
		},
		"critical attribute": {
			do: func(b *bench) {
				b.sign(imagetest.SignOptions{Attributes: []signature.Attribute{{Key: "com.example.limit", Critical: true, Value: "staging only"}}})
			},
			reason: image.BadSignature, detail: `the attribute "com.example.limit"`,
		},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t)
			c.do(b)
			var change func(*Options)
			if c.change != nil {
				change = c.change(b)
			}
			want(t, b.verify(change), c.reason, c.detail)
		})
	}
}

// expiredLeaf signs as somebody whose certificate has expired since.
func expiredLeaf(timestamped bool) func(*bench) {
	return func(b *bench) {
		b.tb.Helper()
		root := b.pki
		b.pki = root.Issue(b.tb, imagetest.PKIOptions{NotBefore: lastYear, NotAfter: yesterday})
		o := imagetest.SignOptions{SigningTime: lastYear.AddDate(0, 1, 0)}
		if timestamped {
			o.TSA = b.tsa
		}
		b.sign(o)
	}
}

func (b *bench) attach(mediaType string, envelope []byte) {
	b.tb.Helper()
	imagetest.Attach(b.tb, b.source, b.image, imagetest.Notation, false, b.source.PutBlob(b.tb, mediaType, envelope))
}

// What permissive passes over, and what it does not.
func TestPermissive(t *testing.T) {
	b := newBench(t)
	expiredLeaf(false)(b)
	got := b.verify(permissive)
	want(t, got, image.Verified, "passed over at level permissive: authenticTimestamp")
	if !got.ValidUntil.IsZero() {
		t.Errorf("valid until %v, of checks that do not count", got.ValidUntil)
	}

	b = newBench(t)
	b.sign(imagetest.SignOptions{SigningTime: now.Add(-2 * time.Hour), Expiry: now.Add(-time.Hour)})
	want(t, b.verify(permissive), image.Verified, "expiry")

	b = newBench(t)
	b.sign(imagetest.SignOptions{PKI: imagetest.NewPKI(t, imagetest.PKIOptions{})})
	want(t, b.verify(permissive), image.UntrustedSigner, "not trusted")

	b = newBench(t).revocable(true, false)
	b.responder.Set(imagetest.Revoked, imagetest.Revoked)
	b.sign(imagetest.SignOptions{})
	want(t, b.verify(permissive), image.Verified, "the signer's certificate is revoked")
}

func TestTimestamps(t *testing.T) {
	for _, when := range []Timestamp{Always, AfterCertExpiry, ""} {
		b := newBench(t)
		b.tsa.At = lastYear.AddDate(0, 1, 0).Truncate(time.Second)
		expiredLeaf(true)(b)
		got := b.verify(withTSA(b, when))
		want(t, got, image.Verified, "is signed by")
		if !got.Signature.Timestamp.Equal(b.tsa.At) {
			t.Errorf("%q: timestamp %v, not %v", when, got.Signature.Timestamp, b.tsa.At)
		}
		if !got.ValidUntil.IsZero() {
			t.Errorf("%q: valid until %v, though the timestamp outlives the certificate", when, got.ValidUntil)
		}
	}
	// A timestamp that nobody asked for bounds nothing, and is not reported.
	b := newBench(t)
	b.sign(imagetest.SignOptions{TSA: b.tsa})
	got := b.verify(withTSA(b, AfterCertExpiry))
	if want(t, got, image.Verified, ""); !got.Signature.Timestamp.IsZero() || !got.ValidUntil.Equal(b.pki.Leaf.NotAfter) {
		t.Errorf("%+v", got)
	}
}

func TestSigningAuthority(t *testing.T) {
	b := newBench(t)
	b.pki = b.pki.Issue(t, imagetest.PKIOptions{NotBefore: lastYear, NotAfter: yesterday})
	b.sign(imagetest.SignOptions{SigningTime: lastYear.AddDate(0, 1, 0), SigningAuthority: true})
	change := func(o *Options) { o.SigningAuthority, o.CA = o.CA, nil }
	got := b.verify(change)
	want(t, got, image.Verified, "is signed by")
	if !got.ValidUntil.IsZero() {
		t.Errorf("valid until %v", got.ValidUntil)
	}
}

// Anybody who can push can put worthless signatures in front of a good one.
func TestBogusSignatures(t *testing.T) {
	for _, c := range []struct {
		bogus  int
		reason image.Reason
		detail string
	}{
		{20, image.Verified, "is signed by"},
		{49, image.Verified, "is signed by"},
		{50, image.UntrustedSigner, "which is not trusted"},
	} {
		b := newBench(t)
		mallory := imagetest.NewPKI(t, imagetest.PKIOptions{})
		for i := range c.bogus {
			b.sign(imagetest.SignOptions{PKI: mallory, SigningTime: now.Add(-time.Duration(i) * time.Minute)})
		}
		b.sign(imagetest.SignOptions{})
		want(t, b.verify(nil), c.reason, c.detail)
	}
}

// Of several signatures that do not count, the one that tells most is reported, wherever it stands.
func TestTellingSignature(t *testing.T) {
	b := newBench(t)
	b.attach(imagetest.JWS, []byte("{}"))
	b.sign(imagetest.SignOptions{SigningTime: now.Add(-2 * time.Hour), Expiry: now.Add(-time.Hour)})
	b.sign(imagetest.SignOptions{PKI: imagetest.NewPKI(t, imagetest.PKIOptions{})})
	want(t, b.verify(nil), image.Expired, "that expired on")
}

func TestSourceFails(t *testing.T) {
	down := &image.UnavailableError{Host: "registry.example.com:5000", Why: "answers with status 503"}
	denied := &image.UnavailableError{Host: "registry.example.com:5000", Why: "wants other credentials", Denied: true}
	for _, op := range []string{imagetest.OpReferrers, imagetest.OpManifest, imagetest.OpBlob} {
		for _, c := range []struct {
			err    error
			reason image.Reason
			detail string
		}{
			{down, image.RegistryUnavailable, "the registry registry.example.com:5000 answers with status 503"},
			{fmt.Errorf("wrapped: %w", denied), image.RegistryDenied, "wants other credentials"},
			{context.DeadlineExceeded, image.Timeout, "could not be verified in time"},
			{errors.New("secret"), image.RegistryUnavailable, "cannot be read"},
			{image.ErrNotFound, image.BadSignature, "is listed, and not there"},
		} {
			b := newBench(t)
			b.sign(imagetest.SignOptions{})
			b.source.Fail(op, c.err)
			got := b.verify(nil)
			want(t, got, c.reason, c.detail)
			if strings.Contains(got.Detail, "secret") {
				t.Errorf("%s: %s", op, got.Detail)
			}
		}
	}
}

// A signature's manifest is judged by what it is, not by what the list says.
func TestManifestOfSomethingElse(t *testing.T) {
	subject := digest.FromString("subject")
	good := `{"schemaVersion":2,"config":{"mediaType":"` + imagetest.Notation + `"},"subject":{"digest":"` + subject.String() + `"},` +
		`"layers":[{"mediaType":"application/jose+json","size":7}]}`
	for manifest, text := range map[string]string{
		good: "",
		strings.Replace(good, subject.String(), digest.FromString("other").String(), 1): "belongs to something else",
		strings.Replace(good, `"subject":`, `"Other":`, 1):                              "belongs to something else",
		strings.Replace(good, imagetest.Notation, "text/plain", 1):                      "is not one of notation",
		"[]": "cannot be read",
	} {
		_, err := envelopeOf(image.Manifest{Descriptor: ocispec.Descriptor{MediaType: ocispec.MediaTypeImageManifest}, Bytes: []byte(manifest)}, subject)
		if (text == "") != (err == nil) || err != nil && err.Error() != text {
			t.Errorf("%s: %v, want %q", manifest, err, text)
		}
	}
	if _, err := envelopeOf(image.Manifest{Descriptor: ocispec.Descriptor{MediaType: ocispec.MediaTypeImageIndex}, Bytes: []byte(good)}, subject); err == nil {
		t.Error("an index is taken for a signature")
	}
}

func TestVerifyEnvelope(t *testing.T) {
	b := newBench(t)
	config := ocispec.Descriptor{MediaType: ocispec.MediaTypeImageConfig, Digest: digest.FromString("config"), Size: 1234}
	types := []string{ocispec.MediaTypeImageConfig, "application/vnd.docker.container.image.v1+json"}
	v := b.verifier(nil)
	for _, mediaType := range []string{imagetest.JWS, imagetest.COSE} {
		envelope := imagetest.Envelope(t, config, imagetest.SignOptions{PKI: b.pki, MediaType: mediaType})
		want(t, v.VerifyEnvelope(t.Context(), config.Digest, types, envelope), image.Verified, "is signed by")
		want(t, v.VerifyEnvelope(t.Context(), digest.FromString("other"), types, envelope), image.BadSignature, "of something else")
		want(t, v.VerifyEnvelope(t.Context(), config.Digest, types[1:], envelope), image.BadSignature, "of something else")
		want(t, v.VerifyEnvelope(t.Context(), config.Digest, nil, envelope), image.BadSignature, "of something else")
		want(t, v.VerifyEnvelope(t.Context(), config.Digest, types, envelope[1:]), image.BadSignature, "cannot be read")
	}
	foreign := imagetest.Envelope(t, config, imagetest.SignOptions{PKI: imagetest.NewPKI(t, imagetest.PKIOptions{})})
	want(t, v.VerifyEnvelope(t.Context(), config.Digest, types, foreign), image.UntrustedSigner, "not trusted")
	want(t, v.VerifyEnvelope(t.Context(), config.Digest, types, make([]byte, image.MaxEnvelope+1)), image.BadSignature, "at most")
	want(t, v.VerifyEnvelope(t.Context(), config.Digest, types, nil), image.BadSignature, "cannot be read")
}

func TestContext(t *testing.T) {
	for _, op := range []string{imagetest.OpReferrers, imagetest.OpManifest, imagetest.OpBlob} {
		b := newBench(t)
		b.sign(imagetest.SignOptions{})
		b.source.Hang(op)
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
		want(t, b.verifier(nil).Verify(ctx, b.source, b.artifact()), image.Timeout, "in time")
		cancel()
	}
	b := newBench(t).revocable(true, true)
	b.sign(imagetest.SignOptions{})
	b.responder.Set(imagetest.Hang, imagetest.Hang)
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	want(t, b.verifier(nil).Verify(ctx, b.source, b.artifact()), image.Timeout, "in time")
}

func TestConcurrent(t *testing.T) {
	b := newBench(t).revocable(true, true)
	b.sign(imagetest.SignOptions{PKI: imagetest.NewPKI(t, imagetest.PKIOptions{})})
	b.sign(imagetest.SignOptions{TSA: b.tsa})
	v := b.verifier(func(o *Options) { withTSA(b, Always)(o); o.Revocation = revocation.LastKnown })
	var wg sync.WaitGroup
	for range 32 {
		wg.Go(func() { want(t, v.Verify(t.Context(), b.source, b.artifact()), image.Verified, "is signed by") })
	}
	wg.Wait()
}

func BenchmarkVerify(b *testing.B) {
	for name, o := range map[string]imagetest.SignOptions{"jws": {}, "cose": {MediaType: imagetest.COSE}} {
		b.Run(name, func(b *testing.B) {
			bench := newBench(b)
			bench.sign(o)
			v, a := bench.verifier(nil), bench.artifact()
			b.ReportAllocs()
			for b.Loop() {
				if !v.Verify(b.Context(), bench.source, a).Verified() {
					b.Fatal("not verified")
				}
			}
		})
	}
}
