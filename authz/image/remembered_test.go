package image_test

import (
	"context"
	"testing"
	"time"

	"caisson/authz/image"
	"caisson/authz/state"
)

// ending is a verifier whose signature ends while it is being verified.
type ending struct{ asked int }

func (*ending) Kind() string { return "test" }

func (e *ending) Verify(context.Context, image.Source, image.Artifact) image.Verdict {
	if e.asked++; e.asked > 1 {
		return image.Verdict{Reason: image.Expired, Detail: "has a signature that has expired"}
	}
	return image.Verdict{Reason: image.Verified, ValidUntil: time.Now().Add(-time.Millisecond)}
}

// TestEndsWhileVerified has a signature end between its verification and the moment at which the verdict is remembered.
func TestEndsWhileVerified(t *testing.T) {
	r := newRegistry()
	m := r.manifest(good)
	p := policy(r, nil)
	p.Statements[0].Verifier = new(ending)
	a, e := image.NewAssessor(), engineWith(map[string]*state.Image{"x": graph(good, m)})
	assess(t, a, p, e, image.Question{Ref: "x"})
	time.Sleep(10 * time.Millisecond)
	for _, q := range []image.Question{{Ref: "x", ID: good}, {Ref: "x"}} {
		if got := assess(t, a, p, e, q).Verdict; got.Reason != image.Expired {
			t.Errorf("%+v: %q, want %q", q, got.Reason, image.Expired)
		}
	}
}
