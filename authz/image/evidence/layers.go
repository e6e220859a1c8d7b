package evidence

import (
	"cmp"
	"context"
	"errors"
	"slices"

	"github.com/distribution/reference"
	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"caisson/authz/image"
)

// Layers are several layouts as one [image.Source]: the store of this machine, and what an operator brought to a site without a registry.
type Layers []*Layout

var _ image.Source = Layers(nil)

// Layered puts a store before layouts that are only read. The store may be nil.
func Layered(primary *Store, more ...*Layout) Layers {
	var l Layers
	if primary != nil {
		l = append(l, primary.Layout)
	}
	return append(l, more...)
}

// Manifest implements [image.Source].
func (l Layers) Manifest(ctx context.Context, repo reference.Named, d digest.Digest) (image.Manifest, error) {
	return first(l, func(one *Layout) (image.Manifest, error) { return one.Manifest(ctx, repo, d) })
}

// Tagged implements [image.Source].
func (l Layers) Tagged(ctx context.Context, repo reference.Named, tag string) (image.Manifest, error) {
	return first(l, func(one *Layout) (image.Manifest, error) { return one.Tagged(ctx, repo, tag) })
}

// Blob implements [image.Source].
func (l Layers) Blob(ctx context.Context, repo reference.Named, blob ocispec.Descriptor, limit int64) ([]byte, error) {
	return first(l, func(one *Layout) ([]byte, error) { return one.Blob(ctx, repo, blob, limit) })
}

func first[T any](l Layers, ask func(*Layout) (T, error)) (T, error) {
	for _, one := range l {
		if v, err := ask(one); !errors.Is(err, image.ErrNotFound) {
			return v, err
		}
	}
	var none T
	return none, image.ErrNotFound
}

// Referrers implements [image.Source] with those of all layouts.
func (l Layers) Referrers(ctx context.Context, repo reference.Named, subject ocispec.Descriptor, artifactType string) ([]ocispec.Descriptor, error) {
	var all []ocispec.Descriptor
	for _, one := range l {
		some, err := one.Referrers(ctx, repo, subject, artifactType)
		if err != nil {
			return nil, err
		}
		for _, d := range some {
			if len(all) < image.MaxReferrers && !slices.ContainsFunc(all, func(o ocispec.Descriptor) bool { return o.Digest == d.Digest }) {
				all = append(all, d)
			}
		}
	}
	return all, nil
}

// Candidates is [Layout.Candidates] over all layouts.
func (l Layers) Candidates(id digest.Digest) []Candidate {
	var all []Candidate
	for _, one := range l {
		for _, c := range one.Candidates(id) {
			i := slices.IndexFunc(all, func(o Candidate) bool {
				return o.Descriptor.Digest == c.Descriptor.Digest && o.Manifest.Digest == c.Manifest.Digest
			})
			if i < 0 {
				all = append(all, c)
				continue
			}
			all[i].Repositories = union(all[i].Repositories, c.Repositories)
		}
	}
	return all
}

func union(a, b []reference.Named) []reference.Named {
	l := slices.Concat(a, b)
	slices.SortFunc(l, func(a, b reference.Named) int { return cmp.Compare(a.Name(), b.Name()) })
	return slices.CompactFunc(l, func(a, b reference.Named) bool { return a.Name() == b.Name() })
}

// Envelopes is [Layout.Envelopes] over all layouts.
func (l Layers) Envelopes(id digest.Digest) []image.Envelope {
	var all []image.Envelope
	for _, one := range l {
		all = append(all, one.Envelopes(id)...)
	}
	return all[:min(len(all), image.MaxAttempts)]
}
