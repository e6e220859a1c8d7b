package image_test

import (
	"testing"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"caisson/authz/image"
	"caisson/authz/state"
)

// TestDeniedWithoutItsName denies images by digests that the Engine no longer shows: whoever may remove an image's names takes them away, and
// its containers stay.
func TestDeniedWithoutItsName(t *testing.T) {
	r, keep := newRegistry(), newRegistry()
	m := r.manifest(good)
	index := r.index(map[string]ocispec.Descriptor{"amd64": m})
	known := image.NewAssessor()
	known.Keep = keep
	p := policy(r, signs(m))
	before := engineWith(map[string]*state.Image{"x": graph(good, m)})
	if got := assess(t, known, p, before, image.Question{Ref: "x"}).Verdict; !got.Verified() {
		t.Fatalf("%+v", got)
	}
	for _, tt := range []struct {
		name        string
		e           *engine
		q           image.Question
		deny, allow digest.Digest
	}{
		{"untagged", engineWith(map[string]*state.Image{"y": graph(good)}), image.Question{Ref: "y"}, m.Digest, ""},
		{"untagged, on the allow list too", engineWith(map[string]*state.Image{"y": graph(good)}), image.Question{Ref: "y"}, m.Digest, good},
		{"removed under its container", engineWith(nil), image.Question{Ref: "x", ID: good}, m.Digest, ""},
		{"called by its index", engineWith(map[string]*state.Image{"x": graph(good, index)}), image.Question{Ref: "x"}, m.Digest, ""},
		{"called by its index, on the allow list too", engineWith(map[string]*state.Image{"x": graph(good, index)}), image.Question{Ref: "x"}, m.Digest, index.Digest},
	} {
		a := image.NewAssessor()
		a.Keep = keep
		denying := policy(r, signs(m, index))
		denying.Deny, denying.Generation = map[digest.Digest]bool{tt.deny: true}, "2"
		denying.Allow = map[digest.Digest]bool{tt.allow: true}
		if got := assess(t, a, denying, tt.e, tt.q).Verdict; got.Reason != image.DigestDenied {
			t.Errorf("%s: %s (%s), want %s", tt.name, got.Reason, got.Detail, image.DigestDenied)
		}
	}
}

// TestDeniedService names an image for a service that is on both lists, of a repository that no statement is about.
func TestDeniedService(t *testing.T) {
	r := newRegistry()
	m := r.manifest(good)
	p := policy(r, signs())
	p.Allow = map[digest.Digest]bool{m.Digest: true}
	p.Deny = p.Allow
	q := image.Question{Ref: "registry.example.com/else@" + m.Digest.String(), Remote: true}
	if got := assess(t, image.NewAssessor(), p, engineWith(nil), q).Verdict; got.Reason != image.DigestDenied {
		t.Errorf("%s (%s), want %s", got.Reason, got.Detail, image.DigestDenied)
	}
}
