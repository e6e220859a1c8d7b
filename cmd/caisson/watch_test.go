package main

import (
	"context"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"caisson/authz"
	"caisson/authz/request"
	"caisson/authz/state"
	"caisson/authz/state/docker"
)

// TestWatchWaitsForSign makes sure that Caisson starts no dockerd whose socket systemd holds: it connects once dockerd has called, and once only,
// until dockerd calls again.
func TestWatchWaitsForSign(t *testing.T) {
	dir, err := os.MkdirTemp("/tmp", "caisson-") //nolint:usetesting // a socket's path must be short
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	socket := filepath.Join(dir, "docker.sock")
	l, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	var connected atomic.Bool
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			connected.Store(true)
			_ = c.Close()
		}
	}()
	engine, err := docker.New("unix://" + socket)
	if err != nil {
		t.Fatal(err)
	}
	var called atomic.Int64
	lastCall := func() time.Time { return time.Unix(0, called.Load()) }
	policy := &authz.Policy{Watch: authz.Audit}
	core, logged := observer.New(zap.InfoLevel)
	w := newWatcher(&authz.Authorizer{Policy: func() *authz.Policy { return policy }, Log: zap.NewNop()}, engine, lastCall, zap.New(core))
	defer w.start(t.Context())()

	connects := func(within time.Duration) bool {
		for end := time.Now().Add(within); time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
			if connected.Load() {
				time.Sleep(100 * time.Millisecond) // what belongs to the same attempt
				return connected.Swap(false)
			}
		}
		return false
	}
	if connects(2 * watchPolicy) {
		t.Fatal("it connects though dockerd has not called")
	}
	if list := logged.TakeAll(); len(list) != 1 || list[0].Message != "containers are watched as soon as the Engine calls" {
		t.Errorf("while it waits, the log says %v", list)
	}
	for range 2 {
		called.Store(time.Now().UnixNano())
		if !connects(time.Minute) {
			t.Fatal("it does not connect though dockerd has called")
		}
		if w.up.Load() {
			t.Error("it says that it watches")
		}
		if connects(watchRetry + 2*watchPolicy) {
			t.Fatal("it connects again though dockerd has not called")
		}
	}
}

// silent is an Engine that counts how often it is asked.
type silent struct {
	state.View
	asked atomic.Int64
}

func (s *silent) Container(context.Context, string) (*request.Stored, error) {
	s.asked.Add(1)
	return nil, state.ErrNotFound
}

// TestWatchAsksNothingUnwatched makes sure that what was seen before dockerd ended is not asked about then: that could start it.
func TestWatchAsksNothingUnwatched(t *testing.T) {
	engine := &silent{View: state.None}
	policy := &authz.Policy{Watch: authz.Audit}
	w := newWatcher(&authz.Authorizer{Policy: func() *authz.Policy { return policy }, State: engine, Log: zap.NewNop()}, nil, nil, zap.NewNop())
	id := strings.Repeat("ab", 32)
	for _, up := range []bool{true, false, true} {
		before := engine.asked.Load()
		w.up.Store(up)
		w.see(t.Context(), id)
		w.all.Wait()
		if asked := engine.asked.Load() > before; asked != up || len(w.busy) > 0 {
			t.Errorf("watching %t, asked %t, still busy with %v", up, asked, w.busy)
		}
	}
}

// TestWatchSaysThatItWaits makes sure that a watch that was turned off says that it does not watch, also when it is turned on again and waits.
func TestWatchSaysThatItWaits(t *testing.T) {
	var policy atomic.Pointer[authz.Policy]
	policy.Store(&authz.Policy{Watch: authz.Off})
	w := newWatcher(&authz.Authorizer{Policy: policy.Load, Log: zap.NewNop()}, nil, func() time.Time { return time.Time{} }, zap.NewNop())
	w.up.Store(true) // as it was before
	defer w.start(t.Context())()
	for end := time.Now().Add(time.Minute); w.up.Load(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("it says that it watches")
		}
	}
}
