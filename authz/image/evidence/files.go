package evidence

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"syscall"
	"time"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	"golang.org/x/sys/unix"
)

// Bounds of what is read of a layout, besides those of package image.
const (
	maxIndex    = 32 << 20 // bytes of index.json
	markedEvery = time.Hour
)

// files is where a layout lies.
type files interface {
	read(name string, limit int64) ([]byte, error) // of at most limit bytes; fs.ErrNotExist if it is not there
	list(name string) ([]string, error)            // of the regular files in a folder
	stamp() string                                 // differs when index.json does
	used(name string)                              // notes that a file was of use
	spoilt(name string)                            // removes a file that does not hold what it should
	Close() error
}

// blobName is where the content of a digest lies. The digest has been validated, so it cannot lead anywhere else.
func blobName(d digest.Digest) string {
	return path.Join(ocispec.ImageBlobsDir, d.Algorithm().String(), d.Encoded())
}

// folder is a layout in a directory. It is opened for each use, so it may come and go. Links that lead out of it are not followed.
type folder struct {
	path     string
	writable bool
}

func (f folder) Close() error { return nil }

func (f folder) read(name string, limit int64) ([]byte, error) {
	root, err := os.OpenRoot(f.path)
	if err != nil {
		return nil, err
	}
	defer func() { _ = root.Close() }()
	file, err := root.OpenFile(name, os.O_RDONLY|unix.O_NONBLOCK, 0) // a pipe must not hold us up
	if err != nil {
		return nil, err
	}
	defer func() { _ = file.Close() }()
	fi, err := file.Stat()
	switch {
	case err != nil:
		return nil, err
	case !fi.Mode().IsRegular():
		return nil, fmt.Errorf("%s is no regular file", name)
	case fi.Size() > limit:
		return nil, fmt.Errorf("%s has %d bytes, and Caisson reads at most %d", name, fi.Size(), limit)
	}
	return readAll(file, name, limit)
}

func readAll(r io.Reader, name string, limit int64) ([]byte, error) {
	b, err := io.ReadAll(io.LimitReader(r, limit+1))
	if err == nil && int64(len(b)) > limit {
		err = fmt.Errorf("%s has more than %d bytes", name, limit)
	}
	if err != nil {
		return nil, err
	}
	return b, nil
}

func (f folder) list(name string) ([]string, error) {
	root, err := os.OpenRoot(f.path)
	if err != nil {
		return nil, err
	}
	defer func() { _ = root.Close() }()
	entries, err := fs.ReadDir(root.FS(), name)
	var names []string
	for _, e := range entries {
		if e.Type().IsRegular() {
			names = append(names, e.Name())
		}
	}
	return names, err
}

func (f folder) stamp() string {
	fi, err := os.Stat(path.Join(f.path, ocispec.ImageIndexFile))
	if err != nil {
		return ""
	}
	return stampOf(fi)
}

func stampOf(fi fs.FileInfo) string {
	var inode uint64
	if st, ok := fi.Sys().(*syscall.Stat_t); ok {
		inode = st.Ino
	}
	return fmt.Sprint(fi.ModTime().UnixNano(), fi.Size(), inode)
}

// used sets the time of a file, at most once an hour. That is how the least recently used is found.
func (f folder) used(name string) {
	if !f.writable {
		return
	}
	root, err := os.OpenRoot(f.path)
	if err != nil {
		return
	}
	defer func() { _ = root.Close() }()
	if fi, err := root.Lstat(name); err == nil && time.Since(fi.ModTime()) > markedEvery {
		now := time.Now()
		_ = root.Chtimes(name, now, now) // where it cannot be written, nothing is evicted either
	}
}

func (f folder) spoilt(name string) {
	if !f.writable {
		return
	}
	if root, err := os.OpenRoot(f.path); err == nil {
		_ = root.Remove(name)
		_ = root.Close()
	}
}

// absent tells whether an error is that there is no such file.
func absent(err error) bool { return errors.Is(err, fs.ErrNotExist) }
