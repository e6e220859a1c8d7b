package main

import (
	"net"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"caisson/authz"
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
