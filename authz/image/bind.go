package image

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"github.com/distribution/reference"
	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

// maxCandidates bounds how many of an image's names are followed: anybody can give it more.
const maxCandidates = 4

// binding finds the manifests of which an image is made. The Engine's names for the image only say where to look. That a manifest belongs to
// the image follows from digests alone: it is what the ID is the digest of, or its configuration is.
type binding struct {
	source Source
	policy *Policy
	s      *Subject
	only   *Statement // whose repositories count; nil: all

	found []Artifact
	worst Verdict // why something was not found
}

// from looks where the Engine's names for the image lead. remote says that the source is made of registries, of which only those in the list are
// asked.
func (b *binding) from(ctx context.Context, remote bool) {
	tried := 0
	for _, name := range b.s.RepoDigests {
		repo := reference.TrimNamed(name)
		if tried == maxCandidates || ctx.Err() != nil {
			return
		}
		st := b.policy.Statement(repo)
		host := reference.Domain(repo)
		switch {
		case b.only != nil && st != b.only:
			continue
		case remote && (b.policy == nil || b.policy.Registries == nil || !b.policy.Registries.Listed(host)) && !b.known(name.Digest()):
			b.miss(Verdict{Reason: RegistryNotListed, Detail: fmt.Sprintf("may be from %s, which the policy does not list as a registry", host)})
			continue
		}
		tried++
		b.candidate(ctx, repo, name.Digest())
	}
}

// known tells whether a digest needs no look at a registry to be bound.
func (b *binding) known(d digest.Digest) bool {
	return b.s.Descriptor != nil && d == b.s.ID
}

// candidate binds what a digest in a repository stands for, if it leads to the image.
func (b *binding) candidate(ctx context.Context, repo reference.Named, d digest.Digest) {
	if b.known(d) {
		b.add(repo, *b.s.Descriptor)
		return
	}
	m, ok := b.manifest(ctx, repo, d)
	if !ok {
		return
	}
	if d == b.s.ID || d == b.s.Manifest || configOf(m) == b.s.ID {
		b.add(repo, m.Descriptor)
		return
	}
	for _, child := range childrenOf(m, b.s.Platform) {
		if child.Digest == b.s.ID { // an index around the image, whose signature speaks for what is in it
			b.add(repo, m.Descriptor)
			b.add(repo, child)
			return
		}
		if c, ok := b.manifest(ctx, repo, child.Digest); ok && configOf(c) == b.s.ID {
			b.add(repo, m.Descriptor)
			b.add(repo, c.Descriptor)
			return
		}
	}
	b.miss(Verdict{Reason: Unbound, Detail: fmt.Sprintf("is called %s@%s here, and is not what that digest stands for", reference.FamiliarName(repo), d)})
}

// selected adds the manifest that the Engine took, or is going to take, out of the index that is the image.
func (b *binding) selected(ctx context.Context) {
	if b.s.Manifest == "" || b.s.Manifest == b.s.ID {
		return
	}
	for _, a := range slices.Clone(b.found) {
		if a.Descriptor.Digest != b.s.ID || a.Repository == nil {
			continue
		}
		if m, ok := b.manifest(ctx, a.Repository, b.s.Manifest); ok {
			b.add(a.Repository, m.Descriptor)
		}
	}
}

func (b *binding) manifest(ctx context.Context, repo reference.Named, d digest.Digest) (Manifest, bool) {
	m, err := b.source.Manifest(ctx, repo, d)
	if err == nil {
		return m, true
	}
	b.miss(verdictOf(err, fmt.Sprintf("%s@%s", reference.FamiliarName(repo), d)))
	return Manifest{}, false
}

func (b *binding) add(repo reference.Named, d ocispec.Descriptor) {
	same := func(a Artifact) bool { return a.Descriptor.Digest == d.Digest && nameOf(a.Repository) == nameOf(repo) }
	if !slices.ContainsFunc(b.found, same) {
		b.found = append(b.found, Artifact{Repository: repo, Descriptor: d, Subject: b.s})
	}
}

func (b *binding) miss(v Verdict) { b.worst = Telling(b.worst, v) }

func nameOf(repo reference.Named) string {
	if repo == nil {
		return ""
	}
	return repo.Name()
}

// verdictOf says what an error of a source means for a name that the Engine has for the image.
func verdictOf(err error, name string) Verdict {
	if errors.Is(err, ErrNotFound) {
		return Verdict{Reason: Unbound, Detail: "is called " + name + " here, which its registry does not have"}
	}
	return Unread(err, "the manifest "+name)
}

// configOf returns the digest of a manifest's configuration, "" if it is an index or has none.
func configOf(m Manifest) digest.Digest {
	var body struct {
		Config *ocispec.Descriptor `json:"config"`
	}
	if IsIndex(m.Descriptor.MediaType) || json.Unmarshal(m.Bytes, &body) != nil || body.Config == nil {
		return ""
	}
	return body.Config.Digest
}

// childrenOf lists the manifests of an index for an operating system and architecture, those of the same variant first.
func childrenOf(m Manifest, p ocispec.Platform) []ocispec.Descriptor {
	if !IsIndex(m.Descriptor.MediaType) {
		return nil
	}
	var index ocispec.Index
	if json.Unmarshal(m.Bytes, &index) != nil {
		return nil
	}
	var list []ocispec.Descriptor
	for _, child := range index.Manifests {
		switch c := child.Platform; {
		case c == nil || c.OS != p.OS || c.Architecture != p.Architecture:
		case c.Variant == p.Variant:
			list = append([]ocispec.Descriptor{child}, list...)
		default:
			list = append(list, child)
		}
	}
	return list[:min(len(list), maxCandidates)]
}
