package evidence

import (
	"archive/tar"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"regexp"
	"sync"

	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

// archive is a layout in a tar file. Only regular files are seen, under the names that a layout has; all others, links among them, are not
// there, so no name leads anywhere.
type archive struct {
	file *os.File
	at   map[string]section
}

type section struct{ offset, size int64 }

const maxMembers = 1 << 20 // of a tar file

// layoutName is compiled when it is needed first: it is large, and most processes see no archive.
var layoutName = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`^(oci-layout|index\.json|blobs/[a-z0-9]+/[a-f0-9]{32,128}|envelopes/[a-z0-9]+-[a-f0-9]{32,128}/[^/]+)$`)
})

func openArchive(name string) (*archive, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	a := &archive{file: f, at: make(map[string]section)}
	if err := a.scan(); err != nil {
		_ = f.Close()
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return a, nil
}

func (a *archive) scan() error {
	r := tar.NewReader(a.file)
	for n := 0; ; n++ {
		h, err := r.Next()
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case errors.Is(err, tar.ErrHeader):
			return errors.New("this is no tar file; if it is compressed, decompress it first")
		case err != nil:
			return err
		case n == maxMembers:
			return errors.New("the tar file has more than a million members")
		}
		name := path.Clean(h.Name)
		if h.Typeflag != tar.TypeReg || !layoutName().MatchString(name) {
			continue
		}
		offset, err := a.file.Seek(0, io.SeekCurrent) // the reader takes whole blocks and no more
		if err != nil {
			return err
		}
		a.at[name] = section{offset, h.Size}
	}
}

func (a *archive) read(name string, limit int64) ([]byte, error) {
	s, ok := a.at[name]
	if !ok {
		return nil, fs.ErrNotExist
	}
	return readAll(io.NewSectionReader(a.file, s.offset, s.size), name, limit)
}

func (a *archive) list(name string) ([]string, error) {
	var names []string
	for n := range a.at {
		if path.Dir(n) == name {
			names = append(names, path.Base(n))
		}
	}
	return names, nil
}

func (a *archive) stamp() string {
	return fmt.Sprint(a.at[ocispec.ImageIndexFile])
}

func (a *archive) used(string)   {}
func (a *archive) spoilt(string) {}
func (a *archive) Close() error  { return a.file.Close() }
