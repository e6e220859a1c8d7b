package image

import (
	"strings"
	"testing"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

func TestReadManifest(t *testing.T) {
	for _, c := range []struct{ name, bytes, as, want, err string }{
		{"OCI manifest", `{"mediaType":"` + ocispec.MediaTypeImageManifest + `","config":{},"layers":[]}`, ocispec.MediaTypeImageManifest, ocispec.MediaTypeImageManifest, ""},
		{"type from the bytes", `{"mediaType":"` + MediaTypeDockerIndex + `","manifests":[]}`, "", MediaTypeDockerIndex, ""},
		{"type from the header", `{"config":{},"layers":[]}`, ocispec.MediaTypeImageManifest, ocispec.MediaTypeImageManifest, ""},
		{"index from its shape", `{"manifests":[]}`, "", ocispec.MediaTypeImageIndex, ""},
		{"manifest from its shape", `{"config":{},"layers":[]}`, "", ocispec.MediaTypeImageManifest, ""},
		{"header and bytes differ", `{"mediaType":"` + ocispec.MediaTypeImageIndex + `","manifests":[]}`, ocispec.MediaTypeImageManifest, "", "says of itself"},
		{"index with layers", `{"manifests":[],"layers":[]}`, ocispec.MediaTypeImageIndex, "", "as only a manifest has"},
		{"manifest with manifests", `{"config":{},"layers":[],"manifests":[]}`, ocispec.MediaTypeImageManifest, "", "as only an index does"},
		{"both, untyped", `{"config":{},"manifests":[]}`, "", "", `the media type ""`},
		{"schema 1", `{"schemaVersion":1,"fsLayers":[]}`, "application/vnd.docker.distribution.manifest.v1+prettyjws", "", "not that of a manifest"},
		{"not JSON", `<html>`, ocispec.MediaTypeImageManifest, "", "no JSON"},
		{"too large", strings.Repeat(" ", MaxManifest) + "{}", ocispec.MediaTypeImageManifest, "", "larger than 4 MiB"},
	} {
		m, err := ReadManifest([]byte(c.bytes), digest.FromString(c.bytes), c.as)
		switch {
		case c.err == "" && err != nil, c.err != "" && (err == nil || !strings.Contains(err.Error(), c.err)):
			t.Errorf("%s: error %v, want %q", c.name, err, c.err)
		case m.Descriptor.MediaType != c.want:
			t.Errorf("%s: media type %q, want %q", c.name, m.Descriptor.MediaType, c.want)
		case err == nil && m.Descriptor.Size != int64(len(c.bytes)):
			t.Errorf("%s: size %d", c.name, m.Descriptor.Size)
		}
	}
}

func TestReadManifestHashes(t *testing.T) {
	b := []byte(`{"manifests":[]}`)
	for _, d := range []digest.Digest{digest.FromString("other"), "", "md5:00", "sha256:00", "sha256:../../x"} {
		if m, err := ReadManifest(b, d, ""); err == nil || m.Bytes != nil {
			t.Errorf("digest %q: accepted", d)
		}
	}
	if _, err := ReadManifest(b, digest.SHA512.FromBytes(b), ""); err != nil {
		t.Errorf("sha512: %v", err)
	}
}
