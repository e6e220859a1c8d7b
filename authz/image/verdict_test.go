package image_test

import (
	"context"
	"testing"
	"time"

	"caisson/authz/image"
	"caisson/authz/state"
)

// TestTelling puts verdicts on several signatures together: one that nobody could tell of may have been good.
func TestTelling(t *testing.T) {
	for _, c := range []struct {
		reasons []image.Reason
		want    image.Reason
		passes  bool
	}{
		{[]image.Reason{image.UntrustedSigner, image.Unsigned}, image.UntrustedSigner, false},
		{[]image.Reason{image.Unsigned, image.UntrustedSigner}, image.UntrustedSigner, false},
		{[]image.Reason{image.Unknown, image.UntrustedSigner}, image.UntrustedSigner, false},
		{[]image.Reason{image.Unknown, image.Unknown}, image.Unknown, true},
		{[]image.Reason{image.UntrustedSigner, image.RegistryUnavailable}, image.UntrustedSigner, true},
		{[]image.Reason{image.Timeout, image.BadSignature, image.Unsigned}, image.BadSignature, true},
		{[]image.Reason{image.UntrustedSigner, image.RevocationUnknown}, image.RevocationUnknown, true},
		{[]image.Reason{image.Revoked, image.NotYetValid}, image.Revoked, true},
		{[]image.Reason{image.RegistryDenied, image.Verified}, image.Verified, false},
	} {
		var got image.Verdict
		for i, r := range c.reasons {
			v := image.Verdict{Reason: r}
			if i == 0 {
				got = v
				continue
			}
			got = image.Telling(got, v)
		}
		if got.Reason != c.want || got.Unsettled() != c.passes {
			t.Errorf("%q: %q, passes %t", c.reasons, got.Reason, got.Unsettled())
		}
	}
}

// saying is a verifier that says what it is told to.
type saying struct{ verdict image.Verdict }

func (*saying) Kind() string { return "test" }

func (s *saying) Verify(context.Context, image.Source, image.Artifact) image.Verdict {
	return s.verdict
}

// TestUnreadIsLookedAtAgain has an image with a stranger's signature, and one that could not be read. It does not stay refused for as long as one that
// only strangers have signed.
func TestUnreadIsLookedAtAgain(t *testing.T) {
	r := newRegistry()
	m := r.manifest(good)
	v := &saying{verdict: image.Telling(image.Verdict{Reason: image.UntrustedSigner}, image.Verdict{Reason: image.RegistryUnavailable})}
	p := policy(r, nil)
	p.Statements[0].Verifier = v
	a, e := image.NewAssessor(), engineWith(map[string]*state.Image{"x": graph(good, m)})
	if got := assess(t, a, p, e, image.Question{Ref: "x"}).Verdict; got.Reason != image.UntrustedSigner || !got.Unsettled() {
		t.Fatalf("%+v", got)
	}
	v.verdict = image.Verdict{Reason: image.Verified, ValidUntil: time.Now().Add(time.Hour)}
	for end := time.Now().Add(time.Minute); !assess(t, a, p, e, image.Question{Ref: "x"}).Verdict.Verified(); time.Sleep(100 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("it is not looked at again")
		}
	}
}
