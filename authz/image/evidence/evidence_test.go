package evidence

import (
	"archive/tar"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/distribution/reference"
	"github.com/google/go-cmp/cmp"
	"github.com/opencontainers/go-digest"
	"github.com/opencontainers/image-spec/specs-go"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	"oras.land/oras-go/v2/content/oci"

	"caisson/authz/image"
)

const signatureType = "application/vnd.cncf.notary.signature"

var app = mustNamed("registry.example.com/team/app")

func mustNamed(s string) reference.Named {
	n, err := reference.ParseNamed(s)
	if err != nil {
		panic(err)
	}
	return n
}

// remote is a registry in memory, in which only what was put there is found.
type remote struct {
	content map[digest.Digest][]byte
	tags    map[string]digest.Digest
}

func newRemote() *remote {
	return &remote{map[digest.Digest][]byte{}, map[string]digest.Digest{}}
}

func (r *remote) Manifest(_ context.Context, _ reference.Named, d digest.Digest) (image.Manifest, error) {
	b, ok := r.content[d]
	if !ok {
		return image.Manifest{}, image.ErrNotFound
	}
	return image.ReadManifest(b, d, "")
}

func (r *remote) Tagged(ctx context.Context, repo reference.Named, tag string) (image.Manifest, error) {
	return r.Manifest(ctx, repo, r.tags[tag])
}

func (r *remote) Referrers(context.Context, reference.Named, ocispec.Descriptor, string) ([]ocispec.Descriptor, error) {
	return nil, nil
}

func (r *remote) Blob(_ context.Context, _ reference.Named, d ocispec.Descriptor, _ int64) ([]byte, error) {
	if b, ok := r.content[d.Digest]; ok {
		return b, nil
	}
	return nil, image.ErrNotFound
}

func (r *remote) blob(mediaType, b string) ocispec.Descriptor {
	d := digest.FromString(b)
	r.content[d] = []byte(b)
	return ocispec.Descriptor{MediaType: mediaType, Digest: d, Size: int64(len(b))}
}

func (r *remote) manifest(v any) ocispec.Descriptor {
	b, _ := json.Marshal(v)
	mt := ocispec.MediaTypeImageManifest
	if _, ok := v.(ocispec.Index); ok {
		mt = ocispec.MediaTypeImageIndex
	}
	return r.blob(mt, string(b))
}

func (r *remote) image(config string) ocispec.Descriptor {
	return r.manifest(ocispec.Manifest{
		Versioned: specs.Versioned{SchemaVersion: 2}, MediaType: ocispec.MediaTypeImageManifest,
		Config: r.blob(ocispec.MediaTypeImageConfig, config), Layers: []ocispec.Descriptor{r.blob(ocispec.MediaTypeImageLayer, "layer of "+config)},
	})
}

func (r *remote) index(children ...ocispec.Descriptor) ocispec.Descriptor {
	return r.manifest(ocispec.Index{Versioned: specs.Versioned{SchemaVersion: 2}, MediaType: ocispec.MediaTypeImageIndex, Manifests: children})
}

func (r *remote) signature(subject ocispec.Descriptor, envelope string) ocispec.Descriptor {
	return r.manifest(ocispec.Manifest{
		Versioned: specs.Versioned{SchemaVersion: 2}, MediaType: ocispec.MediaTypeImageManifest,
		Config: r.blob(signatureType, "{}"), Layers: []ocispec.Descriptor{r.blob("application/jose+json", envelope)}, Subject: &subject,
	})
}

// fetched records the fetching of manifests, and of all their contents but layers and configurations of images.
func fetched(t *testing.T, r *remote, repo reference.Named, manifests ...ocispec.Descriptor) *Recorder {
	t.Helper()
	rec := NewRecorder(r)
	for _, d := range manifests {
		m, err := rec.Manifest(t.Context(), repo, d.Digest)
		if err != nil {
			t.Fatal(err)
		}
		var v ocispec.Manifest
		_ = json.Unmarshal(m.Bytes, &v)
		if v.Subject == nil {
			continue
		}
		for _, l := range append(v.Layers, v.Config) {
			if _, err := rec.Blob(t.Context(), repo, l, l.Size); err != nil {
				t.Fatal(err)
			}
		}
	}
	return rec
}

func open(t *testing.T, dir string, o Options) *Store {
	t.Helper()
	s, err := Open(dir, o)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func digests(l []ocispec.Descriptor) []digest.Digest {
	var all []digest.Digest
	for _, d := range l {
		all = append(all, d.Digest)
	}
	slices.Sort(all)
	return all
}

func TestKeepsAProof(t *testing.T) {
	r := newRemote()
	amd, arm := r.image("amd64"), r.image("arm64")
	index := r.index(amd, arm)
	good, junk := r.signature(index, "good"), r.signature(index, "junk")
	cosign := r.manifest(ocispec.Manifest{
		Versioned: specs.Versioned{SchemaVersion: 2}, MediaType: ocispec.MediaTypeImageManifest,
		Config: r.blob(ocispec.MediaTypeImageConfig, "cosign"), Layers: []ocispec.Descriptor{r.blob("application/vnd.dev.cosign.simplesigning.v1+json", "payload")},
	})
	tag := "sha256-" + index.Digest.Encoded() + ".sig"
	r.tags[tag] = cosign.Digest
	rec := fetched(t, r, app, index, amd, good, junk)
	_, err := rec.Tagged(t.Context(), app, tag)
	must(t, err)
	_, err = rec.Blob(t.Context(), app, ocispec.Descriptor{Digest: digest.FromString("payload"), Size: 7}, 7)
	must(t, err)

	dir := filepath.Join(t.TempDir(), "evidence")
	must(t, rec.Commit(open(t, dir, Options{}), image.Artifact{Repository: app, Descriptor: index}, good.Digest, cosign.Digest))

	s := open(t, dir, Options{}) // as after a restart
	must(t, s.Err())
	for name, d := range map[string]ocispec.Descriptor{"index": index, "manifest": amd, "signature": good, "cosign": cosign} {
		if m, err := s.Manifest(t.Context(), app, d.Digest); err != nil || m.Descriptor.Size != d.Size || m.Descriptor.MediaType != d.MediaType {
			t.Errorf("%s: %+v %v", name, m.Descriptor, err)
		}
	}
	for name, d := range map[string]ocispec.Descriptor{"other platform": arm, "junk": junk} {
		if _, err := s.Manifest(t.Context(), app, d.Digest); !errors.Is(err, image.ErrNotFound) {
			t.Errorf("%s: %v", name, err)
		}
	}
	list, err := s.Referrers(t.Context(), app, index, signatureType)
	if diff := cmp.Diff(digests([]ocispec.Descriptor{good}), digests(list)); diff != "" || err != nil || list[0].ArtifactType != signatureType {
		t.Errorf("%v %s", err, diff)
	}
	if l, _ := s.Referrers(t.Context(), app, index, "application/other"); len(l) != 0 {
		t.Error("referrers of another type")
	}
	if b, err := s.Blob(t.Context(), app, ocispec.Descriptor{Digest: digest.FromString("good"), Size: 4}, 10); err != nil || string(b) != "good" {
		t.Errorf("%q %v", b, err)
	}
	if m, err := s.Tagged(t.Context(), mustNamed("mirror.example.com/app"), tag); err != nil || m.Descriptor.Digest != cosign.Digest {
		t.Errorf("tag: %v", err)
	}
	for _, tag := range []string{"latest", "sha256-00.sig", ""} {
		if _, err := s.Tagged(t.Context(), app, tag); !errors.Is(err, image.ErrNotFound) {
			t.Errorf("tag %q: %v", tag, err)
		}
	}

	for name, id := range map[string]digest.Digest{"configuration": digest.FromString("amd64"), "manifest": amd.Digest} {
		c := s.Candidates(id)
		if len(c) != 2 || c[0].Descriptor.Digest != amd.Digest || c[1].Descriptor.Digest != index.Digest || c[1].Manifest.Digest != amd.Digest ||
			len(c[0].Repositories) != 1 || c[1].Repositories[0].Name() != app.Name() {
			t.Errorf("candidates by %s: %+v", name, c)
		}
	}
	if c := s.Candidates(index.Digest); len(c) != 1 || c[0].Descriptor.Size != index.Size {
		t.Errorf("candidates by index: %+v", c)
	}
	for _, id := range []digest.Digest{digest.FromString("arm64"), digest.FromString("{}"), "", "sha256:../.."} {
		if c := s.Candidates(id); c != nil {
			t.Errorf("candidates by %q: %+v", id, c)
		}
	}
	l, err := s.List()
	if err != nil || len(l) != 1 || l[0].Digest != index.Digest || l[0].Kind != "index" || l[0].Manifests != 4 || l[0].Repositories[0] != app.Name() || l[0].Bytes != 7*4096 {
		t.Errorf("%+v %v", l, err)
	}
}

// In the containerd store the manifest itself need not be fetched: only the signature is there.
func TestSignatureAlone(t *testing.T) {
	r := newRemote()
	img := r.image("config")
	sig := r.signature(img, "envelope")
	s := open(t, t.TempDir(), Options{})
	must(t, fetched(t, r, app, sig).Commit(s, image.Artifact{Repository: app, Descriptor: img}, sig.Digest))
	c := s.Candidates(img.Digest)
	if len(c) != 1 || c[0].Descriptor.Size != img.Size || c[0].Descriptor.MediaType != img.MediaType || c[0].Repositories[0].Name() != app.Name() {
		t.Errorf("%+v", c)
	}
	if l, _ := s.Referrers(t.Context(), app, img, signatureType); len(l) != 1 {
		t.Error(l)
	}
	if l, err := s.List(); err != nil || len(l) != 1 || l[0].Digest != img.Digest || l[0].Kind != "" || l[0].Repositories[0] != app.Name() {
		t.Errorf("%+v %v", l, err)
	}
}

// A layout that oras made, with a signature and without any repository's name.
func TestLayoutOfOras(t *testing.T) {
	r := newRemote()
	img := r.image("config")
	sig := r.signature(img, "envelope")
	dir := t.TempDir()
	store, err := oci.New(dir)
	must(t, err)
	for d, b := range r.content {
		if d != img.Digest && d != sig.Digest {
			must(t, store.Push(t.Context(), ocispec.Descriptor{MediaType: "application/octet-stream", Digest: d, Size: int64(len(b))}, bytes.NewReader(b)))
		}
	}
	for _, m := range []ocispec.Descriptor{img, sig} {
		must(t, store.Push(t.Context(), m, bytes.NewReader(r.content[m.Digest])))
	}
	must(t, store.Tag(t.Context(), img, "v1"))

	check := func(t *testing.T, l image.Source, candidates []Candidate) {
		t.Helper()
		if len(candidates) != 1 || candidates[0].Descriptor.Digest != img.Digest || candidates[0].Repositories != nil {
			t.Errorf("candidates %+v", candidates)
		}
		list, err := l.Referrers(t.Context(), app, img, signatureType)
		if diff := cmp.Diff([]digest.Digest{sig.Digest}, digests(list)); diff != "" || err != nil {
			t.Fatalf("%v %s", err, diff)
		}
		if b, err := l.Blob(t.Context(), app, ocispec.Descriptor{Digest: digest.FromString("envelope"), Size: 8}, 10); err != nil || string(b) != "envelope" {
			t.Errorf("%q %v", b, err)
		}
	}
	layout, err := OpenLayout(dir)
	must(t, err)
	check(t, layout, layout.Candidates(digest.FromString("config")))

	file := filepath.Join(t.TempDir(), "layout.tar")
	pack(t, dir, file)
	archived, err := OpenLayout(file)
	must(t, err)
	defer archived.Close()
	check(t, archived, archived.Candidates(digest.FromString("config")))

	for name, from := range map[string]string{"directory": dir, "tar": file} {
		s := open(t, t.TempDir(), Options{})
		added, err := s.Add(from)
		if err != nil || len(added) != 1 || added[0].Digest != img.Digest || added[0].Manifests != 2 {
			t.Fatalf("%s: %+v %v", name, added, err)
		}
		check(t, s, s.Candidates(digest.FromString("config")))
		if _, err := s.blob(digest.FromString("layer of config"), 100); !absent(err) {
			t.Error("a layer was taken over")
		}
		again, err := oci.New(s.dir) // and it can be read by oras
		must(t, err)
		if _, err := again.Fetch(t.Context(), sig); err != nil {
			t.Error(err)
		}
	}

	own := open(t, t.TempDir(), Options{})
	both := Layered(own, layout, archived)
	check(t, both, both.Candidates(digest.FromString("config")))
	if _, err := Layered(nil).Manifest(t.Context(), app, img.Digest); !errors.Is(err, image.ErrNotFound) {
		t.Error(err)
	}
}

func pack(t *testing.T, dir, file string) {
	t.Helper()
	f, err := os.Create(file)
	must(t, err)
	w := tar.NewWriter(f)
	must(t, w.AddFS(os.DirFS(dir)))
	must(t, w.Close())
	must(t, f.Close())
}

func TestNames(t *testing.T) {
	for _, c := range []struct {
		annotations map[string]string
		want        name
	}{
		{nil, name{}},
		{map[string]string{ocispec.AnnotationRefName: "v1"}, name{"", "v1"}},
		{map[string]string{ocispec.AnnotationRefName: "registry.example.com/team/app:v1"}, name{"registry.example.com/team/app", "v1"}},
		{map[string]string{ocispec.AnnotationRefName: "app:v1"}, name{}},
		{map[string]string{ocispec.AnnotationRefName: "team/app:v1"}, name{}},
		{map[string]string{ocispec.AnnotationRefName: "v1", annotationContainerd: "docker.io/library/app:v1"}, name{"docker.io/library/app", "v1"}},
		{map[string]string{ocispec.AnnotationRefName: "v1", AnnotationRepository: app.Name()}, name{app.Name(), "v1"}},
		{map[string]string{AnnotationRepository: app.Name()}, name{app.Name(), ""}},
		{map[string]string{AnnotationRepository: "../../x", ocispec.AnnotationRefName: "../x"}, name{}},
	} {
		if got := nameOf(c.annotations); got != c.want {
			t.Errorf("%v: %+v", c.annotations, got)
		}
	}
}

// Lists under referrers tags, and layouts of cosign save.
func TestTagSchemaAndCosignSave(t *testing.T) {
	r := newRemote()
	img := r.image("config")
	loose := r.manifest(ocispec.Manifest{ // says nothing of its subject
		Versioned: specs.Versioned{SchemaVersion: 2}, MediaType: ocispec.MediaTypeImageManifest, ArtifactType: "application/report",
		Config: ocispec.DescriptorEmptyJSON, Layers: []ocispec.Descriptor{},
	})
	list := r.index(loose)
	list.Annotations = map[string]string{ocispec.AnnotationRefName: "sha256-" + img.Digest.Encoded()}
	image1, sigs := img, r.manifest(ocispec.Manifest{
		Versioned: specs.Versioned{SchemaVersion: 2}, MediaType: ocispec.MediaTypeImageManifest,
		Config: r.blob(ocispec.MediaTypeImageConfig, "cosign"), Layers: []ocispec.Descriptor{},
	})
	image1.Annotations = map[string]string{annotationCosign: cosignImage}
	sigs.Annotations = map[string]string{annotationCosign: cosignSignatures}
	dir := t.TempDir()
	write(t, dir, r, image1, sigs, list)
	l, err := OpenLayout(dir)
	must(t, err)
	if m, err := l.Tagged(t.Context(), app, "sha256-"+img.Digest.Encoded()+".sig"); err != nil || m.Descriptor.Digest != sigs.Digest {
		t.Errorf("cosign: %v", err)
	}
	if all, _ := l.Referrers(t.Context(), app, img, "application/report"); len(all) != 1 || all[0].Digest != loose.Digest {
		t.Errorf("tag schema: %+v", all)
	}
	if c := l.Candidates(digest.FromString("config")); len(c) != 1 {
		t.Errorf("the list of referrers counts as an index: %+v", c)
	}
	s := open(t, t.TempDir(), Options{})
	if added, err := s.Add(dir); err != nil || len(added) != 1 || added[0].Manifests != 4 {
		t.Errorf("%+v %v", added, err)
	}
	if m, err := s.Tagged(t.Context(), app, "sha256-"+img.Digest.Encoded()+".sig"); err != nil || m.Descriptor.Digest != sigs.Digest {
		t.Errorf("cosign, taken over: %v", err)
	}
}

// write makes a layout with all of a remote's content.
func write(t *testing.T, dir string, r *remote, entries ...ocispec.Descriptor) {
	t.Helper()
	must(t, os.MkdirAll(filepath.Join(dir, "blobs", "sha256"), 0o755))
	for d, b := range r.content {
		must(t, os.WriteFile(filepath.Join(dir, blobName(d)), b, 0o644))
	}
	b, _ := json.Marshal(ocispec.Index{Versioned: specs.Versioned{SchemaVersion: 2}, Manifests: entries})
	must(t, os.WriteFile(filepath.Join(dir, "index.json"), b, 0o644))
	must(t, os.WriteFile(filepath.Join(dir, "oci-layout"), []byte(`{"imageLayoutVersion":"1.0.0"}`), 0o644))
}

// Two layouts whose images have the same tag, and no repository that would tell them apart.
func TestAddSameTag(t *testing.T) {
	s := open(t, t.TempDir(), Options{})
	for _, config := range []string{"a", "b", "a"} {
		r := newRemote()
		img := r.image(config)
		img.Annotations = map[string]string{ocispec.AnnotationRefName: "v1"}
		dir := t.TempDir()
		write(t, dir, r, img)
		if _, err := s.Add(dir); err != nil {
			t.Fatal(err)
		}
	}
	for _, config := range []string{"a", "b"} {
		if c := s.Candidates(digest.FromString(config)); len(c) != 1 {
			t.Errorf("%s: %+v", config, c)
		}
	}
	if l, err := s.List(); err != nil || len(l) != 2 {
		t.Errorf("%+v %v", l, err)
	}
}

// A tag for a signature that was pushed again names the newer one.
func TestTagMoves(t *testing.T) {
	r := newRemote()
	img := r.image("config")
	tag := "sha256-" + img.Digest.Encoded() + ".sig"
	s := open(t, t.TempDir(), Options{})
	for _, config := range []string{"one", "two"} {
		sig := r.image(config)
		r.tags[tag] = sig.Digest
		rec := fetched(t, r, app, img)
		_, err := rec.Tagged(t.Context(), app, tag)
		must(t, err)
		must(t, rec.Commit(s, image.Artifact{Repository: app, Descriptor: img}, sig.Digest))
		if m, err := s.Tagged(t.Context(), app, tag); err != nil || m.Descriptor.Digest != sig.Digest {
			t.Errorf("%s: %v", config, err)
		}
	}
}

func TestEnvelopes(t *testing.T) {
	s := open(t, t.TempDir(), Options{})
	id := digest.FromString("config")
	must(t, s.AddEnvelope(id, []byte(`{"payload":""}`)))
	must(t, s.AddEnvelope(id, []byte("\xd2\x84")))
	dir := filepath.Join(s.dir, "envelopes", "sha256-"+id.Encoded())
	must(t, os.WriteFile(filepath.Join(dir, "app.jws.sig"), []byte(`{"own":1}`), 0o644))
	must(t, os.Symlink("/etc/hostname", filepath.Join(dir, "link")))
	must(t, os.WriteFile(filepath.Join(dir, "large"), make([]byte, image.MaxEnvelope+1), 0o644))
	got := map[string]string{}
	for _, e := range Layered(s).Envelopes(id) {
		got[string(e.Bytes)] = e.MediaType
	}
	want := map[string]string{`{"payload":""}`: "application/jose+json", "\xd2\x84": "application/cose", `{"own":1}`: "application/jose+json"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	for _, id := range []digest.Digest{"", "sha256:../..", digest.FromString("other")} {
		if l := s.Envelopes(id); l != nil {
			t.Errorf("%q: %v", id, l)
		}
	}
	if s.AddEnvelope("sha256:..", []byte("x")) == nil || s.AddEnvelope(id, nil) == nil || s.AddEnvelope(id, make([]byte, image.MaxEnvelope+1)) == nil {
		t.Error("accepted")
	}
}

// fill commits one image with its signature, as if it was used at a time.
func fill(t *testing.T, s *Store, config string, used time.Time) (img ocispec.Descriptor) {
	t.Helper()
	r := newRemote()
	img = r.image(config)
	sig := r.signature(img, "envelope of "+config)
	must(t, fetched(t, r, app, img, sig).Commit(s, image.Artifact{Repository: app, Descriptor: img}, sig.Digest))
	for _, d := range []ocispec.Descriptor{img, sig} {
		must(t, os.Chtimes(filepath.Join(s.dir, blobName(d.Digest)), used, used))
	}
	return img
}

func TestForgetAndPrune(t *testing.T) {
	s := open(t, t.TempDir(), Options{})
	now := time.Now()
	a, b, c := fill(t, s, "a", now.Add(-72*time.Hour)), fill(t, s, "b", now.Add(-48*time.Hour)), fill(t, s, "c", now.Add(-time.Minute))
	has := func() (l []digest.Digest) {
		all, err := s.List()
		must(t, err)
		for _, x := range all {
			l = append(l, x.Digest)
		}
		return l
	}
	if diff := cmp.Diff([]digest.Digest{c.Digest, b.Digest, a.Digest}, has()); diff != "" {
		t.Fatal(diff)
	}
	_, err := s.Manifest(t.Context(), app, a.Digest) // now a is of use
	must(t, err)
	if diff := cmp.Diff([]digest.Digest{a.Digest, c.Digest, b.Digest}, has()); diff != "" {
		t.Fatal(diff)
	}
	removed, err := s.Prune(24*time.Hour, 0)
	if err != nil || len(removed) != 1 || removed[0].Digest != b.Digest {
		t.Fatalf("%+v %v", removed, err)
	}
	removed, err = s.Prune(0, 16<<10)
	if err != nil || len(removed) != 1 || removed[0].Digest != c.Digest {
		t.Fatalf("%+v %v", removed, err)
	}
	if m, err := s.Manifest(t.Context(), app, a.Digest); err != nil || m.Descriptor.Digest != a.Digest {
		t.Fatal(err)
	}
	if b, err := s.Blob(t.Context(), app, ocispec.Descriptor{Digest: digest.FromString("{}"), Size: 2}, 2); err != nil || string(b) != "{}" {
		t.Fatalf("what a and c shared is gone: %v", err)
	}
	removed, err = s.Forget(digest.FromString("a")) // by image ID
	if err != nil || len(removed) != 1 {
		t.Fatalf("%+v %v", removed, err)
	}
	if stored, err := s.stored(); err != nil || len(stored) != 0 {
		t.Errorf("left: %v %v", stored, err)
	}
	if removed, err := s.Forget(a.Digest); err != nil || len(removed) != 0 {
		t.Errorf("%+v %v", removed, err)
	}
}

func TestBound(t *testing.T) {
	s := open(t, t.TempDir(), Options{MaxBytes: 64 << 10})
	var last ocispec.Descriptor
	for i := range 20 {
		last = fill(t, s, fmt.Sprint("image ", i), time.Now().Add(time.Duration(i-100)*time.Hour))
		stored, err := s.stored()
		must(t, err)
		if n := total(stored); n > 64<<10 {
			t.Fatalf("%d bytes", n)
		}
	}
	l, err := s.List()
	if err != nil || len(l) < 4 || l[0].Digest != last.Digest {
		t.Errorf("%+v %v", l, err)
	}
	r := newRemote()
	img := r.image("large")
	sig := r.signature(img, strings.Repeat("x", 65<<10))
	if err := fetched(t, r, app, img, sig).Commit(s, image.Artifact{Descriptor: img}); err == nil || !strings.Contains(err.Error(), "at most 65536 are kept") {
		t.Error(err)
	}
	if again, _ := s.List(); len(again) != len(l) {
		t.Error("others were removed for it")
	}
}

// What a crash, or a tool that is at work, leaves is removed when it is old.
func TestSweep(t *testing.T) {
	s := open(t, t.TempDir(), Options{})
	fill(t, s, "a", time.Now())
	old := time.Now().Add(-2 * time.Hour)
	dir := filepath.Join(s.dir, "blobs", "sha256")
	for name, age := range map[string]time.Time{
		digest.FromString("orphan").Encoded(): old, digest.FromString("new").Encoded(): time.Now(), tempPrefix + "1": old, tempPrefix + "2": time.Now(),
	} {
		must(t, os.WriteFile(filepath.Join(dir, name), []byte("x"), 0o600))
		must(t, os.Chtimes(filepath.Join(dir, name), age, age))
	}
	before, _ := os.ReadDir(dir)
	_, err := s.Prune(0, 0)
	must(t, err)
	after, _ := os.ReadDir(dir)
	if len(before)-len(after) != 2 {
		t.Errorf("%d files before, %d after", len(before), len(after))
	}
}

func TestConcurrent(t *testing.T) {
	dir := t.TempDir()
	stores := []*Store{open(t, dir, Options{MaxBytes: 1 << 20}), open(t, dir, Options{MaxBytes: 1 << 20})} // as two processes
	var wg sync.WaitGroup
	images := make([]ocispec.Descriptor, 16)
	for i := range images {
		wg.Go(func() {
			r := newRemote()
			img := r.image(fmt.Sprint(i))
			sig := r.signature(img, fmt.Sprint("envelope", i))
			images[i] = img
			s := stores[i%2]
			if err := fetched(t, r, app, img, sig).Commit(s, image.Artifact{Descriptor: img}, sig.Digest); err != nil {
				t.Error(err)
			}
			if _, err := stores[(i+1)%2].Manifest(t.Context(), app, img.Digest); err != nil {
				t.Error(err)
			}
			if l, _ := stores[(i+1)%2].Referrers(t.Context(), app, img, ""); len(l) != 1 {
				t.Errorf("%d referrers", len(l))
			}
			if _, err := s.List(); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	for _, s := range stores {
		if l, err := s.List(); err != nil || len(l) != len(images) {
			t.Errorf("%d subjects: %v", len(l), err)
		}
	}
}
