package plugin

import (
	"bytes"
	"context"
	"errors"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"caisson/authz/request"
	"caisson/authz/rules"
)

var pingCall = messageFor("/_ping")

// block is a policy whose decisions wait. started has a value for each that does.
func block() (started chan struct{}, release func(), check checkFunc) {
	started, hold := make(chan struct{}, 100), make(chan struct{})
	return started, sync.OnceFunc(func() { close(hold) }), func(*request.Request, *rules.Findings) {
		started <- struct{}{}
		<-hold
	}
}

// What is in flight when the end comes is finished; who comes later finds no socket.
func TestShutdown(t *testing.T) {
	started, release, check := block()
	s := start(t, policyOf(check))
	answered := make(chan string)
	for range 3 {
		go func() {
			_, text, err := s.try("POST", requestPath, bytes.NewReader(pingCall))
			if err != nil {
				text = err.Error()
			}
			answered <- text
		}()
		<-started
	}
	idle, err := net.Dial("unix", s.socket) // as dockerd has them: made, and not used yet
	if err != nil {
		t.Fatal(err)
	}
	defer idle.Close()
	ended := make(chan error, 1)
	go func() { ended <- s.stop() }()

	for {
		if _, err := os.Lstat(s.socket); errors.Is(err, os.ErrNotExist) {
			break
		}
		time.Sleep(time.Millisecond)
	}
	if conn, err := net.Dial("unix", s.socket); err == nil {
		conn.Close()
		t.Error("a new connection is accepted")
	}
	select {
	case err := <-ended:
		t.Fatalf("ended with requests in flight: %v", err)
	case <-time.After(200 * time.Millisecond):
	}
	release()
	for range 3 {
		if got := <-answered; got != allowText {
			t.Error(got)
		}
	}
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

// Answers of a server that is about to end tell dockerd not to use the connection again.
func TestShutdownClosesConnections(t *testing.T) {
	started, release, check := block()
	s := start(t, policyOf(check))
	closes := make(chan bool)
	go func() {
		answer, err := s.client.Post("http://x"+requestPath, "", bytes.NewReader(pingCall))
		if err != nil {
			t.Error(err)
			closes <- false
			return
		}
		answer.Body.Close()
		closes <- answer.Close
	}()
	<-started
	go s.stop()
	for !s.handler.draining.Load() {
		time.Sleep(time.Millisecond)
	}
	release()
	if !<-closes {
		t.Error("the answer has no Connection: close")
	}
}

// Requests that take too long do not keep the server from ending.
func TestShutdownIsBounded(t *testing.T) {
	started, release, check := block()
	s := start(t, policyOf(check), func(_ *service, server *Server) { server.Grace = 200 * time.Millisecond })
	failed := make(chan error)
	go func() {
		_, _, err := s.try("POST", requestPath, bytes.NewReader(pingCall))
		failed <- err
	}()
	<-started
	begin := time.Now()
	if err := s.stop(); err != nil {
		t.Error(err)
	}
	if d := time.Since(begin); d > 2*time.Second {
		t.Errorf("took %v", d)
	}
	if err := <-failed; err == nil {
		t.Error("the request was answered")
	}
	if s.logs.FilterMessage("requests are cut off").Len() != 1 {
		t.Error("nothing in the log")
	}
	release()
	for s.handler.inFlight.Load() > 0 { // for goleak
		time.Sleep(time.Millisecond)
	}
}

// A restart takes the calls of clients that were there before it, and of those that try while there is no socket.
func TestRestart(t *testing.T) {
	s := start(t, usual)
	if status, text := s.post(requestPath, bytes.NewReader(pingCall)); text != allowText {
		t.Fatalf("%d %s", status, text)
	}
	if err := s.stop(); err != nil {
		t.Fatal(err)
	}
	if _, _, err := s.try("POST", requestPath, bytes.NewReader(pingCall)); !errors.Is(err, syscall.ENOENT) {
		t.Errorf("while it is down: %v", err)
	}
	next := start(t, usual, func(n *service, _ *Server) { n.socket = s.socket })
	if status, text := s.post(requestPath, bytes.NewReader(pingCall)); text != allowText {
		t.Errorf("%d %s", status, text)
	}
	if next.audit.count() != 1 {
		t.Errorf("%d records", next.audit.count())
	}
}

func TestServeReportsAListenerThatBreaks(t *testing.T) {
	l, err := Listen(socketIn(t), zap.NewNop())
	if err != nil {
		t.Fatal(err)
	}
	l.Close()
	s := start(t, usual)
	err = (&Server{Handler: s.handler, Log: zap.NewNop()}).Serve(context.Background(), l)
	if !errors.Is(err, net.ErrClosed) {
		t.Error(err)
	}
}

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

var _ http.Handler = (*Handler)(nil)
