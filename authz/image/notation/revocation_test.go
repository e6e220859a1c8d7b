package notation

import (
	"crypto/x509"
	"testing"
	"time"

	"caisson/authz/image"
	"caisson/authz/image/imagetest"
	"caisson/authz/image/revocation"
)

func mode(m revocation.Mode) func(*Options) { return func(o *Options) { o.Revocation = m } }

// Faults of responders at each mode and level. A verification ends within a second for each responder that is asked in turn.
func TestRevocationFaults(t *testing.T) {
	const good, revoked, unknown, refuse, hang = imagetest.Good, imagetest.Revoked, imagetest.Unknown, imagetest.Refuse, imagetest.Hang
	for _, c := range []struct {
		name           string
		hasOCSP        bool
		hasCRL         bool
		ocsp, crl      imagetest.Answer
		require, known image.Reason // in these modes; known has nothing to fall back on here
		detail         string
	}{
		{"no responder", false, false, good, good, image.Verified, image.Verified, ""},
		{"OCSP good", true, false, good, good, image.Verified, image.Verified, ""},
		{"CRL good", false, true, good, good, image.Verified, image.Verified, ""},
		{"OCSP revoked", true, false, revoked, good, image.Revoked, image.Revoked, "whose certificate CN=release,O=Caisson,ST=Berlin,C=DE is revoked"},
		{"OCSP revoked, CRL good", true, true, revoked, good, image.Revoked, image.Revoked, "is revoked"},
		{"CRL revoked", false, true, good, revoked, image.Revoked, image.Revoked, "is revoked"},
		{"OCSP away, CRL revoked", true, true, refuse, revoked, image.Revoked, image.Revoked, "is revoked"},
		{"OCSP unknown", true, false, unknown, good, image.RevocationUnknown, image.RevocationUnknown, "may be revoked"},
		{"OCSP unknown, CRL good", true, true, unknown, good, image.Verified, image.Verified, ""},
		{"OCSP refused", true, false, refuse, good, image.RevocationUnknown, image.RevocationUnknown, "cannot be reached"},
		{"OCSP refused, CRL good", true, true, refuse, good, image.Verified, image.Verified, ""},
		{"CRL not there", false, true, good, unknown, image.RevocationUnknown, image.RevocationUnknown, "answers with status 404"},
		{"OCSP hangs", true, false, hang, good, image.RevocationUnknown, image.RevocationUnknown, "does not answer in time"},
		{"OCSP and CRL hang", true, true, hang, hang, image.RevocationUnknown, image.RevocationUnknown, "does not answer in time"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t).revocable(c.hasOCSP, c.hasCRL)
			b.sign(imagetest.SignOptions{})
			b.responder.Set(c.ocsp, c.crl)
			verify := func(reason image.Reason, detail string, change func(*Options)) {
				t.Helper()
				want(t, b.verify(change), reason, detail)
			}
			verify(c.require, c.detail, nil)
			verify(c.known, c.detail, mode(revocation.LastKnown))
			verify(image.Verified, "", permissive)
			asked := b.responder.Requests()
			verify(image.Verified, "", mode(revocation.Ignore))
			if n := b.responder.Requests() - asked; n != 0 {
				t.Errorf("%d requests though revocations are ignored", n)
			}
		})
	}
}

// What is known of revocations bounds the verdict.
func TestRevocationBounds(t *testing.T) {
	for _, c := range []struct{ validity, bound time.Duration }{
		{time.Hour, time.Hour},
		{72 * time.Hour, 24 * time.Hour},
	} {
		b := newBench(t).revocable(true, true)
		b.pki = b.pki.Issue(t, imagetest.PKIOptions{NotAfter: now.AddDate(1, 0, 0), OCSP: b.responder.OCSP()})
		b.responder.Serve(b.pki)
		b.responder.SetValidity(c.validity)
		b.sign(imagetest.SignOptions{})
		got := b.verify(nil)
		want(t, got, image.Verified, "")
		if left := time.Until(got.ValidUntil); left > c.bound || left < c.bound-time.Minute {
			t.Errorf("valid for %v, not %v", left, c.bound)
		}
	}
}

// A good signature of which nobody can tell whether it is revoked says more than a stranger's beside it.
func TestUnknownBesideAStranger(t *testing.T) {
	b := newBench(t).revocable(true, false)
	b.sign(imagetest.SignOptions{PKI: imagetest.NewPKI(t, imagetest.PKIOptions{})})
	b.sign(imagetest.SignOptions{})
	b.responder.Set(imagetest.Refuse, imagetest.Refuse)
	got := b.verify(nil)
	want(t, got, image.RevocationUnknown, "cannot be reached")
	if !got.Unsettled() {
		t.Error("it stays so")
	}
}

// A timestamping authority can be revoked as well, and ignoring means to ask for it neither.
func TestTSARevocation(t *testing.T) {
	b := newBench(t)
	b.responder = imagetest.NewResponder(t)
	b.tsa = imagetest.NewTSA(t, imagetest.PKIOptions{OCSP: b.responder.OCSP()})
	b.responder.Serve(b.tsa.PKI)
	b.sign(imagetest.SignOptions{TSA: b.tsa})
	trust := withTSA(b, Always)
	want(t, b.verify(trust), image.Verified, "")
	b.responder.Set(imagetest.Revoked, imagetest.Good)
	want(t, b.verify(trust), image.Revoked, "with a timestamp whose certificate CN=release,O=Caisson,ST=Berlin,C=DE is revoked")
	b.responder.Set(imagetest.Refuse, imagetest.Refuse)
	want(t, b.verify(trust), image.RevocationUnknown, "cannot be reached")
	asked := b.responder.Requests()
	want(t, b.verify(func(o *Options) { trust(o); o.Revocation = revocation.Ignore }), image.Verified, "")
	if n := b.responder.Requests() - asked; n != 0 {
		t.Errorf("%d requests though revocations are ignored", n)
	}
}

// The last answer counts while the responder is away, in this process and after it.
func TestLastKnown(t *testing.T) {
	for _, ocsp := range []bool{true, false} {
		b := newBench(t).revocable(ocsp, !ocsp)
		b.sign(imagetest.SignOptions{})
		dir := t.TempDir()
		o := func(o *Options) { o.Revocation, o.Answers = revocation.LastKnown, revocation.NewAnswers(dir) }
		v := b.verifier(o)
		want(t, v.Verify(t.Context(), b.source, b.artifact()), image.Verified, "")
		b.responder.Set(imagetest.Refuse, imagetest.Refuse)
		want(t, v.Verify(t.Context(), b.source, b.artifact()), image.Verified, "")
		want(t, b.verify(o), image.Verified, "")
		want(t, b.verify(mode(revocation.LastKnown)), image.RevocationUnknown, "cannot be reached")
	}
}

// Nobody is asked before the chain is known to end in the trust store: its URLs would be an attacker's.
func TestStrangersNameNoResponders(t *testing.T) {
	b := newBench(t).revocable(true, true)
	b.sign(imagetest.SignOptions{})
	other := imagetest.NewPKI(t, imagetest.PKIOptions{})
	want(t, b.verify(func(o *Options) { o.CA = []*x509.Certificate{other.Root.Certificate} }), image.UntrustedSigner, "not trusted")
	if n := b.responder.Requests(); n != 0 {
		t.Errorf("%d requests to responders that a stranger names", n)
	}
}
