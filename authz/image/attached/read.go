package attached

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"caisson/authz/image"
)

// Read finds the documents that are attached to an image: to the artifact, and, if that is an index, to the manifest of the image's platform.
func (r *Reader) Read(ctx context.Context, source image.Source, a image.Artifact) *Documents {
	if r.verifier == nil && r.keys == nil {
		return &Documents{Unknown: "nobody is trusted to report on it"}
	}
	f := &finding{reader: r, source: source, artifact: a, seen: make(map[digest.Digest]bool)}
	if err := f.all(ctx); err != nil {
		return &Documents{Unknown: err.Error()}
	}
	f.found.sort()
	return &f.found
}

// finding is one look at what is attached to an image.
type finding struct {
	reader   *Reader
	source   image.Source
	artifact image.Artifact
	found    Documents

	seen      map[digest.Digest]bool // manifests
	envelopes int
	fetched   int64 // bytes
}

// all looks at everything. An error means that something may have been missed.
func (f *finding) all(ctx context.Context) error {
	subjects := []ocispec.Descriptor{f.artifact.Descriptor}
	switch manifest, err := image.ManifestOf(ctx, f.source, f.artifact); {
	case err == nil && manifest.Digest != f.artifact.Descriptor.Digest:
		subjects = append(subjects, manifest)
	case err == nil, errors.Is(err, image.ErrPlatform), errors.Is(err, image.ErrNotFound):
	default:
		return err
	}
	for _, s := range subjects {
		f.found.digests = append(f.found.digests, s.Digest.String())
	}
	if s := f.artifact.Subject; s != nil && s.ID != "" {
		f.found.digests = append(f.found.digests, s.ID.String())
	}
	for _, s := range subjects {
		if err := f.attachedTo(ctx, s); err != nil {
			return err
		}
		if f.reader.keys == nil {
			continue
		}
		if err := f.tagged(ctx, s); err != nil {
			return err
		}
	}
	return nil
}

// attachedTo looks at what names a manifest as its subject.
func (f *finding) attachedTo(ctx context.Context, subject ocispec.Descriptor) error {
	list, err := f.source.Referrers(ctx, f.artifact.Repository, subject, "")
	switch {
	case errors.Is(err, image.ErrNotFound):
		return nil
	case err != nil:
		return err
	case len(list) >= image.MaxReferrers:
		return fmt.Errorf("%d or more things are attached to it, which is too much to look at", image.MaxReferrers)
	}
	for _, d := range list {
		if f.seen[d.Digest] {
			continue
		}
		if !f.reader.types[d.ArtifactType] && d.ArtifactType != ocispec.MediaTypeEmptyJSON {
			if !signatures[d.ArtifactType] {
				f.found.passed = d.ArtifactType
			}
			continue
		}
		// Whoever can push can bury the newest report under many others. Then nobody knows which one it is.
		if len(f.seen) >= image.MaxAttempts {
			return fmt.Errorf("more than %d documents are attached to it, which is too much to look at", image.MaxAttempts)
		}
		f.seen[d.Digest] = true
		if err := f.document(ctx, d, subject); err != nil {
			return err
		}
	}
	return nil
}

// document takes a manifest with what it carries, if somebody vouches for it.
func (f *finding) document(ctx context.Context, d, subject ocispec.Descriptor) error {
	m, err := f.source.Manifest(ctx, f.artifact.Repository, d.Digest)
	switch {
	case errors.Is(err, image.ErrNotFound): // the list is older than the registry
		return nil
	case err != nil:
		return err
	}
	var manifest ocispec.Manifest
	_ = json.Unmarshal(m.Bytes, &manifest) // what is no manifest has no subject
	if manifest.Subject == nil || manifest.Subject.Digest != subject.Digest {
		return nil // the registry says that it belongs here, and it does not say so itself
	}
	// Where the registry keeps no list, cosign 3 keeps one in which all is of the type of its empty configuration.
	if d.ArtifactType == ocispec.MediaTypeEmptyJSON && !f.reader.types[manifest.ArtifactType] {
		return nil
	}
	verdict := f.verify(ctx, m.Descriptor)
	switch {
	case verdict.Verified():
	case verdict.Unsettled(): // it may be the newest report, so that an older one does not count in its place
		return fmt.Errorf("it cannot be told who signed %s, which is attached to it: %s", short(d.Digest), verdict.Reason)
	default:
		f.reject(verdict)
		if f.reader.keys == nil {
			return nil
		}
		return f.enveloped(ctx, manifest.Layers)
	}
	f.found.signed++
	content, err := f.layers(ctx, &manifest)
	if err != nil {
		return fmt.Errorf("the signed document %s cannot be fetched: %w", short(d.Digest), err)
	}
	for _, text := range content {
		if err := f.take(text, &verdict); err != nil {
			return fmt.Errorf("the signed document %s cannot be read: %w", short(d.Digest), err)
		}
	}
	return nil
}

// verify asks who vouches for a manifest.
func (f *finding) verify(ctx context.Context, d ocispec.Descriptor) image.Verdict {
	if f.reader.verifier == nil {
		return image.Verdict{Reason: image.Unsigned}
	}
	return f.reader.verifier.Verify(ctx, f.source, image.Artifact{Repository: f.artifact.Repository, Descriptor: d, Subject: f.artifact.Subject})
}

// reject remembers why something does not count.
func (f *finding) reject(v image.Verdict) { f.found.rejected = image.Telling(f.found.rejected, v) }

// maxLayers bounds how many files one signed manifest carries.
const maxLayers = 8

// layers fetches what a manifest carries.
func (f *finding) layers(ctx context.Context, m *ocispec.Manifest) ([][]byte, error) {
	if len(m.Layers) == 0 || len(m.Layers) > maxLayers {
		return nil, fmt.Errorf("it has %d files", len(m.Layers))
	}
	var list [][]byte
	for _, l := range m.Layers {
		text, err := f.blob(ctx, l)
		if err != nil {
			return nil, err
		}
		list = append(list, text)
	}
	return list, nil
}

// maxFetched bounds what is fetched for one look at an image.
const maxFetched = 4 * image.MaxReport

// blob fetches a file.
func (f *finding) blob(ctx context.Context, l ocispec.Descriptor) ([]byte, error) {
	if l.Size < 0 || l.Size > image.MaxReport {
		return nil, fmt.Errorf("it has more than %d MiB", image.MaxReport>>20)
	}
	if f.fetched += l.Size; f.fetched > maxFetched {
		return nil, fmt.Errorf("all that is attached together has more than %d MiB", maxFetched>>20)
	}
	return f.source.Blob(ctx, f.artifact.Repository, l, l.Size)
}

// take files a document under what it is.
func (f *finding) take(text []byte, v *image.Verdict) error {
	doc, err := parse(text, f.found.digests)
	if err != nil {
		return err
	}
	switch {
	case doc.report != nil:
		doc.report.Made = f.made(doc.report.Made, v.Signature)
		doc.report.Source += " (signed by " + v.Signature.Signer + ")"
		f.found.Reports = append(f.found.Reports, *doc.report)
	case doc.statements != nil:
		f.found.statements = append(f.found.statements, doc.statements...)
	case doc.built.After(f.found.Built):
		f.found.Built = doc.built
	}
	return nil
}

// made is when a report was made: when it says, but not after it was signed. One of the future would be the newest for ever, so it counts
// as one that has no date of its own.
func (f *finding) made(says time.Time, s image.Signature) time.Time {
	future := f.reader.now().Add(image.Tolerance)
	for _, signed := range []time.Time{s.Timestamp, s.Signed} {
		if signed.IsZero() || signed.After(future) {
			continue
		}
		if says.IsZero() || says.After(signed.Add(image.Tolerance)) {
			return signed
		}
	}
	if says.After(future) {
		return time.Time{}
	}
	return says
}

// short is enough of a digest to find it.
func short(d digest.Digest) string {
	s := d.String()
	return s[:min(len(s), len("sha256:")+12)]
}
