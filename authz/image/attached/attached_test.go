package attached

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/distribution/reference"
	"github.com/google/go-cmp/cmp"
	"github.com/opencontainers/go-digest"
	"github.com/opencontainers/image-spec/specs-go"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"caisson/authz/image"
)

// registry is an image.Source in memory.
type registry struct {
	manifests map[digest.Digest]image.Manifest
	blobs     map[digest.Digest][]byte
	referrers map[digest.Digest][]ocispec.Descriptor
	tags      map[string]digest.Digest
	down      map[digest.Digest]bool // what cannot be fetched
}

func newRegistry() *registry {
	return &registry{
		manifests: make(map[digest.Digest]image.Manifest), blobs: make(map[digest.Digest][]byte),
		referrers: make(map[digest.Digest][]ocispec.Descriptor), down: make(map[digest.Digest]bool), tags: make(map[string]digest.Digest),
	}
}

func (r *registry) Manifest(_ context.Context, _ reference.Named, d digest.Digest) (image.Manifest, error) {
	if r.down[d] {
		return image.Manifest{}, &image.UnavailableError{Host: "registry.example.com", Why: "does not answer"}
	}
	if m, ok := r.manifests[d]; ok {
		return m, nil
	}
	return image.Manifest{}, image.ErrNotFound
}

func (r *registry) Tagged(ctx context.Context, repo reference.Named, tag string) (image.Manifest, error) {
	d, ok := r.tags[tag]
	if !ok {
		return image.Manifest{}, image.ErrNotFound
	}
	return r.Manifest(ctx, repo, d)
}

func (r *registry) Referrers(_ context.Context, _ reference.Named, subject ocispec.Descriptor, _ string) ([]ocispec.Descriptor, error) {
	if r.down[subject.Digest] {
		return nil, &image.UnavailableError{Host: "registry.example.com", Why: "does not answer"}
	}
	return r.referrers[subject.Digest], nil
}

func (r *registry) Blob(_ context.Context, _ reference.Named, d ocispec.Descriptor, limit int64) ([]byte, error) {
	text, ok := r.blobs[d.Digest]
	switch {
	case r.down[d.Digest] || !ok:
		return nil, &image.UnavailableError{Host: "registry.example.com", Why: "does not answer"}
	case int64(len(text)) > limit:
		return nil, fmt.Errorf("too big")
	}
	return text, nil
}

func (r *registry) put(mediaType string, m any) ocispec.Descriptor {
	text, err := json.Marshal(m)
	if err != nil {
		panic(err)
	}
	d := ocispec.Descriptor{MediaType: mediaType, Digest: digest.FromBytes(text), Size: int64(len(text))}
	r.manifests[d.Digest] = image.Manifest{Descriptor: d, Bytes: text}
	return d
}

// attach pushes a manifest that carries texts, and has the registry list it for a subject.
func (r *registry) attach(listed, subject ocispec.Descriptor, artifactType string, texts ...string) digest.Digest {
	m := ocispec.Manifest{
		Versioned: specs.Versioned{SchemaVersion: 2}, MediaType: ocispec.MediaTypeImageManifest, ArtifactType: artifactType,
		Config: ocispec.DescriptorEmptyJSON, Subject: &subject,
	}
	for _, text := range texts {
		d := digest.FromString(text)
		r.blobs[d] = []byte(text)
		m.Layers = append(m.Layers, ocispec.Descriptor{MediaType: artifactType, Digest: d, Size: int64(len(text))})
	}
	d := r.put(ocispec.MediaTypeImageManifest, m)
	d.ArtifactType = artifactType
	r.referrers[listed.Digest] = append(r.referrers[listed.Digest], d)
	return d.Digest
}

// signers is an image.Verifier that knows what it says about each manifest.
type signers map[digest.Digest]image.Verdict

func (signers) Kind() string { return "notation" }

func (s signers) Verify(_ context.Context, _ image.Source, a image.Artifact) image.Verdict {
	if v, ok := s[a.Descriptor.Digest]; ok {
		return v
	}
	return image.Verdict{Reason: image.Unsigned}
}

func (s signers) sign(d digest.Digest, when time.Time) {
	s[d] = image.Verdict{Reason: image.Verified, Signature: image.Signature{Signer: "CN=scanner", Signed: when}}
}

// fixture is an image with a registry around it.
type fixture struct {
	*registry
	signers
	artifact image.Artifact
	reader   *Reader
}

var now = time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)

func newFixture(t *testing.T) *fixture {
	t.Helper()
	repo, err := reference.ParseNormalizedNamed("registry.example.com/app")
	if err != nil {
		t.Fatal(err)
	}
	f := &fixture{registry: newRegistry(), signers: make(signers)}
	f.artifact = image.Artifact{Repository: repo, Descriptor: f.image("app"), Subject: &image.Subject{ID: digest.FromString("app")}}
	f.reader = New(Options{Verifier: f.signers, VEX: true, Now: func() time.Time { return now }})
	return f
}

// image pushes an image.
func (f *fixture) image(config string) ocispec.Descriptor {
	return f.put(ocispec.MediaTypeImageManifest, ocispec.Manifest{
		Versioned: specs.Versioned{SchemaVersion: 2}, MediaType: ocispec.MediaTypeImageManifest,
		Config: ocispec.Descriptor{MediaType: ocispec.MediaTypeImageConfig, Digest: digest.FromString(config), Size: 3},
	})
}

// report attaches a signed report of some day in which one vulnerability was found.
func (f *fixture) report(id, day string) digest.Digest {
	d := f.attach(f.artifact.Descriptor, f.artifact.Descriptor, "application/json", trivyReportOf(id, day))
	f.sign(d, now.Add(-time.Hour))
	return d
}

// claim attaches a signed document that is said to be of some size.
func (f *fixture) claim(text string, size int64) {
	d := f.attach(f.artifact.Descriptor, f.artifact.Descriptor, "application/json", text)
	var m ocispec.Manifest
	if err := json.Unmarshal(f.manifests[d].Bytes, &m); err != nil {
		panic(err)
	}
	m.Layers[0].Size = size
	list := f.referrers[f.artifact.Descriptor.Digest]
	fresh := f.put(ocispec.MediaTypeImageManifest, m)
	list[len(list)-1].Digest = fresh.Digest
	f.sign(fresh.Digest, now)
}

func trivyReportOf(id, day string) string {
	return fmt.Sprintf(`{"SchemaVersion": 2, "ArtifactName": "app", "CreatedAt": %q, "Results": [{"Vulnerabilities": [
		{"VulnerabilityID": %q, "PkgName": "openssl", "InstalledVersion": "3.0.11", "Severity": "HIGH"}]}]}`, day+"T00:00:00Z", id)
}

func (f *fixture) ask(t *testing.T) image.Report {
	t.Helper()
	return f.reader.Report(t.Context(), f.registry, f.artifact)
}

// wants fails if the report is not by the trusted scanner with these vulnerabilities.
func (f *fixture) wants(t *testing.T, ids ...string) {
	t.Helper()
	r := f.ask(t)
	var got []string
	for _, v := range r.Found {
		got = append(got, v.ID)
	}
	if diff := cmp.Diff(ids, got); r.Unknown != "" || r.Source != "Trivy (signed by CN=scanner)" || diff != "" {
		t.Errorf("got %q by %q (-want +got):\n%s", r.Unknown, r.Source, diff)
	}
}

// wantsUnknown fails if there is a report.
func (f *fixture) wantsUnknown(t *testing.T, why string) {
	t.Helper()
	if r := f.ask(t); !strings.Contains(r.Unknown, why) || r.Unknown == "" || r.Source != "" || len(r.Found) > 0 {
		t.Errorf("got %+v, want it unknown: …%s…", r, why)
	}
}

func TestNewestCounts(t *testing.T) {
	f := newFixture(t)
	f.report("CVE-1", "2026-11-01")
	f.report("CVE-2", "2026-11-20")
	f.report("CVE-3", "2026-11-10")
	f.wants(t, "CVE-2")
	if made := f.ask(t).Made; !made.Equal(time.Date(2026, 11, 20, 0, 0, 0, 0, time.UTC)) {
		t.Errorf("made %s", made)
	}
}

func TestDates(t *testing.T) {
	f := newFixture(t)
	for _, c := range []struct {
		says, timestamp, signed, want string
	}{
		{says: "2026-11-20", want: "2026-11-20"},
		{says: "2026-11-20", signed: "2026-11-21", want: "2026-11-20"},
		{says: "2026-11-20", signed: "2026-11-01", want: "2026-11-01"},                          // made after it was signed
		{says: "2026-11-20", timestamp: "2026-11-01", signed: "2026-11-21", want: "2026-11-01"}, // the timestamp is proven
		{says: "2027-11-20", want: ""},
		{says: "2027-11-20", signed: "2026-11-21", want: "2026-11-21"},
		{says: "2027-11-20", signed: "2027-11-21", want: ""},
		{signed: "2026-11-21", want: "2026-11-21"},
		{want: ""},
	} {
		date := func(s string) time.Time {
			d, _ := time.Parse(time.DateOnly, s)
			return d
		}
		look := &finding{reader: f.reader}
		if got := look.made(date(c.says), image.Signature{Timestamp: date(c.timestamp), Signed: date(c.signed)}); !got.Equal(date(c.want)) {
			t.Errorf("%+v: got %s", c, got)
		}
	}
}

// TestNobodyVouches holds the reader to believing nobody who is not trusted: anybody who can push can attach a clean report.
func TestNobodyVouches(t *testing.T) {
	clean := `{"SchemaVersion": 2, "ArtifactName": "app", "CreatedAt": "2026-11-23T00:00:00Z"}`
	f := newFixture(t)
	f.wantsUnknown(t, "no signed scan report")
	unsigned := f.attach(f.artifact.Descriptor, f.artifact.Descriptor, "application/json", clean)
	f.wantsUnknown(t, "does not count (unsigned)")
	for _, reason := range []image.Reason{image.UntrustedSigner, image.BadSignature, image.Expired, image.Revoked, image.NoStatement} {
		f.signers[unsigned] = image.Verdict{Reason: reason, Detail: "is signed by CN=mallory"}
		f.wantsUnknown(t, string(reason))
	}
	f.report("CVE-1", "2026-11-01")
	f.wants(t, "CVE-1") // though the other one is newer
}

// TestWrongSubject holds the reader to reports about this very image, whatever the registry lists.
func TestWrongSubject(t *testing.T) {
	f := newFixture(t)
	other := f.image("other")
	d := f.attach(f.artifact.Descriptor, other, "application/json", trivyReportOf("CVE-1", "2026-11-20"))
	f.sign(d, now)
	f.wantsUnknown(t, "no signed scan report")
	// A statement about another image is a mistake of somebody trusted, and no clean report.
	d = f.attach(f.artifact.Descriptor, f.artifact.Descriptor, "application/vnd.in-toto+json", string(read(t, "scan-statement.json")))
	f.sign(d, now)
	f.wantsUnknown(t, "another image")
}

// TestNothingIsHidden shows that a report that may be newer and worse is not overlooked because it cannot be had.
func TestNothingIsHidden(t *testing.T) {
	for name, c := range map[string]struct {
		spoil func(*fixture, digest.Digest)
		want  string
	}{
		"manifest":   {func(f *fixture, d digest.Digest) { f.down[d] = true }, "does not answer"},
		"list":       {func(f *fixture, _ digest.Digest) { f.down[f.artifact.Descriptor.Digest] = true }, "does not answer"},
		"blob":       {func(f *fixture, _ digest.Digest) { f.blobs = nil }, "cannot be fetched"},
		"signature":  {func(f *fixture, d digest.Digest) { f.signers[d] = image.Verdict{Reason: image.RegistryUnavailable} }, "cannot be told who signed"},
		"revocation": {func(f *fixture, d digest.Digest) { f.signers[d] = image.Verdict{Reason: image.RevocationUnknown} }, "cannot be told who signed"},
		"unread": {func(f *fixture, d digest.Digest) {
			f.signers[d] = image.Telling(image.Verdict{Reason: image.UntrustedSigner}, image.Verdict{Reason: image.RegistryUnavailable})
		}, "cannot be told who signed"},
		"no verdict": {func(f *fixture, d digest.Digest) { f.signers[d] = image.Verdict{} }, "cannot be told who signed"},
		"no format": {func(f *fixture, _ digest.Digest) {
			f.sign(f.attach(f.artifact.Descriptor, f.artifact.Descriptor, "application/json", `{"a": 1}`), now)
		}, "format is not known"},
		"no file": {func(f *fixture, _ digest.Digest) {
			f.sign(f.attach(f.artifact.Descriptor, f.artifact.Descriptor, "application/json"), now)
		}, "0 files"},
		"large": {func(f *fixture, _ digest.Digest) {
			f.claim("{}", image.MaxReport+1)
		}, "more than 8 MiB"},
		"large together": {func(f *fixture, _ digest.Digest) {
			for i := range 5 {
				f.claim(fmt.Sprintf(`{"spdxVersion": "%d"}`, i), image.MaxReport)
			}
		}, "more than 32 MiB"},
		"buried": {func(f *fixture, _ digest.Digest) {
			for i := range image.MaxAttempts {
				f.attach(f.artifact.Descriptor, f.artifact.Descriptor, "application/json", fmt.Sprint(i))
			}
		}, "more than 50"},
		"buried deep": {func(f *fixture, _ digest.Digest) {
			f.referrers[f.artifact.Descriptor.Digest] = make([]ocispec.Descriptor, image.MaxReferrers)
		}, "256 or more"},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFixture(t)
			f.report("CVE-1", "2026-11-01")
			c.spoil(f, f.report("CVE-2", "2026-11-20"))
			f.wantsUnknown(t, c.want)
		})
	}
}

func TestGoneIsNoError(t *testing.T) {
	f := newFixture(t)
	delete(f.manifests, f.report("CVE-2", "2026-11-20"))
	f.report("CVE-1", "2026-11-01")
	f.wants(t, "CVE-1")
}

func TestOtherTypesAreNotFetched(t *testing.T) {
	f := newFixture(t)
	f.down[f.attach(f.artifact.Descriptor, f.artifact.Descriptor, "application/vnd.cncf.notary.signature", "x")] = true
	f.report("CVE-1", "2026-11-01")
	f.wants(t, "CVE-1")

	d := f.attach(f.artifact.Descriptor, f.artifact.Descriptor, "application/vnd.example.scan", trivyReportOf("CVE-2", "2026-11-20"))
	f.sign(d, now)
	f.wants(t, "CVE-1")
	f.reader = New(Options{Verifier: f.signers, Types: []string{"application/vnd.example.scan"}, Now: f.reader.now})
	f.wants(t, "CVE-2")
}

// A report under a type that nobody looks at is named, so that it can be listed. A signature is none.
func TestOtherTypesAreNamed(t *testing.T) {
	f := newFixture(t)
	f.attach(f.artifact.Descriptor, f.artifact.Descriptor, "application/vnd.cncf.notary.signature", "x")
	if r := f.ask(t); r.Unknown != "no signed scan report is attached to it" {
		t.Errorf("got %+v", r)
	}
	f.sign(f.attach(f.artifact.Descriptor, f.artifact.Descriptor, "application/vnd.example.scan", trivyReportOf("CVE-2", "2026-11-20")), now)
	f.wantsUnknown(t, "application/vnd.example.scan")
}

func TestWithoutVerifier(t *testing.T) {
	f := newFixture(t)
	f.report("CVE-1", "2026-11-01")
	f.reader = New(Options{})
	f.wantsUnknown(t, "nobody is trusted")
}

// TestIndex finds what hangs on the manifest of the platform as well as on the index.
func TestIndex(t *testing.T) {
	f := newFixture(t)
	arm := f.image("arm")
	amd := f.artifact.Descriptor
	amd.Platform, arm.Platform = &ocispec.Platform{OS: "linux", Architecture: "amd64"}, &ocispec.Platform{OS: "linux", Architecture: "arm64"}
	index := f.put(ocispec.MediaTypeImageIndex, ocispec.Index{MediaType: ocispec.MediaTypeImageIndex, Manifests: []ocispec.Descriptor{arm, amd}})
	f.report("CVE-1", "2026-11-01")
	f.artifact.Descriptor = index
	f.artifact.Subject.Platform = *amd.Platform
	f.wants(t, "CVE-1")
	f.report("CVE-2", "2026-11-20") // on the index
	f.wants(t, "CVE-2")
	d := f.attach(arm, arm, "application/json", trivyReportOf("CVE-3", "2026-11-21"))
	f.sign(d, now)
	f.wants(t, "CVE-2")
}

func TestProvenance(t *testing.T) {
	f := newFixture(t)
	text := strings.ReplaceAll(string(read(t, "provenance.json")), app, f.artifact.Descriptor.Digest.String())
	text = strings.ReplaceAll(text, app[7:], f.artifact.Descriptor.Digest.Encoded())
	d := f.attach(f.artifact.Descriptor, f.artifact.Descriptor, "application/vnd.in-toto+json", text)
	if built := f.reader.Read(t.Context(), f.registry, f.artifact).Built; !built.IsZero() {
		t.Errorf("unsigned provenance says %s", built)
	}
	f.sign(d, now)
	if built := f.reader.Read(t.Context(), f.registry, f.artifact).Built; !built.Equal(at(t, "2026-11-01T00:10:00Z")) {
		t.Errorf("got %s", built)
	}
	f.wantsUnknown(t, "no scan report is among the signed documents")
}
