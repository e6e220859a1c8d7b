package image_test

import (
	"context"
	"encoding/json"
	"errors"
	"testing"

	"github.com/distribution/reference"
	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"caisson/authz/image"
)

// shelf is a source of manifests.
type shelf map[digest.Digest]image.Manifest

func (s shelf) put(mediaType string, v any, p *ocispec.Platform) ocispec.Descriptor {
	text, _ := json.Marshal(v)
	d := ocispec.Descriptor{MediaType: mediaType, Digest: digest.FromBytes(text), Size: int64(len(text))}
	s[d.Digest] = image.Manifest{Descriptor: d, Bytes: text}
	d.Platform = p
	return d
}

func (s shelf) Manifest(_ context.Context, _ reference.Named, d digest.Digest) (image.Manifest, error) {
	if m, ok := s[d]; ok {
		return m, nil
	}
	return image.Manifest{}, image.ErrNotFound
}

func (s shelf) Tagged(context.Context, reference.Named, string) (image.Manifest, error) {
	return image.Manifest{}, image.ErrNotFound
}

func (s shelf) Referrers(context.Context, reference.Named, ocispec.Descriptor, string) ([]ocispec.Descriptor, error) {
	return nil, nil
}

func (s shelf) Blob(context.Context, reference.Named, ocispec.Descriptor, int64) ([]byte, error) {
	return nil, image.ErrNotFound
}

func TestManifestOf(t *testing.T) {
	s := shelf{}
	linux := func(arch string) *ocispec.Platform { return &ocispec.Platform{OS: "linux", Architecture: arch} }
	child := func(config, arch string) ocispec.Descriptor {
		return s.put(ocispec.MediaTypeImageManifest, ocispec.Manifest{Config: ocispec.Descriptor{Digest: digest.FromString(config)}}, linux(arch))
	}
	amd, arm, v6, v7 := child("amd", "amd64"), child("arm64", "arm64"), child("v6", "arm"), child("v7", "arm")
	index := s.put(ocispec.MediaTypeImageIndex, ocispec.Index{Manifests: []ocispec.Descriptor{amd, arm, v6, v7}}, nil)
	many := make([]ocispec.Descriptor, 20)
	for i := range many {
		many[i] = amd
	}
	crowd := s.put(ocispec.MediaTypeImageIndex, ocispec.Index{Manifests: many}, nil)
	id := digest.FromString
	for name, c := range map[string]struct {
		artifact ocispec.Descriptor
		subject  *image.Subject
		want     digest.Digest // "" if it cannot be told
	}{
		"manifest":            {amd, nil, amd.Digest},
		"configuration":       {index, &image.Subject{ID: id("v7"), Platform: *linux("arm")}, v7.Digest},
		"other configuration": {index, &image.Subject{ID: id("x"), Platform: *linux("amd64")}, ""},
		"only one":            {index, &image.Subject{ID: index.Digest, Platform: *linux("amd64")}, amd.Digest},
		"two variants":        {index, &image.Subject{ID: index.Digest, Platform: *linux("arm")}, ""},
		"selected":            {index, &image.Subject{ID: index.Digest, Manifest: v6.Digest, Platform: *linux("amd64")}, v6.Digest},
		"not in it":           {index, &image.Subject{ID: index.Digest, Manifest: id("x"), Platform: *linux("amd64")}, ""},
		"other platform":      {index, &image.Subject{ID: index.Digest, Platform: *linux("riscv64")}, ""},
		"no subject":          {index, nil, ""},
		"crowd":               {crowd, &image.Subject{ID: id("amd"), Platform: *linux("amd64")}, ""},
	} {
		got, err := image.ManifestOf(t.Context(), s, image.Artifact{Descriptor: c.artifact, Subject: c.subject})
		if got.Digest != c.want || (c.want == "") != errors.Is(err, image.ErrPlatform) {
			t.Errorf("%s: got %s and %v, want %s", name, got.Digest, err, c.want)
		}
	}
	delete(s, index.Digest)
	if _, err := image.ManifestOf(t.Context(), s, image.Artifact{Descriptor: index, Subject: &image.Subject{}}); !errors.Is(err, image.ErrNotFound) {
		t.Errorf("an index that is gone: %v", err)
	}
}
