package evidence

import (
	"context"
	"fmt"
	"slices"
	"sync"

	"github.com/distribution/reference"
	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"caisson/authz/image"
)

// maxRecorded is how many bytes one proof is remembered of. Whoever can push to a registry chooses how much is looked at.
const maxRecorded = 32 << 20

// Recorder is an [image.Source] for one proof, which remembers what was fetched for it. It is safe for concurrent use.
type Recorder struct {
	source image.Source

	mu        sync.Mutex
	manifests map[digest.Digest]image.Manifest
	names     map[digest.Digest][]name
	blobs     map[digest.Digest][]byte
	size      int64
}

var _ image.Source = (*Recorder)(nil)

// NewRecorder wraps a source, a registry as a rule.
func NewRecorder(source image.Source) *Recorder {
	return &Recorder{source: source, manifests: map[digest.Digest]image.Manifest{}, names: map[digest.Digest][]name{}, blobs: map[digest.Digest][]byte{}}
}

// Manifest implements [image.Source].
func (r *Recorder) Manifest(ctx context.Context, repo reference.Named, d digest.Digest) (image.Manifest, error) {
	m, err := r.source.Manifest(ctx, repo, d)
	if err == nil {
		r.saw(m, name{repo: repo.Name()})
	}
	return m, err
}

// Tagged implements [image.Source].
func (r *Recorder) Tagged(ctx context.Context, repo reference.Named, tag string) (image.Manifest, error) {
	m, err := r.source.Tagged(ctx, repo, tag)
	if err == nil {
		r.saw(m, name{repo.Name(), tag})
	}
	return m, err
}

func (r *Recorder) saw(m image.Manifest, n name) {
	r.mu.Lock()
	defer r.mu.Unlock()
	d := m.Descriptor.Digest
	if _, known := r.manifests[d]; !known {
		if r.size += int64(len(m.Bytes)); r.size > maxRecorded {
			return
		}
		r.manifests[d] = m
	}
	if !slices.Contains(r.names[d], n) {
		r.names[d] = append(r.names[d], n)
	}
}

// Referrers implements [image.Source]. Lists are not remembered: each manifest says itself what it is about.
func (r *Recorder) Referrers(ctx context.Context, repo reference.Named, subject ocispec.Descriptor, artifactType string) ([]ocispec.Descriptor, error) {
	return r.source.Referrers(ctx, repo, subject, artifactType)
}

// Blob implements [image.Source].
func (r *Recorder) Blob(ctx context.Context, repo reference.Named, blob ocispec.Descriptor, limit int64) ([]byte, error) {
	b, err := r.source.Blob(ctx, repo, blob, limit)
	if err == nil {
		r.mu.Lock()
		if _, known := r.blobs[blob.Digest]; !known {
			if r.size += int64(len(b)); r.size <= maxRecorded {
				r.blobs[blob.Digest] = b
			}
		}
		r.mu.Unlock()
	}
	return b, err
}

// Commit keeps what proves an artifact: its manifest, the index or the manifests that it hangs together with, and the manifests of the proofs, the
// signature that counted and the reports that were believed, each as far as it was fetched. Other signatures that were looked at are worth nothing and would
// push out what is of worth. Without proofs, all that was fetched is kept.
func (r *Recorder) Commit(s *Store, a image.Artifact, proofs ...digest.Digest) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	nodes := map[digest.Digest]*node{}
	for d, m := range r.manifests {
		n, err := newNode(m)
		if err != nil {
			return fmt.Errorf("manifest %s: %w", d, err)
		}
		nodes[d] = n
	}
	b := newBundle()
	for d := range wanted(nodes, a.Descriptor.Digest, proofs) {
		b.manifest(r.manifests[d], r.names[d]...)
		for _, blob := range nodes[d].blobs {
			if c, ok := r.blobs[blob.Digest]; ok {
				b.content[blob.Digest] = c
			}
		}
	}
	return s.commit(b)
}

// wanted picks from what was fetched.
func wanted(nodes map[digest.Digest]*node, artifact digest.Digest, proofs []digest.Digest) map[digest.Digest]bool {
	keep := map[digest.Digest]bool{}
	var take func(digest.Digest)
	take = func(d digest.Digest) {
		n := nodes[d]
		if n == nil || keep[d] {
			return
		}
		keep[d] = true
		for _, c := range n.children {
			take(c.Digest)
		}
		if n.subject != nil {
			take(n.subject.Digest) // the signature of a report keeps the report
		}
	}
	if len(proofs) == 0 {
		for d := range nodes {
			take(d)
		}
		return keep
	}
	take(artifact)
	for d, n := range nodes {
		if slices.ContainsFunc(n.children, func(c ocispec.Descriptor) bool { return c.Digest == artifact }) {
			take(d)
		}
	}
	for _, p := range proofs {
		take(p)
	}
	return keep
}
