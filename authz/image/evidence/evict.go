package evidence

import (
	"os"
	"path"
	"slices"
	"time"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

// orphaned is how old a blob is that nothing leads to before it is removed: another tool may be about to write the index.json that does.
const orphaned = time.Hour

// Prune removes subjects that were not used for a time, and then the least recently used ones until no more than maxBytes are kept. 0 sets no bound.
// It returns what it removed.
func (s *Store) Prune(olderThan time.Duration, maxBytes int64) (removed []Subject, err error) {
	if maxBytes <= 0 || maxBytes > s.max {
		maxBytes = s.max
	}
	err = s.change(func(root *os.Root) error {
		if olderThan > 0 {
			limit := time.Now().Add(-olderThan)
			if removed, err = s.drop(root, func(g group) bool { return g.Used.Before(limit) }); err != nil {
				return err
			}
		}
		more, err := s.shrink(root, maxBytes, nil)
		removed = append(removed, more...)
		if err != nil {
			return err
		}
		return s.sweep(root)
	})
	return removed, err
}

// Forget removes the subjects that a digest is part of: that of an image, of one of its platforms, of a signature, or an image ID. What was put
// into the folder for envelopes stays.
func (s *Store) Forget(d digest.Digest) (removed []Subject, err error) {
	err = s.change(func(root *os.Root) error {
		about := append([]digest.Digest{d}, s.current().byConfig[d]...)
		removed, err = s.drop(root, func(g group) bool {
			return slices.ContainsFunc(about, func(d digest.Digest) bool { return g.members[d] })
		})
		return err
	})
	return removed, err
}

// shrink removes the least recently used subjects until no more than a number of bytes are kept. Those of some entries, which have just been
// written, stay.
func (s *Store) shrink(root *os.Root, maxBytes int64, keep []ocispec.Descriptor) (removed []Subject, err error) {
	for swept := false; ; swept = true {
		stored, err := s.stored()
		over := total(stored) - maxBytes
		if err != nil || over <= 0 {
			return removed, err
		}
		if !swept {
			if err := s.sweep(root); err != nil {
				return removed, err
			}
			continue
		}
		victims := map[digest.Digest]bool{}
		for _, g := range s.current().groups(stored) {
			if over <= 0 {
				break
			}
			if !slices.ContainsFunc(keep, func(e ocispec.Descriptor) bool { return g.members[e.Digest] }) {
				victims[g.Digest] = true
				over -= g.Bytes // less, if others need some of it; then there is another round
			}
		}
		gone, err := s.drop(root, func(g group) bool { return victims[g.Digest] })
		removed = append(removed, gone...)
		if err != nil || len(gone) == 0 {
			return removed, err
		}
	}
}

func total(stored map[digest.Digest]file) (n int64) {
	for _, f := range stored {
		n += blocks(f.size)
	}
	return n
}

// drop removes subjects, with what no other needs: first from index.json, so that after a crash there is no entry without its blob.
func (s *Store) drop(root *os.Root, which func(group) bool) (removed []Subject, err error) {
	stored, err := s.stored()
	if err != nil {
		return nil, err
	}
	g := s.current()
	gone, kept := map[digest.Digest]bool{}, map[digest.Digest]bool{}
	for _, r := range g.groups(stored) {
		into := kept
		if which(r) {
			into = gone
			removed = append(removed, r.Subject)
		}
		for d := range r.members {
			into[d] = true
			if n := g.nodes[d]; n != nil {
				for _, b := range n.blobs {
					into[b.Digest] = true
				}
			}
		}
	}
	if len(removed) == 0 {
		return nil, nil
	}
	index, err := s.indexForWriting(root)
	if err != nil {
		return nil, err
	}
	index.Manifests = slices.DeleteFunc(index.Manifests, func(d ocispec.Descriptor) bool { return gone[d.Digest] && !kept[d.Digest] })
	if err := writeIndex(root, index); err != nil {
		return nil, err
	}
	for d := range gone {
		if _, there := stored[d]; there && !kept[d] {
			if err := root.Remove(blobName(d)); err != nil && !absent(err) {
				return removed, err
			}
		}
	}
	return removed, nil
}

// sweep removes blobs that nothing leads to, and parts of files that a crash left behind.
func (s *Store) sweep(root *os.Root) error {
	stored, err := s.stored()
	if err != nil {
		return err
	}
	if _, err := s.indexForWriting(root); err != nil {
		return err // then nothing leads to anything
	}
	needed := map[digest.Digest]bool{}
	for d, n := range s.current().nodes {
		needed[d] = true
		for _, b := range n.blobs {
			needed[b.Digest] = true
		}
	}
	old := time.Now().Add(-orphaned)
	for d, f := range stored {
		if !needed[d] && f.when.Before(old) {
			_ = root.Remove(blobName(d)) // next time
		}
	}
	for _, dir := range []string{".", path.Join(ocispec.ImageBlobsDir, "sha256"), path.Join(ocispec.ImageBlobsDir, "sha384"), path.Join(ocispec.ImageBlobsDir, "sha512")} {
		names, _ := s.files.list(dir)
		for _, n := range names {
			name := path.Join(dir, n)
			if fi, err := root.Lstat(name); leftover(n) && err == nil && fi.ModTime().Before(old) {
				_ = root.Remove(name)
			}
		}
	}
	return nil
}
