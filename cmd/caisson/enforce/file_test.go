package enforce

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// found reads a configuration file as survey does.
func found(t *testing.T, file string) *survey {
	t.Helper()
	s := &survey{}
	if err := s.read(file); err != nil {
		t.Fatal(err)
	}
	return s
}

// A file keeps its mode, its owner and its place behind a link; the text before stays beside it.
func TestWrite(t *testing.T) {
	dir := t.TempDir()
	file, link := filepath.Join(dir, "real.json"), filepath.Join(dir, "daemon.json")
	if err := os.WriteFile(file, []byte("{}"), 0o640); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(file, link); err != nil {
		t.Fatal(err)
	}
	if os.Geteuid() == 0 {
		if err := os.Chown(file, 12, 34); err != nil {
			t.Fatal(err)
		}
	}
	before, err := os.Stat(file)
	if err != nil {
		t.Fatal(err)
	}
	s := found(t, link)
	if err := s.write([]byte(`{"debug":true}`)); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{file: `{"debug":true}`, link: `{"debug":true}`, file + ".caisson-backup": "{}"} {
		text, err := os.ReadFile(name)
		if err != nil || string(text) != want {
			t.Errorf("%s: %s, %v", name, text, err)
		}
		info, err := os.Stat(name)
		if err != nil {
			t.Fatal(err)
		}
		a, b := before.Sys().(*syscall.Stat_t), info.Sys().(*syscall.Stat_t)
		if info.Mode() != before.Mode() || a.Uid != b.Uid || a.Gid != b.Gid {
			t.Errorf("%s: %v of %d:%d", name, info.Mode(), b.Uid, b.Gid)
		}
	}
	if info, err := os.Lstat(link); err != nil || info.Mode()&os.ModeSymlink == 0 {
		t.Errorf("the link is gone: %v", err)
	}
	if err := s.restore([]byte(`{"debug":true}`)); err != nil {
		t.Fatal(err)
	}
	if text, err := os.ReadFile(link); err != nil || string(text) != "{}" {
		t.Errorf("restored: %s, %v", text, err)
	}
	if left, _ := filepath.Glob(filepath.Join(dir, ".*")); len(left) > 0 {
		t.Errorf("left behind: %q", left)
	}
}

// A file that was not there is made with its folder, and is not there again when it comes back.
func TestWriteNew(t *testing.T) {
	file := filepath.Join(t.TempDir(), "docker/daemon.json")
	s := found(t, file)
	if err := s.write([]byte("{}")); err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(file); err != nil || info.Mode().Perm() != 0o644 {
		t.Errorf("%v, %v", info, err)
	}
	if err := s.restore([]byte("{}")); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(file); !os.IsNotExist(err) {
		t.Errorf("it is there: %v", err)
	}
}

// What somebody else has written meanwhile is not lost.
func TestWriteMeanwhile(t *testing.T) {
	file := filepath.Join(t.TempDir(), "daemon.json")
	s := found(t, file)
	if err := os.WriteFile(file, []byte(`{"icc":false}`), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := s.write([]byte("{}")); err == nil || !strings.Contains(err.Error(), "changed meanwhile") {
		t.Errorf("%v", err)
	}
	if text, err := os.ReadFile(file); err != nil || string(text) != `{"icc":false}` {
		t.Errorf("%s, %v", text, err)
	}
}

// What somebody else has written after the change is not lost either, when that does not have its effect and is taken back.
func TestRestoreMeanwhile(t *testing.T) {
	for _, before := range []string{"", "{}"} {
		file := filepath.Join(t.TempDir(), "daemon.json")
		if before != "" {
			if err := os.WriteFile(file, []byte(before), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		s := found(t, file)
		if err := s.write([]byte(`{"debug":true}`)); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(`{"debug":true,"icc":false}`), 0o644); err != nil {
			t.Fatal(err)
		}
		if err := s.restore([]byte(`{"debug":true}`)); err == nil || !strings.Contains(err.Error(), "changed meanwhile") {
			t.Errorf("%v", err)
		}
		if text, err := os.ReadFile(file); err != nil || string(text) != `{"debug":true,"icc":false}` {
			t.Errorf("%s, %v", text, err)
		}
	}
}
