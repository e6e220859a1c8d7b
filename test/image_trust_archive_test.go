package test

import (
	"archive/tar"
	"bytes"
	"errors"
	"io"
	"testing"

	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

// renamed copies an archive of docker save, in which the image gets another name where containerd's store looks for it.
func renamed(t testing.TB, from, to, name string) {
	t.Helper()
	text := read(t, from)
	var out bytes.Buffer
	w := tar.NewWriter(&out)
	found := false
	for r := tar.NewReader(bytes.NewReader(text)); ; {
		header, err := r.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		content, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		switch header.Name {
		case "manifest.json": // for the stores of old
			continue
		case "index.json":
			content, found = renamedIndex(t, content, name), true
			header.Size = int64(len(content))
		}
		if err := w.WriteHeader(header); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write(content); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil || !found {
		t.Fatalf("no OCI image layout: %v", err)
	}
	write(t, to, out.String())
}

func renamedIndex(t testing.TB, content []byte, name string) []byte {
	t.Helper()
	var index ocispec.Index
	unmarshal(t, content, &index)
	for i := range index.Manifests {
		index.Manifests[i].Annotations = map[string]string{"io.containerd.image.name": name}
	}
	return marshal(t, index)
}
