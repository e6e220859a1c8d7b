package plugin

import (
	"errors"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"
)

func TestSocketPath(t *testing.T) {
	wd, _ := os.Getwd()
	for in, want := range map[string]string{
		"caisson":      "/run/docker/plugins/caisson.sock",
		"caisson.sock": "/run/docker/plugins/caisson.sock",
		"a.b_c-1":      "/run/docker/plugins/a.b_c-1.sock",
		"/tmp/x":       "/tmp/x",
		"./x.sock":     filepath.Join(wd, "x.sock"),
		"/tmp/../x":    "/x",
	} {
		if got, err := SocketPath(in); got != want || err != nil {
			t.Errorf("%q: %q %v", in, got, err)
		}
	}
	for _, in := range []string{"", ".", "..", "Caisson", "-x", "a b", "a\x00", "ä", "/" + strings.Repeat("x", 107)} {
		if got, err := SocketPath(in); err == nil {
			t.Errorf("%q: %q", in, got)
		}
	}
}

func TestListen(t *testing.T) {
	old := syscall.Umask(0o777)
	defer syscall.Umask(old)
	path := socketIn(t)
	l, err := Listen(path, zap.NewNop())
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]os.FileMode{path: os.ModeSocket | 0o600, filepath.Dir(path): os.ModeDir | 0o700} {
		if info, err := os.Lstat(name); err != nil || info.Mode() != want {
			t.Errorf("%s: %v %v, want %v", name, info.Mode(), err, want)
		}
	}
	if err := l.Close(); err != nil {
		t.Error(err)
	}
	if _, err := os.Lstat(path); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the socket is still there: %v", err)
	}
}

func TestListenStale(t *testing.T) {
	path := socketIn(t)
	if err := os.Mkdir(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	dead, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	dead.SetUnlinkOnClose(false)

	_, err = Listen(path, zap.NewNop())
	if err == nil || err.Error() != "another process answers on "+path+"; stop it, or choose another socket" {
		t.Errorf("in use: %v", err)
	}
	dead.Close() // as after kill -9: the file stays
	l, err := Listen(path, zap.NewNop())
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if info, _ := os.Stat(filepath.Dir(path)); info.Mode().Perm() != 0o755 {
		t.Errorf("the mode of a folder that was there is now %v", info.Mode())
	}
}

func TestListenRefuses(t *testing.T) {
	path := socketIn(t)
	dir := filepath.Dir(path)
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("/nowhere", filepath.Join(dir, "link")); err != nil {
		t.Fatal(err)
	}
	datagram, err := net.ListenPacket("unixgram", filepath.Join(dir, "datagram"))
	if err != nil {
		t.Fatal(err)
	}
	defer datagram.Close()
	for name, want := range map[string]string{
		path:                            "is there and not a socket; move it away",
		dir:                             "is there and not a socket; move it away",
		filepath.Join(dir, "link"):      "is there and not a socket; move it away",
		filepath.Join(dir, "datagram"):  "another process seems to use",
		filepath.Join(path, "below"):    "the folder of the socket is not a folder",
		"/proc/1/nowhere/below/c.sock":  "no such file or directory",
		filepath.Join(path, "a", "b.c"): "not a directory",
	} {
		l, err := Listen(name, zap.NewNop())
		if err == nil {
			l.Close()
		}
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", name, err, want)
		}
	}
	if _, err := os.Lstat(path); err != nil {
		t.Error("the file that was there is gone")
	}
}

// A listener that somebody has replaced does not take the replacement along.
func TestCloseLeavesTheSocketOfOthers(t *testing.T) {
	path := socketIn(t)
	first, err := Listen(path, zap.NewNop())
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	second, err := Listen(path, zap.NewNop())
	if err != nil {
		t.Fatal(err)
	}
	defer second.Close()
	first.Close()
	if _, err := os.Lstat(path); err != nil {
		t.Error(err)
	}
}

func TestListenWarnsOfOpenFolder(t *testing.T) {
	core, logs := observer.New(zap.WarnLevel)
	path := socketIn(t)
	dir := filepath.Dir(path)
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	for mode, want := range map[os.FileMode]int{0o755: 0, 0o775: 1, 0o757: 1} {
		if err := os.Chmod(dir, mode); err != nil {
			t.Fatal(err)
		}
		l, err := Listen(path, zap.New(core))
		if err != nil {
			t.Fatal(err)
		}
		l.Close()
		if got := len(logs.TakeAll()); got != want {
			t.Errorf("mode %v: %d warnings", mode, got)
		}
	}
}
