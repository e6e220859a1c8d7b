package imagetest

import (
	"context"
	"encoding/json"
	"sync"
	"testing"

	"github.com/distribution/reference"
	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"caisson/authz/image"
)

// Store takes what a test puts into a repository.
type Store interface {
	// PutBlob keeps a blob and describes it.
	PutBlob(tb testing.TB, mediaType string, content []byte) ocispec.Descriptor

	// PutManifest keeps a manifest, under a tag too if that is not "", and describes it. A subject makes it a referrer.
	PutManifest(tb testing.TB, mediaType string, content []byte, tag string) ocispec.Descriptor
}

// Source is an [image.Source] and a [Store] in memory. All repositories are one to it.
type Source struct {
	mu        sync.Mutex
	manifests map[digest.Digest]image.Manifest
	blobs     map[digest.Digest][]byte
	tags      map[string]digest.Digest
	referrers map[digest.Digest][]ocispec.Descriptor
	failures  map[string]error
	hang      map[string]bool
	calls     map[string]int
}

// The operations of a source, for [Source.Fail], [Source.Hang] and [Source.Calls].
const (
	OpManifest  = "manifest"
	OpTagged    = "tagged"
	OpReferrers = "referrers"
	OpBlob      = "blob"
)

// NewSource returns an empty source.
func NewSource() *Source {
	return &Source{
		manifests: map[digest.Digest]image.Manifest{}, blobs: map[digest.Digest][]byte{}, tags: map[string]digest.Digest{},
		referrers: map[digest.Digest][]ocispec.Descriptor{}, failures: map[string]error{}, hang: map[string]bool{}, calls: map[string]int{},
	}
}

// Fail makes an operation return an error from now on; nil ends that.
func (s *Source) Fail(op string, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.failures[op] = err
}

// Hang makes an operation wait for the end of its context from now on.
func (s *Source) Hang(op string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.hang[op] = true
}

// Calls tells how often an operation was asked for.
func (s *Source) Calls(op string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.calls[op]
}

// PutBlob implements [Store].
func (s *Source) PutBlob(_ testing.TB, mediaType string, content []byte) ocispec.Descriptor {
	s.mu.Lock()
	defer s.mu.Unlock()
	d := ocispec.Descriptor{MediaType: mediaType, Digest: digest.FromBytes(content), Size: int64(len(content))}
	s.blobs[d.Digest] = content
	return d
}

// PutManifest implements [Store].
func (s *Source) PutManifest(tb testing.TB, mediaType string, content []byte, tag string) ocispec.Descriptor {
	tb.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	d := ocispec.Descriptor{MediaType: mediaType, Digest: digest.FromBytes(content), Size: int64(len(content))}
	s.manifests[d.Digest] = image.Manifest{Descriptor: d, Bytes: content}
	if tag != "" {
		s.tags[tag] = d.Digest
	}
	var m ocispec.Manifest
	must(tb, json.Unmarshal(content, &m))
	if m.Subject == nil {
		return d
	}
	d.ArtifactType, d.Annotations = m.ArtifactType, m.Annotations
	if d.ArtifactType == "" {
		d.ArtifactType = m.Config.MediaType
	}
	s.referrers[m.Subject.Digest] = append(s.referrers[m.Subject.Digest], d)
	return d
}

// begin counts a call, and fails or hangs as it was told.
func (s *Source) begin(ctx context.Context, op string) error {
	s.mu.Lock()
	s.calls[op]++
	err, hang := s.failures[op], s.hang[op]
	s.mu.Unlock()
	if hang {
		<-ctx.Done()
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return err
}

// Manifest implements [image.Source].
func (s *Source) Manifest(ctx context.Context, _ reference.Named, d digest.Digest) (image.Manifest, error) {
	if err := s.begin(ctx, OpManifest); err != nil {
		return image.Manifest{}, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	m, ok := s.manifests[d]
	if !ok {
		return image.Manifest{}, image.ErrNotFound
	}
	return m, nil
}

// Tagged implements [image.Source].
func (s *Source) Tagged(ctx context.Context, _ reference.Named, tag string) (image.Manifest, error) {
	if err := s.begin(ctx, OpTagged); err != nil {
		return image.Manifest{}, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	m, ok := s.manifests[s.tags[tag]]
	if !ok {
		return image.Manifest{}, image.ErrNotFound
	}
	return m, nil
}

// Referrers implements [image.Source].
func (s *Source) Referrers(ctx context.Context, _ reference.Named, subject ocispec.Descriptor, artifactType string) ([]ocispec.Descriptor, error) {
	if err := s.begin(ctx, OpReferrers); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	var list []ocispec.Descriptor
	for _, d := range s.referrers[subject.Digest] {
		if (artifactType == "" || d.ArtifactType == artifactType) && len(list) < image.MaxReferrers {
			list = append(list, d)
		}
	}
	return list, nil
}

// Blob implements [image.Source].
func (s *Source) Blob(ctx context.Context, _ reference.Named, blob ocispec.Descriptor, limit int64) ([]byte, error) {
	if err := s.begin(ctx, OpBlob); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	content, ok := s.blobs[blob.Digest]
	switch {
	case !ok:
		return nil, image.ErrNotFound
	case int64(len(content)) > limit:
		return nil, &image.UnavailableError{Host: "memory", Why: "offers a blob that is larger than the limit"}
	}
	return content, nil
}
