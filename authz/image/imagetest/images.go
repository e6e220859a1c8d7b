package imagetest

import (
	"encoding/json"
	"testing"

	"github.com/opencontainers/go-digest"
	"github.com/opencontainers/image-spec/specs-go"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

// Image puts a small image for linux/amd64 into a store and describes its manifest. Images of different contents differ.
func Image(t testing.TB, s Store, content string) ocispec.Descriptor {
	t.Helper()
	return PlatformImage(t, s, content, ocispec.Platform{OS: "linux", Architecture: "amd64"})
}

// PlatformImage is [Image] for some platform.
func PlatformImage(t testing.TB, s Store, content string, p ocispec.Platform) ocispec.Descriptor {
	t.Helper()
	layer := s.PutBlob(t, ocispec.MediaTypeImageLayer, []byte(content))
	config := s.PutBlob(t, ocispec.MediaTypeImageConfig, marshal(t, ocispec.Image{
		Platform: p, RootFS: ocispec.RootFS{Type: "layers", DiffIDs: []digest.Digest{layer.Digest}},
	}))
	d := s.PutManifest(t, ocispec.MediaTypeImageManifest, marshal(t, ocispec.Manifest{
		Versioned: specs.Versioned{SchemaVersion: 2}, MediaType: ocispec.MediaTypeImageManifest,
		Config: config, Layers: []ocispec.Descriptor{layer},
	}), "")
	d.Platform = &p
	return d
}

// Index puts an index of manifests into a store and describes it.
func Index(t testing.TB, s Store, manifests ...ocispec.Descriptor) ocispec.Descriptor {
	t.Helper()
	return s.PutManifest(t, ocispec.MediaTypeImageIndex, marshal(t, ocispec.Index{
		Versioned: specs.Versioned{SchemaVersion: 2}, MediaType: ocispec.MediaTypeImageIndex, Manifests: manifests,
	}), "")
}

// Attach puts a manifest with some layers into a store that says it belongs to a subject. The type is that of its configuration, as for
// signatures of notation, or, with an empty configuration, its artifact type.
func Attach(t testing.TB, s Store, subject ocispec.Descriptor, artifactType string, emptyConfig bool, layers ...ocispec.Descriptor) ocispec.Descriptor {
	t.Helper()
	subject = ocispec.Descriptor{MediaType: subject.MediaType, Digest: subject.Digest, Size: subject.Size}
	m := ocispec.Manifest{
		Versioned: specs.Versioned{SchemaVersion: 2}, MediaType: ocispec.MediaTypeImageManifest, Subject: &subject, Layers: layers,
	}
	if emptyConfig {
		m.ArtifactType = artifactType
		m.Config = s.PutBlob(t, ocispec.MediaTypeEmptyJSON, []byte("{}"))
	} else {
		m.Config = s.PutBlob(t, artifactType, []byte("{}"))
	}
	return s.PutManifest(t, ocispec.MediaTypeImageManifest, marshal(t, m), "")
}

func marshal(t testing.TB, v any) []byte {
	t.Helper()
	b, err := json.Marshal(v)
	must(t, err)
	return b
}
