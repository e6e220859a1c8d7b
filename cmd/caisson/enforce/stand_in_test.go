package enforce

import (
	"context"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"caisson/cmd/caisson/host"
)

// serveOn answers on a unix socket until the test ends.
func serveOn(t *testing.T, socket string, answer http.HandlerFunc) {
	t.Helper()
	l, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	s := &http.Server{Handler: answer}
	var wg sync.WaitGroup
	wg.Go(func() { _ = s.Serve(l) })
	t.Cleanup(func() { _ = s.Close(); wg.Wait() })
}

// standIn makes an Enforcer of a host that stands in for one: with a Caisson that refuses the sample, an Engine as given, and a process that notes
// in the file read what is in its configuration when it is told to read it.
func standIn(t *testing.T, engine http.HandlerFunc) (e *Enforcer, at func(string) string) {
	t.Helper()
	dir := t.TempDir()
	at = func(name string) string { return filepath.Join(dir, name) }
	serveOn(t, at("engine.sock"), engine)
	serveOn(t, at("caisson.sock"), func(w http.ResponseWriter, r *http.Request) {
		text, _ := io.ReadAll(r.Body)
		allow := strings.Contains(string(text), "/_ping")
		_, _ = io.WriteString(w, `{"Implements":["authz"],"Allow":`+strconv.FormatBool(allow)+`}`)
	})
	const script = `case "$*" in *--validate*) exit 0;; esac
trap 'cat daemon.json >>read; echo >>read' HUP; echo >ready; while :; do sleep 0.05; done`
	dockerd := &exec.Cmd{Path: "/bin/sh", Args: []string{"dockerd", "-c", script}, Dir: dir}
	if err := dockerd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = dockerd.Process.Kill(); _ = dockerd.Wait() })
	for name, text := range map[string]string{"daemon.json": "{}", "pid": strconv.Itoa(dockerd.Process.Pid)} {
		if err := os.WriteFile(at(name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, err := os.Stat(at("ready")); err != nil; _, err = os.Stat(at("ready")) {
		time.Sleep(time.Millisecond)
	}
	e = New()
	e.Engine, e.Plugin, e.Socket = &host.Engine{Socket: at("engine.sock")}, "caisson", at("caisson.sock")
	e.ConfigFile, e.PIDFile, e.Out = at("daemon.json"), at("pid"), io.Discard
	return e, at
}

// Somebody whose connection to the host breaks, or who does not want to wait, leaves nothing half done: the file comes back, and dockerd reads it.
func TestInterrupted(t *testing.T) {
	asked := make(chan struct{}, 1000)
	e, at := standIn(t, func(_ http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/_ping" { // it never asks a plugin
			asked <- struct{}{}
		}
	})
	ended := make(chan error)
	go func() { ended <- e.On(context.Background()) }()
	<-asked // by now dockerd has been told
	if err := syscall.Kill(os.Getpid(), syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
	if err := <-ended; err == nil || !strings.HasPrefix(err.Error(), "interrupted; ") || !strings.HasSuffix(err.Error(), "dockerd has been told to read it again") {
		t.Errorf("%v", err)
	}
	if text, err := os.ReadFile(at("daemon.json")); err != nil || string(text) != "{}" {
		t.Errorf("%s, %v", text, err)
	}
	var read []byte
	for end := time.Now().Add(10 * time.Second); !strings.HasSuffix(string(read), "{}\n"); time.Sleep(10 * time.Millisecond) {
		if read, _ = os.ReadFile(at("read")); time.Now().After(end) {
			t.Fatalf("dockerd has read %q", read)
		}
	}
}

// Another plugin that refuses all that is asked is no proof that Caisson is asked.
func TestAnotherRefuses(t *testing.T) {
	e, _ := standIn(t, func(w http.ResponseWriter, r *http.Request) {
		if r.ContentLength > 0 {
			w.WriteHeader(http.StatusForbidden)
			_, _ = io.WriteString(w, `{"message":"authorization denied by plugin other: no"}`)
		}
	})
	e.wait = time.Second
	var said strings.Builder
	e.Out = &said
	if err := e.On(t.Context()); err != nil {
		t.Fatal(err)
	}
	if text := said.String(); strings.Contains(text, "enforced:") || !strings.Contains(text, "refused by plugin other, before caisson could be asked") {
		t.Error(text)
	}
}
