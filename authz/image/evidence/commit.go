package evidence

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"path"
	"slices"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"caisson/authz/image"
)

// bundle is what is written together, so that it is there as a whole.
type bundle struct {
	entries []ocispec.Descriptor // of index.json, for manifests that are in content
	content map[digest.Digest][]byte
}

func newBundle() *bundle { return &bundle{content: map[digest.Digest][]byte{}} }

// manifest adds one under its names; at least one, which may be the empty one.
func (b *bundle) manifest(m image.Manifest, names ...name) {
	b.content[m.Descriptor.Digest] = m.Bytes
	for _, n := range names {
		e := m.Descriptor
		e.Annotations = n.annotations()
		b.entries = append(b.entries, e)
	}
}

func (b *bundle) size() (n int64) {
	for _, c := range b.content {
		n += blocks(int64(len(c)))
	}
	return n
}

// blocks is what a file takes on disk, in bytes.
func blocks(size int64) int64 { return (size + 4095) &^ 4095 }

// commit writes a bundle, and makes room for it.
func (s *Store) commit(b *bundle) error {
	if len(b.entries) == 0 {
		return nil
	}
	if n := b.size(); n > s.max {
		return fmt.Errorf("the evidence takes %d bytes, and at most %d are kept", n, s.max)
	}
	return s.change(func(root *os.Root) error {
		index, err := s.indexForWriting(root)
		if err != nil {
			return err
		}
		for d, c := range b.content {
			if err := s.put(root, d, c); err != nil {
				return err
			}
		}
		if merged, changed := merge(index.Manifests, b.entries); changed {
			index.Manifests = merged
			if err := writeIndex(root, index); err != nil {
				return err
			}
		}
		_, err = s.shrink(root, s.max, b.entries)
		return err
	})
}

// put writes a blob, unless it is there as it should be.
func (s *Store) put(root *os.Root, d digest.Digest, c []byte) error {
	name := blobName(d)
	if _, err := s.blob(d, int64(len(c))); err == nil {
		s.files.used(name)
		return nil
	}
	if err := root.MkdirAll(path.Dir(name), dirMode); err != nil {
		return err
	}
	return writeFile(root, name, c)
}

// indexForWriting reads index.json. One that cannot be understood is put aside, and made again of the manifests that are there, whose repositories
// are then not known.
func (s *Store) indexForWriting(root *os.Root) (ocispec.Index, error) {
	index, err := readIndex(s.files)
	switch {
	case err == nil, absent(err):
		return index, nil
	case !errors.Is(err, errIndex):
		return index, err
	}
	if err := root.Rename(ocispec.ImageIndexFile, ocispec.ImageIndexFile+".bad"); err != nil {
		return index, err
	}
	stored, err := s.stored()
	if err != nil {
		return index, err
	}
	for _, d := range slices.Sorted(maps.Keys(stored)) {
		if stored[d].size > image.MaxManifest {
			continue
		}
		if m, err := s.manifest(d, ""); err == nil {
			index.Manifests = append(index.Manifests, m.Descriptor)
		}
	}
	return index, writeIndex(root, index)
}

// merge adds entries to those of an index. A tag of a repository is taken over from what had it, which stays without it.
func merge(old, added []ocispec.Descriptor) (merged []ocispec.Descriptor, changed bool) {
	type key struct {
		digest digest.Digest
		name   name
	}
	there, owner := map[key]bool{}, map[name]digest.Digest{}
	for i := range added {
		if n := nameOf(added[i].Annotations); n.tag != "" {
			owner[n] = added[i].Digest
		}
	}
	for i := range old {
		e := old[i]
		n := nameOf(e.Annotations)
		if d, ok := owner[n]; ok && d != e.Digest {
			n.tag, changed = "", true
			e.Annotations = n.annotations()
		}
		if k := (key{e.Digest, n}); !there[k] {
			there[k] = true
			merged = append(merged, e)
		}
	}
	for i := range added {
		if k := (key{added[i].Digest, nameOf(added[i].Annotations)}); !there[k] {
			there[k], changed = true, true
			merged = append(merged, added[i])
		}
	}
	return merged, changed
}
