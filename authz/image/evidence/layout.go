package evidence

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"sync"
	"time"

	"github.com/distribution/reference"
	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"caisson/authz/image"
)

// Layout is an OCI image layout that is only read: an [image.Source] for sites without a registry. It is read again when its index.json changes.
// It is safe for concurrent use.
type Layout struct {
	files files

	mu    sync.Mutex
	graph *graph
	stamp string    // of the index.json that graph is of
	built time.Time // when
	err   error     // of the last look at index.json
}

var _ image.Source = (*Layout)(nil)

// lookAgain is how long to wait for manifests that index.json names and that are not there. They may still be on their way.
const lookAgain = 30 * time.Second

// OpenLayout opens a layout in a directory or in a tar file. The error names what is wrong with it. A layout that breaks later is an empty one.
func OpenLayout(path string) (*Layout, error) {
	fi, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	var f files = folder{path: path}
	if !fi.IsDir() {
		if f, err = openArchive(path); err != nil {
			return nil, err
		}
	}
	l := &Layout{files: f}
	if l.current(); l.err != nil {
		_ = f.Close()
		return nil, fmt.Errorf("%s is no OCI image layout: %w", path, l.err)
	}
	return l, nil
}

// Close ends the use of a tar file.
func (l *Layout) Close() error { return l.files.Close() }

// current is the graph of the layout as it is now.
func (l *Layout) current() *graph {
	l.mu.Lock()
	defer l.mu.Unlock()
	stamp := l.files.stamp()
	if l.graph != nil && stamp == l.stamp && (!l.graph.missing || time.Since(l.built) < lookAgain) {
		return l.graph
	}
	index, err := readIndex(l.files)
	l.graph, l.stamp, l.built, l.err = newGraph(index, l.load), stamp, time.Now(), err
	return l.graph
}

func readIndex(f files) (index ocispec.Index, err error) {
	b, err := f.read(ocispec.ImageIndexFile, maxIndex)
	if err != nil {
		return ocispec.Index{}, err
	}
	if err := json.Unmarshal(b, &index); err != nil {
		return ocispec.Index{}, fmt.Errorf("%w: %s: %w", errIndex, ocispec.ImageIndexFile, err)
	}
	return index, nil
}

var errIndex = errors.New("not readable")

// load reads a manifest for the graph; nil if it is not there or is not one. The caller holds l.mu.
func (l *Layout) load(d ocispec.Descriptor) *node {
	if l.graph != nil {
		if n := l.graph.nodes[d.Digest]; n != nil {
			return n
		}
	}
	m, err := l.manifest(d.Digest, d.MediaType)
	if err != nil {
		return nil
	}
	n, err := newNode(m)
	if err != nil {
		return nil
	}
	return n
}

// manifest reads one, whose media type is "" if only its bytes tell.
func (l *Layout) manifest(d digest.Digest, mediaType string) (image.Manifest, error) {
	b, err := l.blob(d, image.MaxManifest)
	if err != nil {
		return image.Manifest{}, err
	}
	return image.ReadManifest(b, d, mediaType)
}

// blob reads what a digest stands for.
func (l *Layout) blob(d digest.Digest, limit int64) ([]byte, error) {
	if d.Validate() != nil {
		return nil, image.ErrNotFound
	}
	name := blobName(d)
	b, err := l.files.read(name, limit)
	if err != nil {
		return nil, err
	}
	if err := image.CheckDigest(b, d); err != nil {
		l.files.spoilt(name)
		return nil, err
	}
	return b, nil
}

// Manifest implements [image.Source], whatever the repository.
func (l *Layout) Manifest(_ context.Context, _ reference.Named, d digest.Digest) (image.Manifest, error) {
	mediaType := ""
	if n := l.current().nodes[d]; n != nil {
		mediaType = n.desc.MediaType
	}
	m, err := l.manifest(d, mediaType)
	if err != nil {
		return image.Manifest{}, image.ErrNotFound
	}
	l.files.used(blobName(d))
	return m, nil
}

// Tagged implements [image.Source] for tags that are about a digest, such as sha256-<hex>.sig. Others name different images at different times,
// and are not found.
func (l *Layout) Tagged(ctx context.Context, repo reference.Named, tag string) (image.Manifest, error) {
	n := l.current().tagged(repo.Name(), tag)
	if n == nil {
		return image.Manifest{}, image.ErrNotFound
	}
	return l.Manifest(ctx, repo, n.desc.Digest)
}

// Referrers implements [image.Source], whatever the repository: by what manifests say of their subject, and by lists under referrers tags.
func (l *Layout) Referrers(_ context.Context, _ reference.Named, subject ocispec.Descriptor, artifactType string) ([]ocispec.Descriptor, error) {
	return l.current().referring(subject.Digest, artifactType), nil
}

// Blob implements [image.Source], whatever the repository.
func (l *Layout) Blob(_ context.Context, _ reference.Named, blob ocispec.Descriptor, limit int64) ([]byte, error) {
	if blob.Size < 0 || blob.Size > limit {
		return nil, image.ErrNotFound
	}
	b, err := l.blob(blob.Digest, limit)
	if err != nil || int64(len(b)) != blob.Size {
		return nil, image.ErrNotFound
	}
	return b, nil
}
