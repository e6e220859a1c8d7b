package test

import (
	"context"
	"errors"
	"fmt"
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

// TestPolicyFolderGone takes the policy's folder away while requests run, as an unmounted disk or a failed deployment does. The last good policy
// stays, over a restart as well, and a new one is taken up when the folder is back.
func TestPolicyFolderGone(t *testing.T) {
	onEach(t, func(t *testing.T, version engine.Version) {
		folder := filepath.Join(t.TempDir(), "caisson")
		file, aside := filepath.Join(folder, "policy.toml"), folder+".aside"
		write := func(policy string) {
			t.Helper()
			if err := errors.Join(os.MkdirAll(folder, 0o700), os.WriteFile(file, []byte(policy), 0o600)); err != nil {
				t.Fatal(err)
			}
		}
		write(policy)
		e := engine.Start(t, engine.Options{Version: version, Caisson: &engine.CaissonOptions{Args: []string{"--policy", file}}})
		e.Caisson.PolicyFile = file
		load := startTraffic(e)
		for _, gone := range []func() error{
			func() error { return os.Rename(folder, aside) },
			func() error { return os.RemoveAll(folder) },
		} {
			time.Sleep(300 * time.Millisecond)
			failures := strings.Count(e.Caisson.Log(), "the last good policy stays in force")
			if err := errors.Join(os.RemoveAll(aside), gone(), e.Caisson.Reload()); err != nil {
				t.Fatal(err)
			}
			if !engine.Eventually(func() bool { return strings.Count(e.Caisson.Log(), "the last good policy stays in force") > failures }) {
				t.Errorf("the log says nothing:\n%s", e.Caisson.Log())
			}
			time.Sleep(300 * time.Millisecond)
			// Another file, with the same rules. It takes it up by itself, though the folder is not the one that it watched.
			changed := policy + fmt.Sprintf("[rules.memory]\nmode = \"audit\"\nmax = \"%dGiB\"\n", 1+failures)
			loaded := strings.Count(e.Caisson.Log(), "policy loaded")
			write(changed)
			if !within(30*time.Second, func() bool { return strings.Count(e.Caisson.Log(), "policy loaded") > loaded }) {
				t.Errorf("the policy that is back is not taken up:\n%s", e.Caisson.Log())
			}
		}
		load.undisturbed(t)

		if err := errors.Join(os.RemoveAll(folder), e.Caisson.Restart()); err != nil {
			t.Fatal(err)
		}
		if result := e.Docker("create", "--name=refused", "--privileged", engine.Image); result.Code == 0 || !strings.Contains(result.Stderr, "[privileged]") {
			t.Errorf("%+v", result)
		}
		absent(t, e, "refused")
		must(t, e, "create", engine.Image)
	})
}

// within is [engine.Eventually] for what takes longer.
func within(limit time.Duration, condition func() bool) bool {
	for end := time.Now().Add(limit); time.Now().Before(end); {
		if engine.Eventually(condition) {
			return true
		}
	}
	return false
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
