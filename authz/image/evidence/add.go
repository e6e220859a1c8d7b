package evidence

import (
	"fmt"

	"github.com/opencontainers/go-digest"

	"caisson/authz/image"
)

// Add takes over what another layout, in a directory or tar file, holds as evidence: manifests, and the contents of signatures and reports. Layers and
// configurations of images are left. It returns the subjects that it found, as far as they could be taken over. Names in the layout are believed, so it must be
// from somebody who may say which repository an image is of.
func (s *Store) Add(path string) (added []Subject, err error) {
	from, err := OpenLayout(path)
	if err != nil {
		return nil, err
	}
	defer func() { _ = from.Close() }()
	g := from.current()
	for _, r := range g.groups(nil) {
		b := newBundle()
		for d := range r.members {
			if g.nodes[d] == nil {
				continue
			}
			if err := from.collect(b, g, d); err != nil {
				return added, fmt.Errorf("%s: %s: %w", path, d, err)
			}
		}
		if len(b.entries) == 0 {
			continue
		}
		if err := s.commit(b); err != nil {
			return added, err
		}
		r.Bytes = b.size()
		added = append(added, r.Subject)
	}
	if len(added) == 0 {
		return nil, fmt.Errorf("%s holds no manifests", path)
	}
	return added, nil
}

// collect adds a manifest to a bundle. If it is about another, its contents are added too.
func (l *Layout) collect(b *bundle, g *graph, d digest.Digest) error {
	n := g.nodes[d]
	m, err := l.manifest(d, n.desc.MediaType)
	if err != nil {
		return err
	}
	names := g.names[d]
	if len(names) == 0 {
		names = []name{{}}
	}
	b.manifest(m, names...)
	about := n.subject != nil
	for _, n := range names {
		if s, suffix := subjectOf(n.tag); s != "" && suffix != "" {
			about = true
		}
	}
	if !about {
		return nil
	}
	for _, blob := range n.blobs {
		if blob.Size > image.MaxReport {
			continue // nobody would read it
		}
		c, err := l.blob(blob.Digest, blob.Size)
		if absent(err) {
			continue // only what is there
		}
		if err != nil {
			return err
		}
		b.content[blob.Digest] = c
	}
	return nil
}
