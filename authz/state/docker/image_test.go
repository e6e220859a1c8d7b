package docker_test

import (
	"context"
	"errors"
	"net"
	"net/http"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"caisson/authz/state/docker"
)

// TestImageLate has somebody ask who has less time than the Engine takes, and others wait for the same answer: they get one all the same.
func TestImageLate(t *testing.T) {
	const id = "sha256:ab"
	var trips atomic.Int64
	asked := make(chan struct{})
	socket := filepath.Join(t.TempDir(), "s")
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if trips.Add(1) == 1 {
			close(asked)
			<-r.Context().Done() // for as long as the client waits
			return
		}
		_, _ = w.Write([]byte(`{"Id":"` + id + `"}`))
	})}
	go func() { _ = server.Serve(listener) }()
	defer server.Close()
	e, err := docker.New("unix://" + socket)
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()

	var all sync.WaitGroup
	all.Go(func() {
		ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
		defer cancel()
		if _, err := e.Image(ctx, "app", ""); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("who had no time: %v", err)
		}
	})
	<-asked
	for range 20 {
		all.Go(func() {
			if i, err := e.Image(t.Context(), "app", ""); err != nil || i.ID != id {
				t.Errorf("who had time: %v, %v", i, err)
			}
		})
	}
	all.Wait()
}
