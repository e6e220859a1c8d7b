package enforce

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/google/renameio/v2"

	"caisson/cmd/caisson/host"
)

// backup is where the file as it was before stays.
func (s *survey) backup() string { return s.file + ".caisson-backup" }

func (s *survey) backedUp() string {
	if s.info == nil {
		return "; there was no such file before"
	}
	return "; the file before is " + s.backup()
}

// write replaces the file in one step, and keeps the one before beside it.
func (s *survey) write(text []byte) error {
	if err := s.still(s.text); err != nil {
		return err
	}
	if s.info == nil {
		if err := os.MkdirAll(filepath.Dir(s.file), 0o755); err != nil { //nolint:gosec // as packages of Docker make it
			return err
		}
	} else if err := s.replace(s.backup(), s.text); err != nil {
		return err
	}
	return s.replace(s.file, text)
}

// still makes sure that the file holds what it did a moment ago: what others write meanwhile is not to be lost.
func (s *survey) still(text []byte) error {
	switch now, err := os.ReadFile(s.file); {
	case err != nil && !errors.Is(err, fs.ErrNotExist):
		return err
	case !bytes.Equal(now, text):
		return fmt.Errorf("%s has been changed meanwhile; fix: try again", s.file)
	}
	return nil
}

// restore brings back what was there before what was written.
func (s *survey) restore(written []byte) error {
	if err := s.still(written); err != nil {
		return err
	}
	if s.info == nil {
		return errors.Join(os.Remove(s.file), syncFolder(s.file))
	}
	return s.replace(s.file, s.text)
}

// replace writes a file that is there whole or not at all, whatever happens meanwhile, with mode and owner of the configuration.
func (s *survey) replace(file string, text []byte) error {
	mode := fs.FileMode(0o644)
	if s.info != nil {
		mode = s.info.Mode().Perm()
	}
	f, err := renameio.NewPendingFile(file, renameio.WithTempDir(filepath.Dir(file)), renameio.WithStaticPermissions(mode))
	if err != nil {
		return err
	}
	defer f.Cleanup() //nolint:errcheck // does nothing once the file has its name
	if s.info != nil {
		uid, gid := host.Owner(s.info)
		if err := f.Chown(int(uid), int(gid)); err != nil {
			return err
		}
	}
	if _, err := f.Write(text); err != nil {
		return err
	}
	if err := f.CloseAtomicallyReplace(); err != nil {
		return err
	}
	return syncFolder(file)
}

// syncFolder makes sure that the new name outlives a crash.
func syncFolder(file string) error {
	folder, err := os.Open(filepath.Dir(file))
	if err != nil {
		return err
	}
	return errors.Join(folder.Sync(), folder.Close())
}
