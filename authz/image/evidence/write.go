package evidence

import (
	"crypto/rand"
	"encoding/json"
	"errors"
	"os"
	"path"
	"strings"
	"time"

	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	"golang.org/x/sys/unix"
)

const (
	dirMode  = 0o700
	fileMode = 0o600

	lockFile   = ".lock"
	lockWithin = 2 * time.Second // another process writes a few files
	tempPrefix = ".new-"
)

// lock waits until no other process writes. The kernel gives it back when a process ends.
func lock(root *os.Root) (unlock func(), err error) {
	f, err := root.OpenFile(lockFile, os.O_CREATE|os.O_RDWR, fileMode)
	if err != nil {
		return nil, err
	}
	for end := time.Now().Add(lockWithin); ; time.Sleep(10 * time.Millisecond) {
		err = unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB)
		if err == nil {
			return func() { _ = f.Close() }, nil
		}
		if !errors.Is(err, unix.EWOULDBLOCK) || time.Now().After(end) {
			_ = f.Close()
			return nil, errors.New("another process holds the lock: " + err.Error())
		}
	}
}

// writeFile writes a file so that nobody sees a part of it. (A library would do, if one stayed inside a root.) After a power cut a part may be seen, which
// then does not hash to its name, so only index.json waits for the disk.
func writeFile(root *os.Root, name string, b []byte) (err error) {
	temp := path.Join(path.Dir(name), tempPrefix+rand.Text())
	f, err := root.OpenFile(temp, os.O_CREATE|os.O_EXCL|os.O_WRONLY, fileMode)
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			_ = root.Remove(temp)
		}
	}()
	_, err = f.Write(b)
	if err == nil && name == ocispec.ImageIndexFile {
		err = f.Sync()
	}
	if e := f.Close(); err == nil {
		err = e
	}
	if err != nil {
		return err
	}
	return root.Rename(temp, name)
}

// writeIndex writes index.json.
func writeIndex(root *os.Root, index ocispec.Index) error {
	index.SchemaVersion, index.MediaType = 2, ocispec.MediaTypeImageIndex
	if index.Manifests == nil {
		index.Manifests = []ocispec.Descriptor{}
	}
	b, err := json.Marshal(index)
	if err != nil {
		return err
	}
	if len(b) > maxIndex {
		return errors.New("index.json would be too large; prune the evidence")
	}
	return writeFile(root, ocispec.ImageIndexFile, b)
}

// leftover tells whether a file is a part that a crash left behind.
func leftover(name string) bool { return strings.HasPrefix(name, tempPrefix) }
