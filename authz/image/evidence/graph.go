package evidence

import (
	"slices"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"caisson/authz/image"
)

// graph is how the manifests of a layout hang together.
type graph struct {
	nodes     map[digest.Digest]*node
	names     map[digest.Digest][]name
	tags      map[string]map[string]digest.Digest // tag → repository, "" if not known → manifest
	byConfig  map[digest.Digest][]digest.Digest   // configuration → manifests that are not about another
	parents   map[digest.Digest][]digest.Digest   // manifest → indexes that hold it
	referrers map[digest.Digest][]digest.Digest   // subject → manifests that say so, or that are listed by a tag
	attached  map[digest.Digest][]digest.Digest   // subject → what its tags name
	missing   bool                                // an entry of index.json is not there, or not yet
}

// Bounds of a layout. Manifests beyond are not there.
const (
	maxManifests = 1 << 16
	maxDepth     = 8 // of indexes in indexes
)

// newGraph reads the manifests that index.json leads to. Those that are known from before are not read again.
func newGraph(index ocispec.Index, load func(ocispec.Descriptor) *node) *graph {
	g := &graph{
		nodes: map[digest.Digest]*node{}, names: map[digest.Digest][]name{}, tags: map[string]map[string]digest.Digest{},
		byConfig: map[digest.Digest][]digest.Digest{}, parents: map[digest.Digest][]digest.Digest{},
		referrers: map[digest.Digest][]digest.Digest{}, attached: map[digest.Digest][]digest.Digest{},
	}
	for i := range index.Manifests {
		d := &index.Manifests[i]
		if d.Digest.Validate() != nil {
			continue
		}
		if !g.add(*d, load, 0) {
			g.missing = true
			continue
		}
		g.call(d.Digest, nameOf(d.Annotations))
	}
	g.cosign(index.Manifests)
	lists := map[digest.Digest]bool{}
	for tag, by := range g.tags {
		subject, suffix := subjectOf(tag)
		if subject == "" {
			continue
		}
		for _, d := range by {
			g.attached[subject] = append(g.attached[subject], d)
			if suffix == "" {
				lists[d] = true
				for _, c := range g.nodes[d].children {
					if g.nodes[c.Digest] != nil {
						g.referrers[subject] = append(g.referrers[subject], c.Digest)
					}
				}
			}
		}
	}
	for d, n := range g.nodes {
		switch {
		case n.subject != nil:
			g.referrers[n.subject.Digest] = append(g.referrers[n.subject.Digest], d)
		case n.config != "":
			g.byConfig[n.config] = append(g.byConfig[n.config], d)
		}
		if !lists[d] {
			for _, c := range n.children {
				g.parents[c.Digest] = append(g.parents[c.Digest], d)
			}
		}
	}
	for _, m := range []map[digest.Digest][]digest.Digest{g.byConfig, g.parents, g.referrers, g.attached} {
		for k, l := range m {
			slices.Sort(l) // the same answer each time
			m[k] = slices.Compact(l)
		}
	}
	return g
}

// add takes in a manifest and what it holds.
func (g *graph) add(d ocispec.Descriptor, load func(ocispec.Descriptor) *node, depth int) bool {
	if g.nodes[d.Digest] != nil {
		return true
	}
	if len(g.nodes) == maxManifests || depth > maxDepth {
		return false
	}
	n := load(d)
	if n == nil {
		return false
	}
	g.nodes[d.Digest] = n
	for _, c := range n.children {
		g.add(c, load, depth+1) // not there: a platform that was not needed
	}
	return true
}

// call notes the name of a manifest.
func (g *graph) call(d digest.Digest, n name) {
	if n == (name{}) || slices.Contains(g.names[d], n) {
		return
	}
	g.names[d] = append(g.names[d], n)
	if n.tag != "" {
		if g.tags[n.tag] == nil {
			g.tags[n.tag] = map[string]digest.Digest{}
		}
		g.tags[n.tag][n.repo] = d
	}
}

// cosign gives signatures the tags that they have in a registry. In the layouts of cosign save, what they are of follows from their standing beside it.
func (g *graph) cosign(entries []ocispec.Descriptor) {
	for i := range entries {
		s := &entries[i]
		if s.Annotations[annotationCosign] != cosignSignatures || g.nodes[s.Digest] == nil {
			continue
		}
		for j := range entries {
			e := &entries[j]
			kind := e.Annotations[annotationCosign]
			if (kind == cosignImage || kind == cosignIndex) && e.Annotations[ocispec.AnnotationRefName] == s.Annotations[ocispec.AnnotationRefName] &&
				e.Digest.Validate() == nil {
				g.call(s.Digest, name{nameOf(e.Annotations).repo, e.Digest.Algorithm().String() + "-" + e.Digest.Encoded() + ".sig"})
			}
		}
	}
}

// tagged finds what a tag names: in the repository, where the repository is not known, or in any other, for the tag is about a digest
// and the same everywhere.
func (g *graph) tagged(repo, tag string) *node {
	if subject, _ := subjectOf(tag); subject == "" {
		return nil // a tag that may have moved since
	}
	by := g.tags[tag]
	for _, r := range []string{repo, ""} {
		if d, ok := by[r]; ok {
			return g.nodes[d]
		}
	}
	var first string
	for r := range by {
		if first == "" || r < first {
			first = r
		}
	}
	return g.nodes[by[first]]
}

// referring lists the referrers of an artifact type; "" is all.
func (g *graph) referring(subject digest.Digest, artifactType string) []ocispec.Descriptor {
	var l []ocispec.Descriptor
	for _, d := range g.referrers[subject] {
		n := g.nodes[d]
		if len(l) < image.MaxReferrers && (artifactType == "" || n.desc.ArtifactType == artifactType) {
			l = append(l, n.desc)
		}
	}
	return l
}

// repositories are those that a manifest is known to be of: by its own name, or by that of an index that holds it.
func (g *graph) repositories(d digest.Digest) []string {
	var l []string
	for _, at := range append([]digest.Digest{d}, g.above(d)...) {
		for _, n := range g.names[at] {
			if n.repo != "" && !slices.Contains(l, n.repo) {
				l = append(l, n.repo)
			}
		}
	}
	slices.Sort(l)
	return l
}

// above lists the indexes that hold a manifest, and those that hold them.
func (g *graph) above(d digest.Digest) []digest.Digest {
	l := slices.Clone(g.parents[d])
	for i := 0; i < len(l); i++ { // l grows
		for _, p := range g.parents[l[i]] {
			if !slices.Contains(l, p) {
				l = append(l, p)
			}
		}
	}
	return l
}
