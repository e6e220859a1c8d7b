package config

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"go.uber.org/goleak"
)

// watch opens a store, watches, and stops when the test ends. Nothing may be left running then.
func watch(t *testing.T, o StoreOptions, poll time.Duration) *Store {
	t.Helper()
	leaks := goleak.IgnoreCurrent()
	s := open(t, o)
	s.debounce, s.poll = 20*time.Millisecond, poll
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		s.Watch(ctx)
	}()
	t.Cleanup(func() {
		cancel()
		<-done
		goleak.VerifyNone(t, leaks)
	})
	return s
}

// eventually waits for something that takes a moment.
func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(10 * time.Second); !ok(); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("timed out: %s", what)
		}
	}
}

func inForce(t *testing.T, s *Store, text string) {
	t.Helper()
	want := hashOf(t, text)
	eventually(t, "another policy is in force", func() bool { return s.Policy().Hash == want })
}

const never = time.Hour // events alone must do

func TestWatch(t *testing.T) {
	dir := t.TempDir()
	file, aside := filepath.Join(dir, "policy.toml"), filepath.Join(dir, ".policy.toml.swp")
	put(t, file, good)
	s := watch(t, StoreOptions{Path: file}, never)

	put(t, file, better)
	inForce(t, s, better)

	t.Log("a new file in the place of the old one")
	put(t, aside, good)
	if err := os.Rename(aside, file); err != nil {
		t.Fatal(err)
	}
	inForce(t, s, good)

	t.Log("the old file is put aside first")
	if err := os.Rename(file, aside); err != nil {
		t.Fatal(err)
	}
	put(t, file, better)
	inForce(t, s, better)

	t.Log("a bad one, then its correction")
	failures := s.Stats().Failures
	put(t, file, bad)
	eventually(t, "not seen", func() bool { return s.Stats().Failures > failures })
	if s.Policy().Hash != hashOf(t, better) {
		t.Error("the last good policy is gone")
	}
	put(t, file, good)
	inForce(t, s, good)

	t.Log("the file is deleted, and is back")
	failures = s.Stats().Failures
	os.Remove(file)
	eventually(t, "not seen", func() bool { return s.Stats().Failures > failures })
	if s.Policy().Hash != hashOf(t, good) {
		t.Error("the last good policy is gone")
	}
	put(t, file, better)
	inForce(t, s, better)
}

// The last of many writes in a row counts, and many writes are no many reloads.
func TestWatchBurst(t *testing.T) {
	file := filepath.Join(t.TempDir(), "policy.toml")
	put(t, file, good)
	s := watch(t, StoreOptions{Path: file}, never)
	for i := range 200 {
		put(t, file, fmt.Sprintf("%s# %d\n", good, i))
	}
	put(t, file, better)
	inForce(t, s, better)
	if n := s.Stats().Reloads; n > 50 {
		t.Errorf("%d reloads", n)
	}
}

// A policy that is being written is not taken for a whole one, though it would be good.
func TestWatchHalf(t *testing.T) {
	file := filepath.Join(t.TempDir(), "policy.toml")
	put(t, file, good)
	s := open(t, StoreOptions{Path: file})
	put(t, file, "version = 1\nprofile = \"none\"\n")
	if !s.reloadIfChanged() || s.Stats().Reloads != 1 {
		t.Error("half a file was loaded")
	}
	put(t, file, better)
	if !s.reloadIfChanged() || s.reloadIfChanged() || s.Policy().Hash != hashOf(t, better) || s.Stats().Reloads != 2 {
		t.Error("the whole file was not loaded")
	}
	if s.reloadIfChanged() || s.Stats().Reloads != 2 {
		t.Error("it was loaded again")
	}
}

// Other files that change all the time in the same folder neither put a reload off nor cause one.
func TestWatchBusyFolder(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "policy.toml")
	put(t, file, good)
	s := watch(t, StoreOptions{Path: file, LastGood: filepath.Join(dir, "last-good.toml")}, never)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		for ctx.Err() == nil {
			_ = os.WriteFile(filepath.Join(dir, "log"), []byte("x"), 0o600)
			time.Sleep(time.Millisecond)
		}
	}()
	put(t, file, better)
	inForce(t, s, better)
	time.Sleep(5 * s.debounce)
	cancel()
	<-done
	if n := s.Stats().Reloads; n > 3 {
		t.Errorf("%d reloads", n)
	}
}

// As a Kubernetes volume does it: file → ..data/file, ..data → a folder of a version.
func TestWatchSymlinks(t *testing.T) {
	dir := t.TempDir()
	version := func(name, text string) {
		if err := os.Mkdir(filepath.Join(dir, name), 0o700); err != nil {
			t.Fatal(err)
		}
		put(t, filepath.Join(dir, name, "policy.toml"), text)
		link := filepath.Join(dir, "..next")
		if err := os.Symlink(name, link); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(link, filepath.Join(dir, "..data")); err != nil {
			t.Fatal(err)
		}
	}
	version("v1", good)
	if err := os.Symlink("..data/policy.toml", filepath.Join(dir, "policy.toml")); err != nil {
		t.Fatal(err)
	}
	s := watch(t, StoreOptions{Path: filepath.Join(dir, "policy.toml")}, never)
	version("v2", better)
	inForce(t, s, better)

	t.Log("the file that is linked to changes where it is")
	put(t, filepath.Join(dir, "v2", "policy.toml"), good)
	inForce(t, s, good)
}

// A folder that comes late, or is replaced, gives no events. Looking now and then finds the file.
func TestWatchFolder(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "caisson")
	file := filepath.Join(dir, "policy.toml")
	s := watch(t, StoreOptions{Path: file, Optional: true}, 30*time.Millisecond)
	for _, text := range []string{good, better} {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			t.Fatal(err)
		}
		put(t, file, text)
		inForce(t, s, text)
		if err := os.Rename(dir, dir+".old"); err != nil {
			t.Fatal(err)
		}
		os.RemoveAll(dir + ".old")
	}
}

// What changes between loading and watching is seen.
func TestWatchStart(t *testing.T) {
	file := filepath.Join(t.TempDir(), "policy.toml")
	put(t, file, good)
	s := open(t, StoreOptions{Path: file})
	s.poll = never
	put(t, file, better)
	go s.Watch(t.Context())
	inForce(t, s, better)
}
