package test

import (
	"crypto/sha256"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

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

// setPolicy puts a policy in force and waits for it.
func setPolicy(t *testing.T, c *engine.Caisson, policy string) {
	t.Helper()
	const loaded = "policy loaded"
	before := strings.Count(c.Log(), loaded)
	if err := c.WritePolicy(policy); err != nil {
		t.Fatal(err)
	}
	if err := c.Reload(); err != nil {
		t.Fatal(err)
	}
	if !engine.Eventually(func() bool { return strings.Count(c.Log(), loaded) > before }) {
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
