package evidence

import (
	"cmp"
	"maps"
	"os"
	"path"
	"slices"
	"time"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"caisson/authz/image"
)

// Subject is an image, or whatever else was signed, with all that is kept about it.
type Subject struct {
	Digest       digest.Digest
	Kind         string   // manifest or index; "" if only what refers to it is there
	Repositories []string // that it is known to be of
	Manifests    int      // that are kept: its own, of its platforms, of signatures and reports
	Bytes        int64    // on disk. What several subjects share counts for each.
	Used         time.Time
}

// file is a blob on disk.
type file struct {
	size int64
	when time.Time
}

// stored lists the blobs on disk.
func (s *Store) stored() (map[digest.Digest]file, error) {
	all := map[digest.Digest]file{}
	for _, a := range []digest.Algorithm{digest.SHA256, digest.SHA384, digest.SHA512} {
		entries, err := os.ReadDir(path.Join(s.dir, ocispec.ImageBlobsDir, a.String()))
		if err != nil && !absent(err) {
			return nil, err
		}
		for _, e := range entries {
			d := digest.NewDigestFromEncoded(a, e.Name())
			if fi, err := e.Info(); err == nil && fi.Mode().IsRegular() && d.Validate() == nil {
				all[d] = file{fi.Size(), fi.ModTime()}
			}
		}
	}
	return all, nil
}

// group is a subject with the manifests that are about it.
type group struct {
	Subject
	members map[digest.Digest]bool
}

// roots are the digests that all others are about, or part of.
func (g *graph) roots() []digest.Digest {
	below := map[digest.Digest]bool{} // is about another, or part of one
	above := map[digest.Digest]bool{}
	for d, n := range g.nodes {
		above[d] = true
		if n.subject != nil {
			below[d] = true
		}
	}
	for _, m := range []map[digest.Digest][]digest.Digest{g.referrers, g.attached} {
		for subject, l := range m {
			above[subject] = true
			for _, d := range l {
				below[d] = true
			}
		}
	}
	for d, l := range g.parents {
		below[d] = below[d] || len(l) > 0
	}
	maps.DeleteFunc(above, func(d digest.Digest, _ bool) bool { return below[d] })
	return slices.Sorted(maps.Keys(above))
}

// members are a root and all that is part of it or about it. Some of them may not be there.
func (g *graph) members(root digest.Digest) map[digest.Digest]bool {
	seen := map[digest.Digest]bool{}
	var visit func(digest.Digest)
	visit = func(d digest.Digest) {
		if seen[d] {
			return
		}
		seen[d] = true
		for _, about := range slices.Concat(g.referrers[d], g.attached[d]) {
			visit(about)
		}
		if n := g.nodes[d]; n != nil {
			for _, c := range n.children {
				visit(c.Digest)
			}
		}
	}
	visit(root)
	return seen
}

// groups lists the subjects, the least recently used first.
func (g *graph) groups(stored map[digest.Digest]file) []group {
	var all []group
	for _, root := range g.roots() {
		r := group{Subject{Digest: root, Repositories: g.repositories(root)}, g.members(root)}
		if n := g.nodes[root]; n != nil {
			r.Kind = "manifest"
			if image.IsIndex(n.desc.MediaType) {
				r.Kind = "index"
			}
		}
		files := map[digest.Digest]bool{}
		for d := range r.members {
			n := g.nodes[d]
			if n == nil {
				continue
			}
			r.Manifests++
			files[d] = true
			for _, b := range n.blobs {
				files[b.Digest] = true
			}
			if f := stored[d]; f.when.After(r.Used) {
				r.Used = f.when
			}
			for _, name := range g.names[d] {
				if r.Kind == "" && name.repo != "" && !slices.Contains(r.Repositories, name.repo) {
					r.Repositories = append(r.Repositories, name.repo)
				}
			}
		}
		for d := range files {
			if f, ok := stored[d]; ok {
				r.Bytes += blocks(f.size)
			}
		}
		slices.Sort(r.Repositories)
		all = append(all, r)
	}
	slices.SortStableFunc(all, func(a, b group) int { return cmp.Or(a.Used.Compare(b.Used), cmp.Compare(a.Digest, b.Digest)) })
	return all
}

// List lists what is kept, the most recently used first.
func (s *Store) List() ([]Subject, error) {
	stored, err := s.stored()
	if err != nil {
		return nil, err
	}
	groups := s.current().groups(stored)
	l := make([]Subject, 0, len(groups))
	for _, g := range slices.Backward(groups) {
		l = append(l, g.Subject)
	}
	return l, nil
}
