package attached

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"caisson/authz/image"
	"caisson/authz/image/cosign"
)

// TestCosign3 reads what cosign 3 attests where the registry keeps no list of referrers: its own list tells nothing of what is in it.
func TestCosign3(t *testing.T) {
	read := func(name string) []byte {
		text, err := os.ReadFile(filepath.Join("testdata/cosign", name))
		if err != nil {
			t.Fatal(err)
		}
		return text
	}
	f := newFixture(t)
	var list ocispec.Index
	if err := json.Unmarshal(read("referrers.json"), &list); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"signature", "attestation"} {
		text := read(name + ".manifest.json")
		d := ocispec.Descriptor{MediaType: ocispec.MediaTypeImageManifest, Digest: digest.FromBytes(text), Size: int64(len(text))}
		f.manifests[d.Digest] = image.Manifest{Descriptor: d, Bytes: text}
		bundle := read(name + ".bundle.json")
		f.blobs[digest.FromBytes(bundle)] = bundle
		var m ocispec.Manifest
		if err := json.Unmarshal(text, &m); err != nil {
			t.Fatal(err)
		}
		f.artifact.Descriptor = *m.Subject
	}
	f.manifests[f.artifact.Descriptor.Digest] = image.Manifest{Descriptor: f.artifact.Descriptor, Bytes: []byte("{}")}
	f.referrers[f.artifact.Descriptor.Digest] = list.Manifests

	for key, found := range map[string]bool{"scan": true, "release": false} {
		keys, err := cosign.New(cosign.Options{Keys: []cosign.Key{{Name: key, PEM: read(key + ".pub")}}})
		if err != nil {
			t.Fatal(err)
		}
		f.reader = New(Options{Keys: keys, Now: f.reader.now})
		r := f.ask(t)
		if got := r.Unknown == "" && len(r.Found) == 1 && r.Found[0].ID == "CVE-2026-1001" && r.Source == "Trivy (signed by scan)"; got != found {
			t.Errorf("by the key %s: %+v", key, r)
		}
	}
}

// What hangs on an image with an empty configuration is fetched, and is nothing to read here unless its manifest says so.
func TestEmptyConfiguration(t *testing.T) {
	f := newFixture(t)
	d := f.attach(f.artifact.Descriptor, f.artifact.Descriptor, "application/vnd.example.notes", "no report")
	f.referrers[f.artifact.Descriptor.Digest][0].ArtifactType = ocispec.MediaTypeEmptyJSON
	f.sign(d, now)
	f.report("CVE-1", "2026-11-01")
	f.wants(t, "CVE-1")
}
