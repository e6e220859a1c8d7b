package config

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"

	"caisson/authz/rules"
)

const (
	good    = "version = 1\nprofile = \"none\"\n[rules.privileged]\n"
	better  = "version = 1\nprofile = \"restricted\"\n"
	bad     = "version = 1\nprofile = \"none\"\n[rules.privilege]\n"
	badText = `: rules.privilege: unknown rule; did you mean "privileged"?`
)

func put(t *testing.T, file, text string) {
	t.Helper()
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func fixedNow() time.Time { return noon }

func open(t *testing.T, o StoreOptions) *Store {
	t.Helper()
	o.Now = fixedNow
	s, err := Open(o)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func hashOf(t *testing.T, text string) string { t.Helper(); return mustRead(t, text).Policy.Hash }

func TestStoreReload(t *testing.T) {
	dir := t.TempDir()
	file, last := filepath.Join(dir, "policy.toml"), filepath.Join(dir, "state", "last-good.toml")
	put(t, file, good)
	core, logs := observer.New(zapcore.InfoLevel)
	s := open(t, StoreOptions{Path: file, LastGood: last, Log: zap.New(core)})
	steps := []struct {
		name string
		do   func()
		err  string // how the error ends
		want string // policy in force
		kept string // copy of the last good one
	}{
		{"bad", func() { put(t, file, bad) }, badText, good, good},
		{"still bad", func() {}, badText, good, good},
		{"another", func() { put(t, file, better) }, "", better, better},
		{"gone", func() { os.Remove(file) }, "no such file or directory; the last good policy stays in force", better, better},
		{"empty", func() { put(t, file, "") }, "version: is missing; add version = 1", better, better},
		{"a folder", func() { os.Remove(file); os.Mkdir(file, 0o700) }, "is a directory", better, better},
		{"good again", func() { os.Remove(file); put(t, file, good) }, "", good, good},
		{"the same", func() {}, "", good, good},
	}
	for _, step := range steps {
		step.do()
		err := s.Reload()
		if (err == nil) != (step.err == "") || err != nil && !strings.HasSuffix(err.Error(), step.err) {
			t.Errorf("%s: error %v", step.name, err)
		}
		if s.Policy().Hash != hashOf(t, step.want) {
			t.Errorf("%s: another policy is in force", step.name)
		}
		if kept, _ := os.ReadFile(last); string(kept) != step.kept {
			t.Errorf("%s: the copy is %q", step.name, kept)
		}
		if failed := s.Stats().Failed; failed != (step.err != "") {
			t.Errorf("%s: failed is %v", step.name, failed)
		}
	}
	if d := cmp.Diff(Stats{Reloads: 4, Failures: 5, LastGood: noon}, s.Stats()); d != "" {
		t.Error(d)
	}
	if n := logs.FilterMessage("policy not loaded").Len(); n != 5 {
		t.Errorf("%d failures in the log", n)
	}
	first := logs.FilterMessage("policy not loaded").All()[0].ContextMap()
	want := map[string]any{"problems": []any{file + ":3" + badText}, "in force": hashOf(t, good)}
	if d := cmp.Diff(want, first); d != "" {
		t.Error(d)
	}
}

func TestStoreWarns(t *testing.T) {
	file := filepath.Join(t.TempDir(), "policy.toml")
	put(t, file, "version = 1\n"+exception("expires = 2020-01-01"))
	if err := os.Chmod(file, 0o666); err != nil {
		t.Fatal(err)
	}
	core, logs := observer.New(zapcore.WarnLevel)
	open(t, StoreOptions{Path: file, Log: zap.New(core)})
	var got []string
	for _, e := range logs.All() {
		got = append(got, e.ContextMap()["warning"].(string))
	}
	if len(got) != 2 || !strings.Contains(got[0], "counts nowhere") || got[1] != file+": others than its owner can write it; fix: chmod go-w" {
		t.Errorf("%q", got)
	}
}

func TestStoreStart(t *testing.T) {
	dir := t.TempDir()
	file, last, none := filepath.Join(dir, "policy.toml"), filepath.Join(dir, "last-good.toml"), filepath.Join(dir, "none.toml")
	put(t, last, better)

	if _, err := Open(StoreOptions{Path: none}); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("without a file: %v", err)
	}
	if s := open(t, StoreOptions{Path: none, Optional: true, LastGood: last}); s.Policy().Hash != Default(rules.Baseline).Hash || s.Reload() != nil {
		t.Error("without a file that is optional: not the baseline")
	}
	link := filepath.Join(dir, "link.toml")
	if err := os.Symlink("nowhere.toml", link); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(StoreOptions{Path: link, Optional: true}); err == nil || err.Error() != link+" links to a file that is not there" {
		t.Errorf("with a link to nothing: %v", err)
	}
	put(t, file, bad)
	var problems Errors
	if _, err := Open(StoreOptions{Path: file, Optional: true}); !errors.As(err, &problems) {
		t.Errorf("with a bad file: %v", err)
	}
	if _, err := Open(StoreOptions{Path: file, LastGood: none}); !errors.As(err, &problems) || !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("with a bad file and no copy: %v", err)
	}
	put(t, none, "version = 0")
	if _, err := Open(StoreOptions{Path: file, LastGood: none}); err == nil || !strings.HasSuffix(err.Error(), "reads version 1") {
		t.Errorf("with a bad file and a bad copy: %v", err)
	}
	for _, path := range []string{file, filepath.Join(dir, "missing.toml")} {
		s := open(t, StoreOptions{Path: path, LastGood: last})
		if s.Policy().Hash != hashOf(t, better) || s.File().Name != "last good policy "+last {
			t.Errorf("%s: the copy is not in force", path)
		}
		if d := cmp.Diff(Stats{Failures: 1, Failed: true}, s.Stats()); d != "" {
			t.Error(d)
		}
	}
}

// Readers see one whole policy or the other, while it is reloaded all the time.
func TestStoreConcurrent(t *testing.T) {
	file := filepath.Join(t.TempDir(), "policy.toml")
	put(t, file, good)
	s := open(t, StoreOptions{Path: file})
	sizes := map[string]int{}
	for _, text := range []string{good, better} {
		p := mustRead(t, text).Policy
		sizes[p.Hash] = len(p.Rules)
	}
	var wg sync.WaitGroup
	done := make(chan struct{})
	for range 4 {
		wg.Go(func() {
			for {
				select {
				case <-done:
					return
				default:
				}
				if p := s.Policy(); sizes[p.Hash] != len(p.Rules) {
					t.Errorf("a policy with %d rules", len(p.Rules))
				}
				_ = s.Stats()
			}
		})
	}
	for i := range 50 {
		put(t, file, []string{good, better}[i%2])
		_ = s.Reload()
	}
	close(done)
	wg.Wait()
}
