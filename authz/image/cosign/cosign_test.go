package cosign

import (
	"bytes"
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha512"
	"encoding/base64"
	"strings"
	"testing"
	"time"

	"github.com/distribution/reference"
	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"caisson/authz/image"
	"caisson/authz/image/imagetest"
)

const repository = "registry.example.com/team/app"

// bench is an image, and a key that may sign it.
type bench struct {
	tb     testing.TB
	source *imagetest.Source
	image  ocispec.Descriptor
	key    crypto.Signer
}

func newBench(tb testing.TB, kind string) *bench {
	tb.Helper()
	s := imagetest.NewSource()
	return &bench{tb: tb, source: s, image: imagetest.Image(tb, s, "hello"), key: imagetest.Key(tb, kind)}
}

func (b *bench) verifier(change func(*Options)) *Verifier {
	b.tb.Helper()
	o := Options{Keys: []Key{{Name: "release", PEM: imagetest.PublicPEM(b.tb, b.key)}}}
	if change != nil {
		change(&o)
	}
	v, err := New(o)
	if err != nil {
		b.tb.Fatal(err)
	}
	return v
}

func (b *bench) artifact() image.Artifact {
	name, err := reference.ParseNormalizedNamed(repository)
	if err != nil {
		b.tb.Fatal(err)
	}
	return image.Artifact{Repository: name, Descriptor: b.image}
}

func (b *bench) want(change func(*Options), reason image.Reason, detail string) image.Verdict {
	b.tb.Helper()
	got := b.verifier(change).Verify(b.tb.Context(), b.source, b.artifact())
	if got.Reason != reason || !strings.Contains(got.Detail, detail) {
		b.tb.Errorf("got  %q: the image %s\nwant %q with %q", got.Reason, got.Detail, reason, detail)
	}
	return got
}

// layer signs a payload and puts it under the image's tag.
func (b *bench) layer(payload string) {
	b.tb.Helper()
	imagetest.CosignTag(b.tb, b.source, b.image, imagetest.CosignLayer(b.tb, b.source, b.key, []byte(payload)))
}

func (b *bench) payload() string { return string(imagetest.CosignPayload(repository, b.image)) }

// attach puts a bundle where cosign looks for it.
func (b *bench) attach(bundle string) {
	b.tb.Helper()
	imagetest.Attach(b.tb, b.source, b.image, imagetest.Bundle, true, b.source.PutBlob(b.tb, imagetest.Bundle, []byte(bundle)))
}

func (b *bench) bundle(statement string) string {
	b.tb.Helper()
	return string(imagetest.BundleOf(b.tb, b.key, 0, []byte(statement)))
}

func (b *bench) statement() string { return string(imagetest.Statement(b.image, "")) }

var kinds = []string{"p256", "p384", "ed25519", "rsa2048"}

func TestVerified(t *testing.T) {
	for _, kind := range kinds {
		for form, sign := range map[string]func(*bench){
			"tag":    func(b *bench) { imagetest.CosignSign(t, b.source, b.key, repository, b.image) },
			"bundle": func(b *bench) { b.attach(b.bundle(b.statement())) },
			"referrer": func(b *bench) {
				imagetest.Attach(t, b.source, b.image, imagetest.CosignSignature, false, imagetest.CosignLayer(t, b.source, b.key, []byte(b.payload())))
			},
		} {
			t.Run(kind+"/"+form, func(t *testing.T) {
				b := newBench(t, kind)
				sign(b)
				got := b.want(nil, image.Verified, "is signed with the key release")
				s := got.Signature
				if s.Verifier != "cosign-key" || s.Signer != "release" || !strings.HasPrefix(s.Thumbprint, "sha256:") || s.Digest == "" || !got.ValidUntil.IsZero() {
					t.Errorf("%+v", got)
				}
				other := imagetest.PublicPEM(t, imagetest.Key(t, kind))
				b.want(func(o *Options) { o.Keys[0].PEM = other }, image.UntrustedSigner, "which is of none of the keys release")
				b.want(func(o *Options) { o.Keys = append([]Key{{Name: "other", PEM: other}}, o.Keys...) }, image.Verified, "release")
			})
		}
	}
}

// The hashes that cosign 3 takes for some keys.
func TestHashes(t *testing.T) {
	message := []byte("message")
	p384 := imagetest.Key(t, "p384")
	parse := func(k crypto.Signer) publicKey {
		key, err := Key{Name: "k", PEM: imagetest.PublicPEM(t, k)}.parse()
		if err != nil {
			t.Fatal(err)
		}
		return key
	}
	if sig := imagetest.SignBytes(t, p384, crypto.SHA384, message); !parse(p384).made(message, sig) || parse(p384).made([]byte("other"), sig) {
		t.Error("P-384 with SHA-384")
	}
	p256 := imagetest.Key(t, "p256")
	if sig := imagetest.SignBytes(t, p256, crypto.SHA384, message); parse(p256).made(message, sig) {
		t.Error("P-256 with SHA-384 counts")
	}
	ed := imagetest.Key(t, "ed25519")
	sum := sha512.Sum512(message)
	sig, err := ed.Sign(rand.Reader, sum[:], &ed25519.Options{Hash: crypto.SHA512})
	if err != nil {
		t.Fatal(err)
	}
	if !parse(ed).made(message, sig) || parse(ed).made([]byte("other"), sig) {
		t.Error("Ed25519ph")
	}
	for _, k := range []crypto.Signer{p384, p256, ed, imagetest.Key(t, "rsa2048")} {
		for _, sig := range [][]byte{nil, {}, []byte("nonsense")} {
			if parse(k).made(message, sig) {
				t.Errorf("%T made %q", k, sig)
			}
		}
	}
}

func TestRefusedPayloads(t *testing.T) {
	for name, c := range map[string]struct {
		edit   func(payload string, b *bench) string
		detail string
	}{
		"other image": {func(string, *bench) string {
			return string(imagetest.CosignPayload(repository, ocispec.Descriptor{Digest: digest.FromString("other")}))
		}, "is of something else"},
		"other type":         {replace("cosign container image signature", "atomic container signature"), "is of the type"},
		"two digests":        {replace(`"image":{`, `"image":{"docker-manifest-digest":"sha256:00",`), "twice"},
		"critical twice":     {replace(`"optional":null`, `"critical":{}`), "twice"},
		"digest in capitals": {replace("docker-manifest-digest", "Docker-Manifest-Digest"), "not understood"},
		"unknown critical":   {replace(`"critical":{`, `"critical":{"until":"2020-01-01",`), "not understood"},
		"unknown in image":   {replace(`"image":{`, `"image":{"platform":"arm64",`), "not understood"},
		"trailing data":      {func(p string, _ *bench) string { return p + "{}" }, "something follows"},
		"no JSON":            {func(string, *bench) string { return "hello" }, "cannot be read"},
		"list":               {func(p string, _ *bench) string { return "[" + p + "]" }, "is of the type"},
		"deep":               {replace(`"optional":null`, `"optional":`+strings.Repeat("[", 100)+strings.Repeat("]", 100)), "too deep"},
		"empty":              {func(string, *bench) string { return "" }, "cannot be read"},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t, "p256")
			b.layer(c.edit(b.payload(), b))
			b.want(nil, image.BadSignature, c.detail)
		})
	}
}

func replace(from, to string) func(string, *bench) string {
	return func(s string, b *bench) string {
		b.tb.Helper()
		edited := strings.Replace(s, from, to, 1)
		if edited == s {
			b.tb.Fatalf("%q is not in %s", from, s)
		}
		return edited
	}
}

func TestRefusedBundles(t *testing.T) {
	statement := func(edit func(string, *bench) string) func(*bench) string {
		return func(b *bench) string { return b.bundle(edit(b.statement(), b)) }
	}
	whole := func(edit func(string, *bench) string) func(*bench) string {
		return func(b *bench) string { return edit(b.bundle(b.statement()), b) }
	}
	for name, c := range map[string]struct {
		bundle func(*bench) string
		reason image.Reason
		detail string
	}{
		"attestation":           {statement(replace(signPredicate, "https://slsa.dev/provenance/v1")), image.Unsigned, "has attestations of cosign, which do not say that it may run"},
		"vulnerability report":  {statement(replace(signPredicate, "https://cosign.sigstore.dev/attestation/vuln/v1")), image.Unsigned, "attestations"},
		"other image":           {statement(replace(`"sha256":"`, `"sha256":"00`)), image.BadSignature, "is of something else"},
		"other digest's name":   {statement(replace(`"sha256":"`, `"sha512":"`)), image.BadSignature, "is of something else"},
		"no subject":            {statement(replace(`"subject"`, `"Subject"`)), image.BadSignature, "is of something else"},
		"two subject lists":     {statement(replace(`"predicate":`, `"subject":[],"predicate":`)), image.BadSignature, "twice"},
		"other statement":       {statement(replace("Statement/v1", "Statement/v9")), image.BadSignature, "not of an in-toto statement"},
		"trailing data":         {statement(func(s string, _ *bench) string { return s + "{}" }), image.BadSignature, "something follows"},
		"other version":         {whole(replace("bundle.v0.3", "bundle.v0.9")), image.BadSignature, "not a bundle of version 0.3"},
		"of bytes":              {whole(replace(`"dsseEnvelope"`, `"messageSignature":{},"dsseEnvelope"`)), image.BadSignature, "sign-blob"},
		"two envelopes":         {whole(replace(`"dsseEnvelope"`, `"dsseEnvelope":{},"dsseEnvelope"`)), image.BadSignature, "twice"},
		"no envelope":           {whole(replace(`"dsseEnvelope"`, `"dsseenvelope"`)), image.BadSignature, "holds no statement"},
		"other payload type":    {whole(replace("in-toto+json", "in-toto+JSON")), image.UntrustedSigner, "of none of the keys"},
		"statement not base64":  {whole(replace(`"payload":"`, `"payload":"!`)), image.BadSignature, "not base64"},
		"signature not base64":  {whole(replace(`"sig":"`, `"sig":"!`)), image.BadSignature, "not base64"},
		"no signature":          {whole(replace(`"signatures":[{`, `"signatures":[],"x":[{`)), image.BadSignature, "holds 0 signatures"},
		"trailing data, bundle": {whole(func(s string, _ *bench) string { return s + "{}" }), image.BadSignature, "something follows"},
		"nonsense":              {func(*bench) string { return "hello" }, image.BadSignature, "cannot be read"},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t, "p256")
			b.attach(c.bundle(b))
			b.want(nil, c.reason, c.detail)
		})
	}
	// What is signed as something else than a statement is none, though the bytes are the same.
	b := newBench(t, "p256")
	e := envelope{payloadType: "text/plain", payload: []byte(b.statement())}
	sig := base64.StdEncoding.EncodeToString(imagetest.SignBytes(t, b.key, 0, e.message()))
	b.attach(`{"mediaType":"` + imagetest.Bundle + `","dsseEnvelope":{"payload":"` + base64.StdEncoding.EncodeToString(e.payload) +
		`","payloadType":"text/plain","signatures":[{"sig":"` + sig + `"}]}}`)
	b.want(nil, image.BadSignature, `is of a "text/plain"`)
}

func TestRefusedManifests(t *testing.T) {
	b := newBench(t, "p256")
	b.want(nil, image.Unsigned, "has no cosign signature in "+repository)

	b = newBench(t, "p256")
	big := b.source.PutBlob(t, imagetest.SimpleSigning, make([]byte, image.MaxEnvelope+1))
	imagetest.CosignTag(t, b.source, b.image, big)
	b.want(nil, image.BadSignature, "at most 1048576 are read")

	b = newBench(t, "p256")
	unsigned := b.source.PutBlob(t, imagetest.SimpleSigning, []byte(b.payload()))
	imagetest.CosignTag(t, b.source, b.image, unsigned)
	b.want(nil, image.BadSignature, "is not base64")

	// A manifest that belongs to another image, in the list of this one.
	b = newBench(t, "p256")
	other := imagetest.Image(t, b.source, "other")
	imagetest.CosignBundle(t, b.source, b.key, other, []byte(b.statement()))
	v, a := b.verifier(nil), b.artifact()
	if got := v.Verify(t.Context(), elsewhere{b.source, other}, a); got.Reason != image.BadSignature || !strings.Contains(got.Detail, "belongs to something else") {
		t.Errorf("%+v", got)
	}

	// An index under the tag.
	b = newBench(t, "p256")
	b.source.PutManifest(t, ocispec.MediaTypeImageIndex, []byte("{}"), "sha256-"+b.image.Digest.Encoded()+".sig")
	b.want(nil, image.BadSignature, "no image manifest")
}

// elsewhere lists what belongs to another subject.
type elsewhere struct {
	*imagetest.Source
	subject ocispec.Descriptor
}

func (e elsewhere) Referrers(ctx context.Context, r reference.Named, _ ocispec.Descriptor, t string) ([]ocispec.Descriptor, error) {
	return e.Source.Referrers(ctx, r, e.subject, t)
}

// Whoever can push can put worthless signatures in front of a good one, and other things beside it.
func TestBogusSignatures(t *testing.T) {
	for _, c := range []struct {
		bogus  int
		reason image.Reason
	}{{20, image.Verified}, {49, image.Verified}, {50, image.UntrustedSigner}} {
		b := newBench(t, "p256")
		mallory := imagetest.Key(t, "p256")
		var layers []ocispec.Descriptor
		for range c.bogus {
			layers = append(layers, imagetest.CosignLayer(t, b.source, mallory, []byte(b.payload())))
		}
		imagetest.CosignTag(t, b.source, b.image, append(layers, imagetest.CosignLayer(t, b.source, b.key, []byte(b.payload())))...)
		b.want(nil, c.reason, "")
		if n := b.source.Calls(imagetest.OpBlob); n != 1 {
			t.Errorf("the same payload was fetched %d times", n)
		}

		b = newBench(t, "p256")
		for i := range c.bogus {
			statement := strings.Replace(b.statement(), `"predicate":{}`, `"predicate":{"n":`+strings.Repeat("1", i+1)+`}`, 1)
			imagetest.CosignBundle(t, b.source, mallory, b.image, []byte(statement))
		}
		b.attach(b.bundle(b.statement()))
		b.want(nil, c.reason, "")
	}
}

// Some tools list bundles by the type of their empty configuration; bundles that are listed as such are looked at first.
func TestBundleListedByItsConfiguration(t *testing.T) {
	b := newBench(t, "p256")
	b.attach(b.bundle(b.statement()))
	a := b.artifact()
	if got := b.verifier(nil).Verify(t.Context(), relabel{b.source}, a); !got.Verified() {
		t.Errorf("%+v", got)
	}
}

type relabel struct{ *imagetest.Source }

func (r relabel) Referrers(ctx context.Context, n reference.Named, s ocispec.Descriptor, t string) ([]ocispec.Descriptor, error) {
	list, err := r.Source.Referrers(ctx, n, s, t)
	for i := range list {
		list[i].ArtifactType = ocispec.MediaTypeEmptyJSON
	}
	return list, err
}

func TestSameRepository(t *testing.T) {
	strict := func(o *Options) { o.SameRepository = true }
	for claimed, reason := range map[string]image.Reason{
		repository:                            image.Verified,
		repository + ":1.2":                   image.Verified,
		"registry.example.com/team/other":     image.BadSignature,
		"registry.example.com:5000/team/app":  image.BadSignature,
		"index.registry.example.com/team/app": image.BadSignature,
		"":                                    image.BadSignature,
		"REGISTRY/…":                          image.BadSignature,
	} {
		b := newBench(t, "p256")
		b.layer(string(imagetest.CosignPayload(claimed, b.image)))
		b.want(nil, image.Verified, "")
		b.want(strict, reason, "")
	}
	b := newBench(t, "p256")
	b.attach(b.bundle(b.statement()))
	b.want(strict, image.BadSignature, "names no repository")
}

func TestSourceFails(t *testing.T) {
	down := &image.UnavailableError{Host: "registry.example.com", Why: "answers with status 503"}
	for _, op := range []string{imagetest.OpTagged, imagetest.OpReferrers, imagetest.OpManifest, imagetest.OpBlob} {
		b := newBench(t, "p256")
		b.attach(b.bundle(b.statement()))
		b.source.Fail(op, down)
		if op == imagetest.OpTagged {
			// The signature is elsewhere.
			b.want(nil, image.Verified, "")
			continue
		}
		b.want(nil, image.RegistryUnavailable, "answers with status 503")
		b.source.Fail(op, nil)
		b.source.Hang(op)
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
		if got := b.verifier(nil).Verify(ctx, b.source, b.artifact()); got.Reason != image.Timeout {
			t.Errorf("%s hangs: %+v", op, got)
		}
		cancel()
	}
}

func TestOptionsAreRefused(t *testing.T) {
	good := imagetest.PublicPEM(t, imagetest.Key(t, "p256"))
	p521, err := ecdsa.GenerateKey(elliptic.P521(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	for text, keys := range map[string][]Key{
		`no keys to trust; fix:`:                        nil,
		`a key has no name`:                             {{PEM: good}},
		`key "k" is not PEM; fix:`:                      {{Name: "k", PEM: []byte("hello")}},
		`key "k" is a "PRIVATE KEY"; fix:`:              {{Name: "k", PEM: bytes.ReplaceAll(good, []byte("PUBLIC"), []byte("PRIVATE"))}},
		`key "k" is followed by something else`:         {{Name: "k", PEM: append(bytes.Clone(good), good...)}},
		`key "k" is on the curve P-521; fix:`:           {{Name: "k", PEM: imagetest.PublicPEM(t, p521)}},
		`key "k" has 1024 bits; fix:`:                   {{Name: "k", PEM: imagetest.PublicPEM(t, imagetest.Key(t, "rsa1024"))}},
		`key "k" cannot be read`:                        {{Name: "k", PEM: []byte("-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n")}},
		`key "b" is there twice, by name or by content`: {{Name: "a", PEM: good}, {Name: "b", PEM: good}},
	} {
		if _, err := New(Options{Keys: keys}); err == nil || !strings.Contains(err.Error(), text) {
			t.Errorf("got %v\nwant %s", err, text)
		}
	}
}

func TestFingerprint(t *testing.T) {
	a, b := Key{"a", imagetest.PublicPEM(t, imagetest.Key(t, "p256"))}, Key{"b", imagetest.PublicPEM(t, imagetest.Key(t, "p256"))}
	of := func(o Options) string {
		v, err := New(o)
		if err != nil {
			t.Fatal(err)
		}
		return v.Fingerprint()
	}
	same := of(Options{Keys: []Key{a, b}})
	if same != of(Options{Keys: []Key{b, a}}) {
		t.Error("the order of keys changes it")
	}
	for _, o := range []Options{{Keys: []Key{a}}, {Keys: []Key{a, b}, SameRepository: true}, {Keys: []Key{{"b", a.PEM}, {"a", b.PEM}}}} {
		if of(o) == same {
			t.Errorf("%+v has the same", o)
		}
	}
}

func FuzzDecode(f *testing.F) {
	f.Add([]byte(`{"a":[1,{"b":"c"}],"d":null}`))
	f.Add([]byte(`{"a":1,"a":2}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		v, err := decode(b)
		if err == nil && v == nil && string(bytes.TrimSpace(b)) != "null" {
			t.Errorf("%q is nothing", b)
		}
	})
}

func BenchmarkVerify(b *testing.B) {
	for _, kind := range kinds {
		b.Run(kind, func(b *testing.B) {
			bench := newBench(b, kind)
			imagetest.CosignSign(b, bench.source, bench.key, repository, bench.image)
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
