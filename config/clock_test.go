package config

import (
	"os"
	"path/filepath"
	"testing"
	"time"
)

// TestClockIsSet loads a policy while the clock is wrong. That warns, and decides nothing: an exception that seems to have ended is there when
// the clock is right again.
func TestClockIsSet(t *testing.T) {
	file := filepath.Join(t.TempDir(), "policy.toml")
	put(t, file, "version = 1\n"+exception("expires = 2027-12-31"))
	clock := noon.AddDate(50, 0, 0)
	s, err := Open(StoreOptions{Path: file, Now: func() time.Time { return clock }})
	if err != nil {
		t.Fatal(err)
	}
	hash, warnings := s.Policy().Hash, len(s.File().Warnings)
	if warnings == 0 || !s.Stats().LastGood.Equal(clock) {
		t.Errorf("%d warnings, loaded at %s", warnings, s.Stats().LastGood)
	}
	for _, years := range []int{0, -50} {
		clock = noon.AddDate(years, 0, 0)
		if err := s.Reload(); err != nil {
			t.Fatal(err)
		}
		if n := len(s.File().Warnings); n != 0 || s.Policy().Hash != hash || len(s.Policy().Exceptions) != 1 {
			t.Errorf("in %d: %d warnings, %d exceptions, hash %s", clock.Year(), n, len(s.Policy().Exceptions), s.Policy().Hash)
		}
		if !s.Stats().LastGood.Equal(clock) {
			t.Errorf("loaded at %s", s.Stats().LastGood)
		}
	}
}

// TestWatchFilesOfAnyTime takes up files by what is in them: what they say of their own age may be years off.
func TestWatchFilesOfAnyTime(t *testing.T) {
	file := filepath.Join(t.TempDir(), "policy.toml")
	put(t, file, good)
	s := watch(t, StoreOptions{Path: file}, 20*time.Millisecond)
	for _, next := range []struct {
		text string
		at   time.Time
	}{{better, time.Unix(0, 0)}, {good, time.Now().AddDate(50, 0, 0)}, {better, time.Unix(0, 0)}} {
		aside := file + ".new"
		put(t, aside, next.text)
		if err := os.Chtimes(aside, next.at, next.at); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(aside, file); err != nil {
			t.Fatal(err)
		}
		inForce(t, s, next.text)
	}
}
