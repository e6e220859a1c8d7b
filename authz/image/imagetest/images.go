package imagetest

import (
	"encoding/json"
	"testing"

	"github.com/opencontainers/go-digest"
	"github.com/opencontainers/image-spec/specs-go"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

// Image puts a small image for linux/amd64 into a store and describes its manifest. Images of different contents differ.
func Image(tb testing.TB, s Store, content string) ocispec.Descriptor {
	tb.Helper()
	return PlatformImage(tb, s, content, ocispec.Platform{OS: "linux", Architecture: "amd64"})
}

// PlatformImage is [Image] for some platform.
func PlatformImage(tb testing.TB, s Store, content string, p ocispec.Platform) ocispec.Descriptor {
	tb.Helper()
	layer := s.PutBlob(tb, ocispec.MediaTypeImageLayer, []byte(content))
	config := s.PutBlob(tb, ocispec.MediaTypeImageConfig, marshal(tb, ocispec.Image{
		Platform: p, RootFS: ocispec.RootFS{Type: "layers", DiffIDs: []digest.Digest{layer.Digest}},
	}))
	d := s.PutManifest(tb, ocispec.MediaTypeImageManifest, marshal(tb, ocispec.Manifest{
		Versioned: specs.Versioned{SchemaVersion: 2}, MediaType: ocispec.MediaTypeImageManifest,
		Config: config, Layers: []ocispec.Descriptor{layer},
	}), "")
	d.Platform = &p
	return d
}

// Index puts an index of manifests into a store and describes it.
func Index(tb testing.TB, s Store, manifests ...ocispec.Descriptor) ocispec.Descriptor {
	tb.Helper()
	return s.PutManifest(tb, ocispec.MediaTypeImageIndex, marshal(tb, ocispec.Index{
		Versioned: specs.Versioned{SchemaVersion: 2}, MediaType: ocispec.MediaTypeImageIndex, Manifests: manifests,
	}), "")
}

// Attach puts a manifest with some layers into a store that says it belongs to a subject. The type is that of its configuration, as for
// signatures of notation, or, with an empty configuration, its artifact type.
func Attach(tb testing.TB, s Store, subject ocispec.Descriptor, artifactType string, emptyConfig bool, layers ...ocispec.Descriptor) ocispec.Descriptor {
	tb.Helper()
	subject = ocispec.Descriptor{MediaType: subject.MediaType, Digest: subject.Digest, Size: subject.Size}
	m := ocispec.Manifest{
		Versioned: specs.Versioned{SchemaVersion: 2}, MediaType: ocispec.MediaTypeImageManifest, Subject: &subject, Layers: layers,
	}
	if emptyConfig {
		m.ArtifactType = artifactType
		m.Config = s.PutBlob(tb, ocispec.MediaTypeEmptyJSON, []byte("{}"))
	} else {
		m.Config = s.PutBlob(tb, artifactType, []byte("{}"))
	}
	return s.PutManifest(tb, ocispec.MediaTypeImageManifest, marshal(tb, m), "")
}

func marshal(tb testing.TB, v any) []byte {
	tb.Helper()
	b, err := json.Marshal(v)
	must(tb, err)
	return b
}
