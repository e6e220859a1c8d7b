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
func renamed(tb testing.TB, from, to, name string) {
	tb.Helper()
	text := read(tb, from)
	var out bytes.Buffer
	w := tar.NewWriter(&out)
	found := false
	for r := tar.NewReader(bytes.NewReader(text)); ; {
		header, err := r.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			tb.Fatal(err)
		}
		content, err := io.ReadAll(r)
		if err != nil {
			tb.Fatal(err)
		}
		switch header.Name {
		case "manifest.json": // for the stores of old
			continue
		case "index.json":
			content, found = renamedIndex(tb, content, name), true
			header.Size = int64(len(content))
		}
		if err := w.WriteHeader(header); err != nil {
			tb.Fatal(err)
		}
		if _, err := w.Write(content); err != nil {
			tb.Fatal(err)
		}
	}
	if err := w.Close(); err != nil || !found {
		tb.Fatalf("no OCI image layout: %v", err)
	}
	write(tb, to, out.String())
}

func renamedIndex(tb testing.TB, content []byte, name string) []byte {
	tb.Helper()
	var index ocispec.Index
	unmarshal(tb, content, &index)
	for i := range index.Manifests {
		index.Manifests[i].Annotations = map[string]string{"io.containerd.image.name": name}
	}
	return marshal(tb, index)
}
