package cosign

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"caisson/authz/image"
	"caisson/authz/image/imagetest"
)

// What sigstore's libraries sign is verified, and nothing else than what they signed.
func TestSigstoreVectors(t *testing.T) {
	signed := ocispec.Descriptor{
		MediaType: ocispec.MediaTypeImageManifest, Size: 1234,
		Digest: "sha256:87ef60f558bad79beea6425a3b28989f01dd417164150ab3baab98dcbf04def8",
	}
	other := signed
	other.Digest = digest.FromString("other")
	read := func(name string) []byte {
		b, err := os.ReadFile(filepath.Join("testdata", name))
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	for _, kind := range []string{"p256", "p384", "ed25519"} {
		v, err := New(Options{Keys: []Key{{Name: kind, PEM: read(kind + ".pub")}}, SameRepository: false})
		if err != nil {
			t.Fatal(err)
		}
		for form, put := range map[string]func(*bench){
			"payload": func(b *bench) {
				layer := b.source.PutBlob(t, imagetest.SimpleSigning, read(kind+".payload.json"))
				layer.Annotations = map[string]string{signatureAnnotation: string(read(kind + ".payload.sig"))}
				imagetest.CosignTag(t, b.source, b.image, layer)
			},
			"bundle": func(b *bench) { b.attach(string(read(kind + ".bundle.json"))) },
		} {
			for d, reason := range map[*ocispec.Descriptor]image.Reason{&signed: image.Verified, &other: image.BadSignature} {
				b := newBench(t, "p256")
				b.image = *d
				put(b)
				if got := v.Verify(t.Context(), b.source, b.artifact()); got.Reason != reason {
					t.Errorf("%s %s: got %q (the image %s), want %q", kind, form, got.Reason, got.Detail, reason)
				}
			}
		}
	}
}
