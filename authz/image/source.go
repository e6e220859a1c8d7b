package image

import (
	"context"
	"errors"
	"fmt"

	"github.com/distribution/reference"
	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

// Source gives bytes by their digests: a registry, or evidence on disk. Whatever it returns hashes to the digest that it was asked for. A
// Source is safe for concurrent use.
//
// Errors are [ErrNotFound], an [*UnavailableError], or that of the context; all of them mean that nothing was learned.
type Source interface {
	// Manifest returns a manifest or index of at most [MaxManifest] bytes.
	Manifest(ctx context.Context, repo reference.Named, d digest.Digest) (Manifest, error)

	// Tagged returns the manifest that a tag of the repository names now. It is for places where a signature is looked for, such as
	// sha256-<hex>.sig, and never tells what an image is.
	Tagged(ctx context.Context, repo reference.Named, tag string) (Manifest, error)

	// Referrers lists the manifests of an artifact type that say that they belong to a subject, by the referrers API or, at registries that lack
	// it, by the referrers tag schema. An empty type lists all. No list is an empty one, not an error. At most [MaxReferrers] are returned.
	Referrers(ctx context.Context, repo reference.Named, subject ocispec.Descriptor, artifactType string) ([]ocispec.Descriptor, error)

	// Blob returns the content of a descriptor, which must be of at most limit bytes.
	Blob(ctx context.Context, repo reference.Named, blob ocispec.Descriptor, limit int64) ([]byte, error)
}

// Limits of what is read from a registry: whoever can push to it chooses how much is there.
const (
	MaxManifest  = 4 << 20 // bytes of a manifest or index
	MaxEnvelope  = 1 << 20 // bytes of a signature
	MaxReport    = 8 << 20 // bytes of a scan report
	MaxReferrers = 256
	MaxAttempts  = 50 // signatures that are looked at: anybody who can push can put worthless ones in front of a good one
)

// Manifest is a manifest or an index, as bytes.
type Manifest struct {
	Descriptor ocispec.Descriptor // media type, digest and size, all of the bytes
	Bytes      []byte
}

// ErrNotFound says that a source has no such thing.
var ErrNotFound = errors.New("not found")

// UnavailableError says that a registry could not be asked, or gave no usable answer.
type UnavailableError struct {
	Host   string
	Denied bool   // it wants other credentials: 401 or 403
	Why    string // in words, without credentials and tokens
}

func (e *UnavailableError) Error() string { return fmt.Sprintf("the registry %s %s", e.Host, e.Why) }

// Envelope is a signature that lies by itself, without a manifest: of an image that no registry has. What it is a signature of, only its
// payload says.
type Envelope struct {
	Name      string // of its file
	MediaType string // application/jose+json or application/cose, as it looks
	Bytes     []byte // at most [MaxEnvelope]
}
