package evidence

import (
	"archive/tar"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	"golang.org/x/sys/unix"

	"caisson/authz/image"
)

func TestTampering(t *testing.T) {
	for name, tamper := range map[string]func(t *testing.T, mine, other string){
		"changed byte": func(t *testing.T, mine, _ string) {
			t.Helper()
			b, err := os.ReadFile(mine)
			must(t, err)
			b[len(b)/2] ^= 1
			must(t, os.WriteFile(mine, b, 0o600))
		},
		"truncated": func(t *testing.T, mine, _ string) { t.Helper(); must(t, os.Truncate(mine, 10)) },
		"empty":     func(t *testing.T, mine, _ string) { t.Helper(); must(t, os.Truncate(mine, 0)) },
		"grown":     func(t *testing.T, mine, _ string) { t.Helper(); must(t, os.Truncate(mine, 64<<20)) },
		"swapped":   func(t *testing.T, mine, other string) { t.Helper(); must(t, os.Rename(other, mine)) },
		"link": func(t *testing.T, mine, other string) {
			t.Helper()
			must(t, os.Remove(mine))
			must(t, os.Symlink(filepath.Base(other), mine))
		},
		"link out": func(t *testing.T, mine, _ string) {
			t.Helper()
			b, err := os.ReadFile(mine)
			must(t, err)
			outside := filepath.Join(t.TempDir(), "outside")
			must(t, os.WriteFile(outside, b, 0o600))
			must(t, os.Remove(mine))
			must(t, os.Symlink(outside, mine))
		},
		"pipe": func(t *testing.T, mine, _ string) {
			t.Helper()
			must(t, os.Remove(mine))
			must(t, unix.Mkfifo(mine, 0o600))
		},
		"folder": func(t *testing.T, mine, _ string) {
			t.Helper()
			must(t, os.Remove(mine))
			must(t, os.Mkdir(mine, 0o700))
		},
		"gone": func(t *testing.T, mine, _ string) { t.Helper(); must(t, os.Remove(mine)) },
	} {
		t.Run(name, func(t *testing.T) {
			s := open(t, t.TempDir(), Options{})
			mine, other := fill(t, s, "mine", time.Now()), fill(t, s, "other", time.Now())
			envelope := ocispec.Descriptor{Digest: digest.FromString("envelope of mine"), Size: 16}
			if _, err := s.Manifest(t.Context(), app, mine.Digest); err != nil {
				t.Fatal(err)
			}
			at := func(d digest.Digest) string { return filepath.Join(s.dir, blobName(d)) }
			tamper(t, at(mine.Digest), at(other.Digest))
			tamper(t, at(envelope.Digest), at(digest.FromString("envelope of other")))
			fresh := open(t, s.dir, Options{})
			for _, s := range []*Store{s, fresh} { // with and without a memory of it
				if m, err := s.Manifest(t.Context(), app, mine.Digest); !errors.Is(err, image.ErrNotFound) || m.Bytes != nil {
					t.Errorf("manifest: %v", err)
				}
				if b, err := s.Blob(t.Context(), app, envelope, 100); !errors.Is(err, image.ErrNotFound) || b != nil {
					t.Errorf("blob: %q %v", b, err)
				}
			}
			if c := fresh.Candidates(digest.FromString("mine")); c != nil {
				t.Errorf("candidates of what is not there: %+v", c)
			}
			switch name {
			case "changed byte", "truncated", "empty", "swapped":
				if _, err := os.Lstat(at(mine.Digest)); !errors.Is(err, fs.ErrNotExist) {
					t.Errorf("the spoilt file stays: %v", err)
				}
			}
			if name == "folder" {
				return // nothing that a rename can replace
			}
			fill(t, s, "mine", time.Now()) // it can be kept again
			if _, err := s.Manifest(t.Context(), app, mine.Digest); err != nil {
				t.Errorf("again: %v", err)
			}
		})
	}
}

func TestBrokenIndex(t *testing.T) {
	for name, b := range map[string]string{"half": `{"manifests":[{"digest":`, "empty": "", "list": "[]", "other digests": `{"manifests":[{"digest":"sha256:../../x","size":-1},{"digest":"x"},{}]}`} {
		t.Run(name, func(t *testing.T) {
			s := open(t, t.TempDir(), Options{})
			img := fill(t, s, "a", time.Now())
			must(t, os.WriteFile(filepath.Join(s.dir, "index.json"), []byte(b), 0o600))
			if c := s.Candidates(digest.FromString("a")); c != nil {
				t.Errorf("%+v", c)
			}
			if name == "other digests" {
				return
			}
			if err := s.Err(); err == nil || !strings.Contains(err.Error(), "index.json") {
				t.Errorf("Err: %v", err)
			}
			if m, err := s.Manifest(t.Context(), app, img.Digest); err != nil || m.Descriptor.Digest != img.Digest {
				t.Errorf("a digest stands for the same: %v", err)
			}
			fill(t, s, "b", time.Now()) // puts it in order
			must(t, s.Err())
			c := s.Candidates(digest.FromString("a"))
			if len(c) != 1 || c[0].Repositories != nil {
				t.Errorf("made again: %+v", c)
			}
			if kept, err := os.ReadFile(filepath.Join(s.dir, "index.json.bad")); err != nil || string(kept) != b {
				t.Errorf("the broken one is lost: %v", err)
			}
		})
	}
}

// Names and links in a tar file lead nowhere.
func TestHostileTar(t *testing.T) {
	r := newRemote()
	img := r.image("config")
	dir := t.TempDir()
	write(t, dir, r, img)
	outside := t.TempDir()
	secret := filepath.Join(outside, "secret")
	must(t, os.WriteFile(secret, []byte("secret"), 0o600))
	file := filepath.Join(t.TempDir(), "layout.tar")
	f, err := os.Create(file)
	must(t, err)
	w := tar.NewWriter(f)
	must(t, w.AddFS(os.DirFS(dir)))
	linked := digest.FromString("secret")
	for _, h := range []*tar.Header{
		{Name: "../../escaped", Typeflag: tar.TypeReg, Size: 1},
		{Name: "/" + strings.TrimPrefix(outside, "/") + "/escaped", Typeflag: tar.TypeReg, Size: 1},
		{Name: "blobs/sha256/../../../escaped", Typeflag: tar.TypeReg, Size: 1},
		{Name: blobName(linked), Typeflag: tar.TypeSymlink, Linkname: secret},
		{Name: "blobs/sha512", Typeflag: tar.TypeSymlink, Linkname: outside},
		{Name: "blobs/sha512/escaped", Typeflag: tar.TypeReg, Size: 1},
		{Name: blobName(digest.FromString("device")), Typeflag: tar.TypeChar},
	} {
		must(t, w.WriteHeader(h))
		if h.Size > 0 {
			_, err := w.Write([]byte("x"))
			must(t, err)
		}
	}
	must(t, w.Close())
	must(t, f.Close())

	home := t.TempDir()
	s := open(t, filepath.Join(home, "a", "evidence"), Options{})
	if added, err := s.Add(file); err != nil || len(added) != 1 {
		t.Fatalf("%+v %v", added, err)
	}
	if _, err := s.Blob(t.Context(), app, ocispec.Descriptor{Digest: linked, Size: 6}, 10); !errors.Is(err, image.ErrNotFound) {
		t.Error("a link was followed")
	}
	for _, root := range []string{home, outside} {
		must(t, filepath.WalkDir(root, func(path string, _ fs.DirEntry, err error) error {
			if strings.Contains(path, "escaped") {
				t.Errorf("%s was written", path)
			}
			return err
		}))
	}
	must(t, os.WriteFile(file, []byte("no tar at all, and long enough to have a header"+strings.Repeat(" ", 1024)), 0o600))
	if _, err := s.Add(file); err == nil || !strings.Contains(err.Error(), "this is no tar file") {
		t.Error(err)
	}
}

// A layout whose folders are links out of it has nothing, and nothing is written or removed through them.
func TestLinkedFolders(t *testing.T) {
	r := newRemote()
	img := r.image("config")
	outside, dir := t.TempDir(), t.TempDir()
	write(t, outside, r, img)
	must(t, os.Symlink(filepath.Join(outside, "blobs"), filepath.Join(dir, "blobs")))
	b, err := os.ReadFile(filepath.Join(outside, "index.json"))
	must(t, err)
	must(t, os.WriteFile(filepath.Join(dir, "index.json"), b, 0o600))
	s := open(t, dir, Options{})
	if _, err := s.Manifest(t.Context(), app, img.Digest); !errors.Is(err, image.ErrNotFound) {
		t.Error("read through a link")
	}
	sig := r.signature(img, "envelope")
	if err := fetched(t, r, app, sig).Commit(s, image.Artifact{Descriptor: img}); err == nil {
		t.Error("written through a link")
	}
	if s.Err() == nil || s.Failures() == 0 {
		t.Error("nothing is said of it")
	}
	if _, err := os.Stat(filepath.Join(outside, blobName(sig.Digest))); err == nil {
		t.Error("written through a link")
	}
	if _, err := s.Forget(img.Digest); err != nil {
		t.Log(err)
	}
	if _, err := os.Stat(filepath.Join(outside, blobName(img.Digest))); err != nil {
		t.Error("removed through a link")
	}
}

func TestForeignFolder(t *testing.T) {
	dir := t.TempDir()
	must(t, os.WriteFile(filepath.Join(dir, "precious"), nil, 0o600))
	if _, err := Open(dir, Options{}); err == nil || !strings.Contains(err.Error(), "holds something else than evidence, for example precious") {
		t.Error(err)
	}
	for _, bad := range []string{"", "evidence", filepath.Join(dir, "precious")} {
		if _, err := Open(bad, Options{}); err == nil {
			t.Errorf("%q opens", bad)
		}
	}
	if _, err := OpenLayout(dir); err == nil || !strings.Contains(err.Error(), "no OCI image layout") {
		t.Error(err)
	}
}

func TestLocked(t *testing.T) {
	s := open(t, t.TempDir(), Options{})
	root, err := os.OpenRoot(s.dir)
	must(t, err)
	defer root.Close()
	unlock, err := lock(root)
	must(t, err)
	if _, err = s.Prune(0, 0); err == nil || !strings.Contains(err.Error(), "another process holds the lock") {
		t.Error(err)
	}
	unlock()
	if _, err := s.Prune(0, 0); err != nil || s.Err() != nil || s.Failures() != 1 {
		t.Error(err, s.Err(), s.Failures())
	}
}

// mounted runs a test in a mount namespace of its own, with a file system that the host does not see.
func mounted(t *testing.T, mount func(dir string) error, test func(dir string)) {
	t.Helper()
	if os.Getuid() != 0 {
		t.Skip("only root can mount")
	}
	dir := t.TempDir()
	done := make(chan error, 1)
	go func() {
		defer close(done)      // also when the test gives up
		runtime.LockOSThread() // and never unlocked: the thread ends with its namespace
		err := unix.Unshare(unix.CLONE_NEWNS | unix.CLONE_FS)
		if err == nil {
			err = unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, "")
		}
		if err == nil {
			err = mount(dir)
		}
		if err == nil {
			test(dir)
		}
		done <- err
	}()
	must(t, <-done)
}

func TestReadOnly(t *testing.T) {
	var img ocispec.Descriptor
	mounted(t, func(dir string) error {
		img = fill(t, open(t, dir, Options{}), "a", time.Now().Add(-5*time.Hour))
		if err := unix.Mount(dir, dir, "", unix.MS_BIND, ""); err != nil {
			return err
		}
		return unix.Mount("", dir, "", unix.MS_BIND|unix.MS_REMOUNT|unix.MS_RDONLY, "")
	}, func(dir string) {
		s, err := Open(dir, Options{})
		if err != nil {
			t.Error(err)
			return
		}
		if err := s.Err(); err == nil || !strings.Contains(err.Error(), "read-only file system") {
			t.Errorf("Err: %v", err)
		}
		if _, err := s.Manifest(t.Context(), app, img.Digest); err != nil {
			t.Errorf("what is there is not read: %v", err)
		}
		if c := s.Candidates(digest.FromString("a")); len(c) != 1 {
			t.Errorf("%+v", c)
		}
		before := s.Failures()
		r := newRemote()
		if err := fetched(t, r, app, r.image("b")).Commit(s, image.Artifact{}); err == nil || s.Failures() != before+1 {
			t.Errorf("%v, %d failures", err, s.Failures())
		}
	})
}

func TestCannotBeMade(t *testing.T) {
	s, err := Open("/proc/no/such/folder", Options{})
	if err != nil {
		t.Fatal(err)
	}
	if s.Err() == nil {
		t.Error("nothing is said of it")
	}
	r := newRemote()
	img := r.image("a")
	if err := fetched(t, r, app, img).Commit(s, image.Artifact{}); err == nil {
		t.Error("kept in a folder that is not there")
	}
	if _, err := s.Manifest(t.Context(), app, img.Digest); !errors.Is(err, image.ErrNotFound) {
		t.Error(err)
	}
	if l, err := s.List(); err != nil || len(l) != 0 {
		t.Error(l, err)
	}
}

func TestDiskFull(t *testing.T) {
	mounted(t, func(dir string) error {
		return unix.Mount("tmpfs", dir, "tmpfs", 0, "size=128k")
	}, func(dir string) {
		s, err := Open(dir, Options{})
		if err != nil {
			t.Error(err)
			return
		}
		first := fill(t, s, "first", time.Now())
		r := newRemote()
		img := r.image("large")
		sig := r.signature(img, strings.Repeat("x", 200<<10))
		err = fetched(t, r, app, img, sig).Commit(s, image.Artifact{}, sig.Digest)
		if err == nil || !strings.Contains(err.Error(), "no space left on device") || s.Err() == nil || s.Failures() != 1 {
			t.Errorf("%v, %d failures", err, s.Failures())
		}
		if _, err := s.Manifest(t.Context(), app, first.Digest); err != nil {
			t.Errorf("what was there is lost: %v", err)
		}
		if l, err := s.List(); err != nil || len(l) != 1 {
			t.Errorf("%+v %v", l, err)
		}
		must(t, filepath.WalkDir(dir, func(path string, _ fs.DirEntry, err error) error {
			if leftover(filepath.Base(path)) {
				t.Errorf("a part of a file stays: %s", path)
			}
			return err
		}))
		fill(t, s, "small", time.Now()) // there is room for less
		if err := s.Err(); err != nil {
			t.Error(err)
		}
	})
}
