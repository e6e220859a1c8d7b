package imagetest

import (
	"bytes"
	"errors"
	"log/slog"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/registry"
	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	"oras.land/oras-go/v2/content"
	"oras.land/oras-go/v2/errdef"
	"oras.land/oras-go/v2/registry/remote"
)

// Registry is a registry on 127.0.0.1, over plain HTTP, that keeps everything in memory.
type Registry struct {
	Server *httptest.Server
	Host   string // host:port
}

// NewRegistry starts a registry, which ends with the test. Without the referrers API, referrers are found by the tag schema.
func NewRegistry(tb testing.TB, referrersAPI bool) *Registry {
	tb.Helper()
	quiet := slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
	s := httptest.NewServer(registry.New(registry.Logger(quiet), registry.WithReferrersSupport(referrersAPI)))
	tb.Cleanup(s.Close)
	return &Registry{Server: s, Host: strings.TrimPrefix(s.URL, "http://")}
}

// Repository opens a repository, such as "team/app".
func (r *Registry) Repository(tb testing.TB, name string) *Repository {
	tb.Helper()
	repo, err := remote.NewRepository(r.Host + "/" + name)
	must(tb, err)
	repo.PlainHTTP = true
	return &Repository{Name: r.Host + "/" + name, remote: repo}
}

// Repository is a repository of a [Registry], and a [Store].
type Repository struct {
	Name   string // with the registry
	remote *remote.Repository
}

// PutBlob implements [Store].
func (r *Repository) PutBlob(tb testing.TB, mediaType string, blob []byte) ocispec.Descriptor {
	tb.Helper()
	d := content.NewDescriptorFromBytes(mediaType, blob)
	if err := r.remote.Blobs().Push(tb.Context(), d, bytes.NewReader(blob)); !errors.Is(err, errdef.ErrAlreadyExists) {
		must(tb, err)
	}
	return d
}

// PutManifest implements [Store].
func (r *Repository) PutManifest(tb testing.TB, mediaType string, manifest []byte, tag string) ocispec.Descriptor {
	tb.Helper()
	d := ocispec.Descriptor{MediaType: mediaType, Digest: digest.FromBytes(manifest), Size: int64(len(manifest))}
	must(tb, r.remote.Manifests().Push(tb.Context(), d, bytes.NewReader(manifest)))
	if tag != "" {
		must(tb, r.remote.Manifests().Tag(tb.Context(), d, tag))
	}
	return d
}

// Tag gives a manifest of the repository a name.
func (r *Repository) Tag(tb testing.TB, d ocispec.Descriptor, tag string) {
	tb.Helper()
	must(tb, r.remote.Manifests().Tag(tb.Context(), d, tag))
}
