package test

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"caisson/test/engine"
)

// broken is what an edit in a hurry leaves behind. To read it up to the mistake would be to switch the rule off.
const broken = "version = 1\nprofile = \"none\"\n[rules.privileged]\nmode = \"of\n"

// TestBrokenPolicy edits the policy while requests run.
func TestBrokenPolicy(t *testing.T) {
	onEach(t, func(t *testing.T, version engine.Version) {
		e := guarded(t, version, policy)
		load := startTraffic(e)
		for range 3 {
			time.Sleep(300 * time.Millisecond)
			failures := strings.Count(e.Caisson.Log(), "policy not loaded")
			if err := e.Caisson.WritePolicy(broken); err != nil {
				t.Fatal(err)
			}
			// It notices by itself.
			if !engine.Eventually(func() bool { return strings.Count(e.Caisson.Log(), "policy not loaded") > failures }) {
				t.Errorf("the log says nothing:\n%s", e.Caisson.Log())
			}
			time.Sleep(300 * time.Millisecond)
			setPolicy(t, e.Caisson, policy)
		}
		load.undisturbed(t)

		records, err := e.Caisson.Audit()
		if err != nil {
			t.Fatal(err)
		}
		for _, record := range records {
			if record["policy"] != records[0]["policy"] {
				t.Fatalf("decided under another policy: %v", record)
			}
		}
	})
}

// TestBrokenPolicyAtStart wants no socket, which would tell the engine that there is a plugin.
func TestBrokenPolicyAtStart(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	cmd := exec.CommandContext(ctx, "env", serve(t, dir, broken).Args...)
	output, err := cmd.CombinedOutput()
	if err == nil || cmd.ProcessState.ExitCode() < 1 {
		t.Errorf("exit %v", cmd.ProcessState)
	}
	if !strings.Contains(string(output), "policy.toml:4") {
		t.Errorf("the message does not name file and line: %s", output)
	}
	for _, name := range []string{"caisson.sock", "audit.log"} {
		if _, err := os.Lstat(filepath.Join(dir, name)); !os.IsNotExist(err) {
			t.Errorf("%s exists, or %v", name, err)
		}
	}
}

// TestLastGoodPolicy starts with a broken policy after a run with a good one: the host would otherwise be locked by its next boot.
func TestLastGoodPolicy(t *testing.T) {
	onEach(t, func(t *testing.T, version engine.Version) {
		e := guarded(t, version, policy)
		if err := e.Caisson.WritePolicy(broken); err != nil {
			t.Fatal(err)
		}
		if err := e.Caisson.Restart(); err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(e.Caisson.Log(), "starting with the copy of the last good policy") {
			t.Errorf("the log says nothing:\n%s", e.Caisson.Log())
		}
		if result := e.Docker("create", "--name=refused", "--privileged", engine.Image); result.Code == 0 || !strings.Contains(result.Stderr, "[privileged]") {
			t.Errorf("%+v", result)
		}
		absent(t, e, "refused")
		must(t, e, "create", engine.Image)
	})
}
