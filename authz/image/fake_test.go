package image_test

import (
	"context"
	"encoding/json"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/distribution/reference"
	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"caisson/authz/image"
	"caisson/authz/state"
)

// registry is one registry in memory, and evidence as well, if it is used as such.
type registry struct {
	mu        sync.Mutex
	manifests map[digest.Digest]image.Manifest
	called    reference.Named // as evidence: the repository that all of it is said to be from
	down      bool
	asked     atomic.Int64
}

func newRegistry() *registry { return &registry{manifests: make(map[digest.Digest]image.Manifest)} }

// manifest pushes a manifest for a configuration.
func (r *registry) manifest(config digest.Digest) ocispec.Descriptor {
	return r.push(ocispec.MediaTypeImageManifest, ocispec.Manifest{
		MediaType: ocispec.MediaTypeImageManifest, Config: ocispec.Descriptor{MediaType: ocispec.MediaTypeImageConfig, Digest: config, Size: 7},
	})
}

// index pushes an index of manifests, one for each architecture.
func (r *registry) index(byArchitecture map[string]ocispec.Descriptor) ocispec.Descriptor {
	x := ocispec.Index{MediaType: ocispec.MediaTypeImageIndex}
	for architecture, d := range byArchitecture {
		d.Platform = &ocispec.Platform{OS: "linux", Architecture: architecture}
		x.Manifests = append(x.Manifests, d)
	}
	return r.push(ocispec.MediaTypeImageIndex, x)
}

func (r *registry) push(mediaType string, v any) ocispec.Descriptor {
	text, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	d := ocispec.Descriptor{MediaType: mediaType, Digest: digest.FromBytes(text), Size: int64(len(text))}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.manifests[d.Digest] = image.Manifest{Descriptor: d, Bytes: text}
	return d
}

func (r *registry) Listed(host string) bool { return host == "registry.example.com" }

func (r *registry) Manifest(_ context.Context, _ reference.Named, d digest.Digest) (image.Manifest, error) {
	r.asked.Add(1)
	if r.down {
		return image.Manifest{}, &image.UnavailableError{Host: "registry.example.com", Why: "refuses connections"}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if m, ok := r.manifests[d]; ok {
		return m, nil
	}
	return image.Manifest{}, image.ErrNotFound
}

func (r *registry) Tagged(context.Context, reference.Named, string) (image.Manifest, error) {
	return image.Manifest{}, image.ErrNotFound
}

func (r *registry) Referrers(context.Context, reference.Named, ocispec.Descriptor, string) ([]ocispec.Descriptor, error) {
	return nil, nil
}

func (r *registry) Blob(context.Context, reference.Named, ocispec.Descriptor, int64) ([]byte, error) {
	return nil, image.ErrNotFound
}

// Leading knows only what stands for itself, and manifests by their configuration.
func (r *registry) Leading(_ context.Context, id digest.Digest) (list []image.Artifact) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for d, m := range r.manifests {
		if d == id || strings.Contains(string(m.Bytes), `"config":{"mediaType":"application/vnd.oci.image.config.v1+json","digest":"`+id.String()) {
			list = append(list, image.Artifact{Repository: r.called, Descriptor: m.Descriptor})
		}
	}
	return list
}

func (r *registry) Envelopes(digest.Digest) []image.Envelope { return nil }

// Record keeps manifests, in the same way.
func (r *registry) Record(from image.Source) (image.Source, func(image.Verdict) error) {
	rec := &recorder{Source: from, seen: newRegistry()}
	return rec, func(image.Verdict) error {
		for d, m := range rec.seen.manifests {
			r.mu.Lock()
			r.manifests[d] = m
			r.mu.Unlock()
		}
		return nil
	}
}

type recorder struct {
	image.Source
	seen *registry
}

func (r *recorder) Manifest(ctx context.Context, repo reference.Named, d digest.Digest) (image.Manifest, error) {
	m, err := r.Source.Manifest(ctx, repo, d)
	if err == nil {
		r.seen.manifests[d] = m
	}
	return m, err
}

// signer vouches for digests. It stands for signatures, which have tests of their own.
type signer struct {
	signed map[digest.Digest]bool
	asked  atomic.Int64
	hold   chan struct{} // if set, nothing is answered before it is closed

	until time.Time // if set, when its signatures end, by now
	now   func() time.Time
}

func signs(list ...ocispec.Descriptor) *signer {
	s := &signer{signed: make(map[digest.Digest]bool)}
	for _, d := range list {
		s.signed[d.Digest] = true
	}
	return s
}

func (*signer) Kind() string { return "test" }

func (s *signer) Verify(_ context.Context, _ image.Source, a image.Artifact) image.Verdict {
	s.asked.Add(1)
	if s.hold != nil {
		<-s.hold
	}
	if s.signed[a.Descriptor.Digest] {
		if !s.until.IsZero() && !s.now().Before(s.until) {
			return image.Verdict{Reason: image.Expired, Detail: "has a signature that has expired"}
		}
		return image.Verdict{Reason: image.Verified, Signature: image.Signature{Signer: "CN=test"}, ValidUntil: s.until}
	}
	return image.Verdict{Reason: image.Unsigned, Detail: "has no signature"}
}

// engine has images by name and by ID.
type engine struct {
	state.Fixed
	images map[string]*state.Image
	asked  atomic.Int64
}

func (e *engine) Image(_ context.Context, ref, platform string) (*state.Image, error) {
	e.asked.Add(1)
	for _, key := range []string{ref + " " + platform, ref} {
		if i := e.images[key]; i != nil {
			return i, nil
		}
	}
	return nil, state.ErrNotFound
}

var _ state.View = (*engine)(nil)

const repo = "registry.example.com/team/app"

// graph is an image as a graph driver has it: its ID is that of the configuration.
func graph(config digest.Digest, digests ...ocispec.Descriptor) *state.Image {
	i := &state.Image{ID: config.String(), Platform: ocispec.Platform{OS: "linux", Architecture: "amd64"}}
	for _, d := range digests {
		i.RepoDigests = append(i.RepoDigests, repo+"@"+d.Digest.String())
	}
	return i
}

// containerd is an image as the containerd store has it.
func containerd(d ocispec.Descriptor, names ...string) *state.Image {
	return &state.Image{ID: d.Digest.String(), Descriptor: &d, Platform: ocispec.Platform{OS: "linux", Architecture: "amd64"}, RepoDigests: names}
}

func engineWith(images map[string]*state.Image) *engine {
	e := &engine{images: make(map[string]*state.Image)}
	for name, i := range images {
		e.images[name] = i
		if e.images[i.ID] == nil {
			e.images[i.ID] = i
		}
	}
	return e
}

func policy(r *registry, s *signer) *image.Policy {
	return &image.Policy{
		Statements: []image.Statement{{Name: "team", Prefixes: []string{"registry.example.com/team"}, Verifier: s}}, Registries: r, Generation: "1",
	}
}

func assess(t *testing.T, a *image.Assessor, p *image.Policy, e *engine, q image.Question) *image.Assessment {
	t.Helper()
	found, err := a.Assess(context.Background(), p, e, q)
	if err != nil {
		t.Fatal(err)
	}
	return found
}
