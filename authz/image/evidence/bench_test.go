package evidence

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

// A layout of 2000 signed images: the first look, a look after somebody else's change, and a question.
func BenchmarkLayout(b *testing.B) {
	r := newRemote()
	var index ocispec.Index
	for i := range 2000 {
		img := r.image(fmt.Sprint(i))
		index.Manifests = append(index.Manifests, img, r.signature(img, fmt.Sprint("envelope", i)))
	}
	dir := b.TempDir()
	_ = os.MkdirAll(filepath.Join(dir, "blobs", "sha256"), 0o700)
	for d, c := range r.content {
		_ = os.WriteFile(filepath.Join(dir, blobName(d)), c, 0o600)
	}
	j, _ := json.Marshal(index)
	_ = os.WriteFile(filepath.Join(dir, "index.json"), j, 0o600)
	l, err := OpenLayout(dir)
	if err != nil {
		b.Fatal(err)
	}
	b.Run("first", func(b *testing.B) {
		for b.Loop() {
			l.graph = nil
			l.current()
		}
	})
	b.Run("changed", func(b *testing.B) {
		for b.Loop() {
			l.stamp = ""
			l.current()
		}
	})
	b.Run("candidates", func(b *testing.B) {
		id := digest.FromString("7")
		for b.Loop() {
			if len(l.Candidates(id)) != 1 {
				b.Fatal("not found")
			}
		}
	})
	b.Run("manifest", func(b *testing.B) {
		for b.Loop() {
			if _, err := l.Manifest(b.Context(), app, index.Manifests[7].Digest); err != nil {
				b.Fatal(err)
			}
		}
	})
}
