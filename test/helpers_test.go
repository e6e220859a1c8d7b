package test

import (
	"crypto/sha256"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"caisson/config"
	"caisson/test/engine"
)

// permissive refuses nothing: tests use it to arrange what they need.
const permissive = "version = 1\nprofile = \"none\"\n"

// baseline is the profile that is in force unless the operator says otherwise.
const baseline = "version = 1\nprofile = \"baseline\"\n"

// onEach runs a test on each engine, side by side.
func onEach(t *testing.T, test func(t *testing.T, version engine.Version)) {
	t.Helper()
	t.Parallel()
	for _, version := range engine.Versions {
		t.Run(string(version), func(t *testing.T) {
			t.Parallel()
			test(t, version)
		})
	}
}

// guarded starts an engine behind Caisson.
func guarded(t *testing.T, version engine.Version, policy string) *engine.Engine {
	t.Helper()
	return engine.Start(t, engine.Options{Version: version, Caisson: &engine.CaissonOptions{Policy: policy}})
}

// A guard is a Caisson in front of an engine, however it is installed.
type guard interface {
	// WritePolicy replaces the policy file.
	WritePolicy(policy string) error
	// Reload makes Caisson read it again. It does not wait until that has happened.
	Reload() error
	// Log returns what Caisson has printed so far.
	Log() string
}

// setPolicy puts a policy in force and waits for it. Caisson may still be loading what was written before, so that it has loaded
// something says nothing; what it has loaded last does.
func setPolicy(t *testing.T, c guard, policy string) {
	t.Helper()
	want, err := config.Parse("policy.toml", []byte(policy), time.Now())
	if err != nil {
		t.Fatal(err)
	}
	if err := c.WritePolicy(policy); err != nil {
		t.Fatal(err)
	}
	if err := c.Reload(); err != nil {
		t.Fatal(err)
	}
	if !engine.Eventually(func() bool {
		log := c.Log()
		loaded, _, _ := strings.Cut(log[max(0, strings.LastIndex(log, "policy loaded")):], "before")
		return strings.Contains(loaded, want.Hash)
	}) {
		t.Fatalf("the policy is not in force:\n%s\n%s", policy, c.Log())
	}
}

// A world is what an engine holds, by its own files: to ask its API would be to ask the plugin under test.
type world struct {
	containers, volumes string
	networks            [sha256.Size]byte // of a database that changes with them and with nothing else
}

func worldOf(t *testing.T, e *engine.Engine) (w world) {
	t.Helper()
	for folder, names := range map[string]*string{"containers": &w.containers, "volumes": &w.volumes} {
		entries, err := os.ReadDir(filepath.Join(e.Data, folder))
		if err != nil {
			t.Fatal(err)
		}
		var list []string
		for _, entry := range entries {
			if entry.IsDir() {
				list = append(list, entry.Name())
			}
		}
		*names = strings.Join(list, " ")
	}
	text, err := os.ReadFile(filepath.Join(e.Data, "network/files/local-kv.db"))
	if err != nil {
		t.Fatal(err)
	}
	w.networks = sha256.Sum256(text)
	return w
}

// added lists the words of a text that are not in another one.
func added(before, after string) []string {
	old := strings.Fields(before)
	return slices.DeleteFunc(strings.Fields(after), func(s string) bool { return slices.Contains(old, s) })
}
