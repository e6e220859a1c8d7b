package evidence

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"

	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

// MaxBytes is what a [Store] keeps if it is not told otherwise.
const MaxBytes = 256 << 20

// Options of a store. The zero value is usable.
type Options struct {
	MaxBytes int64 // kept on disk; 0 is [MaxBytes]. Each file counts for whole blocks of 4 KiB.
}

// Store is a layout that evidence is added to. It is safe for concurrent use, also by several processes.
//
// A store that cannot be written is still read, and one that cannot be read has nothing: an image is then proved by asking its registry again.
// [Store.Err] says so.
type Store struct {
	*Layout
	dir string
	max int64

	writing sync.Mutex // one writer of this process; a lock on a file keeps others away

	failed   atomic.Int64
	mu       sync.Mutex
	writeErr error
}

// Open opens a store, and makes it if it is not there. It is an error if the path is taken by something else. That it cannot be written is none.
func Open(dir string, o Options) (*Store, error) {
	if !filepath.IsAbs(dir) {
		return nil, fmt.Errorf("the folder for evidence %q is not an absolute path", dir)
	}
	if o.MaxBytes < 0 {
		return nil, errors.New("the limit for evidence is negative")
	}
	if o.MaxBytes == 0 {
		o.MaxBytes = MaxBytes
	}
	if err := foreign(dir); err != nil {
		return nil, err
	}
	s := &Store{Layout: &Layout{files: folder{path: dir, writable: true}}, dir: dir, max: o.MaxBytes}
	_ = s.change(func(*os.Root) error { return nil }) // whether it can be written is seen in Err from now on
	return s, nil
}

// foreign tells whether something else lies in the folder.
func foreign(dir string) error {
	entries, err := os.ReadDir(dir)
	if err != nil {
		if fi, e := os.Stat(dir); e == nil && !fi.IsDir() {
			return fmt.Errorf("%s is no folder", dir)
		}
		return nil // not there yet, or not readable, as Err will say
	}
	for _, e := range entries {
		switch e.Name() {
		case ocispec.ImageLayoutFile, ocispec.ImageIndexFile, lockFile, envelopeFolder:
			return nil
		}
	}
	for _, e := range entries {
		if e.Name() != "lost+found" { // the folder is a file system of its own
			return fmt.Errorf("%s holds something else than evidence, for example %s; name an empty folder", dir, e.Name())
		}
	}
	return nil
}

// Err is why the store cannot be written, or read; nil if the last attempt succeeded.
func (s *Store) Err() error {
	s.mu.Lock()
	err := s.writeErr
	s.mu.Unlock()
	if err != nil {
		return err
	}
	s.current()
	s.Layout.mu.Lock()
	defer s.Layout.mu.Unlock()
	if errors.Is(s.err, fs.ErrNotExist) {
		return nil // empty
	}
	return s.err
}

// Failures counts the changes that could not be written.
func (s *Store) Failures() int64 { return s.failed.Load() }

// change makes a change while no other process does.
func (s *Store) change(how func(*os.Root) error) error {
	s.writing.Lock()
	defer s.writing.Unlock()
	err := s.locked(how)
	if err != nil {
		s.failed.Add(1)
		err = fmt.Errorf("evidence in %s cannot be written: %w", s.dir, err)
	}
	s.mu.Lock()
	s.writeErr = err
	s.mu.Unlock()
	return err
}

func (s *Store) locked(how func(*os.Root) error) error {
	if err := os.MkdirAll(s.dir, dirMode); err != nil {
		return err
	}
	root, err := os.OpenRoot(s.dir)
	if err != nil {
		return err
	}
	defer func() { _ = root.Close() }()
	unlock, err := lock(root)
	if err != nil {
		return err
	}
	defer unlock()
	if _, err := root.Stat(ocispec.ImageLayoutFile); absent(err) {
		err = writeFile(root, ocispec.ImageLayoutFile, []byte(`{"imageLayoutVersion":"`+ocispec.ImageLayoutVersion+`"}`))
		if err != nil {
			return err
		}
	}
	return how(root)
}
