package imagetest

import (
	"testing"

	"github.com/distribution/reference"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"caisson/authz/image"
)

// What a registry keeps, it gives back to others than the store that put it there.
func TestRegistryKeepsReferrers(t *testing.T) {
	for _, api := range []bool{true, false} {
		r := NewRegistry(t, api)
		repo := r.Repository(t, "team/app")
		d := Image(t, repo, "hello")
		sig := Sign(t, repo, d, SignOptions{PKI: NewPKI(t, PKIOptions{}), MediaType: COSE})
		found := 0
		must(t, r.Repository(t, "team/app").remote.Referrers(t.Context(), d, Notation, func(list []ocispec.Descriptor) error {
			for _, l := range list {
				if l.Digest == sig.Digest {
					found++
				}
			}
			return nil
		}))
		if found != 1 {
			t.Errorf("referrers API %v: found the signature %d times", api, found)
		}
	}
}

func TestSource(t *testing.T) {
	s := NewSource()
	d := Image(t, s, "hello")
	sig := Sign(t, s, d, SignOptions{PKI: NewPKI(t, PKIOptions{})})
	name, err := reference.ParseNormalizedNamed("registry.example.com/app")
	must(t, err)
	list, err := s.Referrers(t.Context(), name, d, Notation)
	must(t, err)
	if len(list) != 1 || list[0].Digest != sig.Digest {
		t.Errorf("referrers: %v", list)
	}
	if list, _ := s.Referrers(t.Context(), name, d, Bundle); len(list) != 0 {
		t.Errorf("referrers of another type: %v", list)
	}
	s.Fail(OpBlob, image.ErrNotFound)
	if _, err := s.Blob(t.Context(), name, d, 1); err == nil {
		t.Error("a failing source gave a blob")
	}
	if n := s.Calls(OpReferrers); n != 2 {
		t.Errorf("%d calls", n)
	}
}
