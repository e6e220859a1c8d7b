package evidence

import (
	"slices"

	"github.com/distribution/reference"
	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

// Candidate is a manifest or index that an image may be made of.
type Candidate struct {
	Descriptor ocispec.Descriptor
	Manifest   ocispec.Descriptor // the manifest of the image; Descriptor itself, unless that is an index that holds it

	// Repositories that it is known to be of. None: that is not known, and nothing follows from any name for it.
	Repositories []reference.Named
}

// Candidates finds what an image ID can be made of, whichever store of the Engine it is from: manifests with this configuration, the manifest or index
// of this digest, and the indexes that hold them. Whoever uses one checks the binding again on the bytes. If only signatures of a digest
// are there, they tell its descriptor.
func (l *Layout) Candidates(id digest.Digest) []Candidate {
	g := l.current()
	var all []Candidate
	manifests := slices.Clone(g.byConfig[id])
	if g.nodes[id] != nil {
		manifests = append(manifests, id)
	}
	for _, m := range manifests {
		for _, d := range append([]digest.Digest{m}, g.above(m)...) {
			all = append(all, Candidate{plain(g.nodes[d]), plain(g.nodes[m]), named(g.repositories(d))})
		}
	}
	if len(all) > 0 {
		return all
	}
	for _, r := range g.referrers[id] {
		if s := g.nodes[r].subject; s != nil && s.Digest == id {
			return []Candidate{{*s, *s, named(g.repositories(r))}}
		}
	}
	return nil
}

func plain(n *node) ocispec.Descriptor {
	return ocispec.Descriptor{MediaType: n.desc.MediaType, Digest: n.desc.Digest, Size: n.desc.Size}
}

func named(repositories []string) []reference.Named {
	var l []reference.Named
	for _, r := range repositories {
		if n, err := reference.ParseNamed(r); err == nil {
			l = append(l, n)
		}
	}
	return l
}
