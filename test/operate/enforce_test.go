package operate

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"caisson/test/engine"
)

// settings has all that an edit could lose: order, spaces, a key that Caisson does not know.
const settings = "{\n    \"log-level\" : \"info\",\n\n    \"labels\": [ \"a=b\" ],\n    \"debug\":false\n}\n"

// TestEnforce takes an Engine there and back, and looks each time at what it does and not at what it says.
func TestEnforce(t *testing.T) {
	onEach(t, func(t *testing.T, version engine.Version) {
		h := newHost(t, version, enforcing, settings)
		if !h.privileged() {
			t.Fatal("the Engine is guarded from the start")
		}
		if s := h.status(); s != (facts{false, "no", true}) {
			t.Errorf("before: %+v", s)
		}
		if r := h.run("enforce", "on", "--dry-run"); r.Code != 0 || !strings.Contains(r.Stdout, `+    "authorization-plugins":["caisson"]`) {
			t.Errorf("dry run: %+v", r)
		}
		if h.read(h.config) != settings || !h.privileged() {
			t.Error("a dry run did something")
		}

		if r := h.run("enforce", "on"); r.Code != 0 || !strings.Contains(r.Stdout, "enforced: a privileged container was refused by plugin caisson") {
			t.Errorf("on: %+v", r)
		}
		if h.privileged() {
			t.Error("on: the Engine is not guarded")
		}
		if got, want := h.read(h.config), strings.Replace(settings, "false\n", "false,\n    \"authorization-plugins\":[\"caisson\"]\n", 1); got != want {
			t.Errorf("on: the file is\n%s", got)
		}
		if h.read(h.config+".caisson-backup") != settings {
			t.Error("on: the file before is not kept")
		}
		if s := h.status(); s != (facts{true, "yes", true}) {
			t.Errorf("on: %+v", s)
		}
		// The Engine's own list is that of its start. Should that change, documents and doctor have to.
		if answer, err := h.Call("GET", "/info", nil); err != nil || strings.Contains(string(answer.Body), `"Authorization":["caisson"]`) {
			t.Errorf("the Engine lists its plugins anew: %+v, %v", answer, err)
		}
		if r := h.run("enforce", "on"); r.Code != 0 || !strings.Contains(r.Stdout, "needs no change") {
			t.Errorf("on once more: %+v", r)
		}

		if r := h.run("enforce", "off"); r.Code != 0 || !strings.Contains(r.Stdout, "dockerd no longer asks caisson") {
			t.Errorf("off: %+v", r)
		}
		if h.read(h.config) != settings || !h.privileged() {
			t.Error("off: not as it was before")
		}
	})
}

// TestEnforceAudit: with a Caisson that only records, whoever does not agree changes nothing; whoever does is told the truth.
func TestEnforceAudit(t *testing.T) {
	onEach(t, func(t *testing.T, version engine.Version) {
		h := newHost(t, version, auditing, "{}")
		if r := h.run("enforce", "on"); r.Code != 1 || !strings.Contains(r.Stderr, "--yes") || h.read(h.config) != "{}" {
			t.Errorf("without --yes: %+v", r)
		}
		if r := h.run("enforce", "on", "--yes"); r.Code != 0 || !strings.Contains(r.Stdout, "which refuses nothing so far") {
			t.Errorf("with --yes: %+v", r)
		}
		if s := h.status(); s != (facts{true, "yes", true}) {
			t.Errorf("dockerd asks Caisson, but it is not seen: %+v", s)
		}
		if !h.privileged() {
			t.Error("refused in audit mode")
		}
		if r := h.run("enforce", "off"); r.Code != 0 {
			t.Errorf("off: %+v", r)
		}
		if s := h.status(); s != (facts{false, "no", true}) {
			t.Errorf("off: %+v", s)
		}
	})
}

// TestEnforceRefuses: what would end dockerd is refused before anything is changed.
func TestEnforceRefuses(t *testing.T) {
	onEach(t, func(t *testing.T, version engine.Version) {
		h := newHost(t, version, enforcing, settings)
		refused := func(name, text, want string) {
			t.Helper()
			h.write(h.config, text)
			if r := h.run("enforce", "on"); r.Code != 1 || !strings.Contains(r.Stderr, want) {
				t.Errorf("%s: %+v, want %q", name, r, want)
			}
			if h.read(h.config) != text {
				t.Errorf("%s: the file was changed", name)
			}
			if !h.Running() {
				t.Fatalf("%s: dockerd has ended", name)
			}
		}
		refused("another plugin that is not there", `{"authorization-plugins": ["gone"]}`, "gone: there is no gone.sock")
		refused("no JSON", "{ // ours\n}", "comment")
		if version == engine.Newest { // older ones cannot be asked
			refused("what dockerd would not take", `{"no-such-setting": 1}`, "no-such-setting")
		}
		if err := h.caisson.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		refused("Caisson killed", settings, "caisson")
		_ = os.Remove(h.socket)
		refused("Caisson gone", settings, "caisson")
	})
}

// TestEnforceOffWithoutCaisson is the way back when Caisson cannot be brought up, or hangs.
func TestEnforceOffWithoutCaisson(t *testing.T) {
	onEach(t, func(t *testing.T, version engine.Version) {
		for name, signal := range map[string]syscall.Signal{"killed": syscall.SIGKILL, "hung": syscall.SIGSTOP} {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				h := newHost(t, version, enforcing, settings)
				if r := h.run("enforce", "on"); r.Code != 0 {
					t.Fatalf("on: %+v", r)
				}
				if err := h.caisson.Process.Signal(signal); err != nil {
					t.Fatal(err)
				}
				want := facts{true, "yes", false}
				if signal == syscall.SIGKILL {
					// This is what docs/recovery.md tells people to look for.
					answer, err := h.Call("GET", "/containers/json", nil)
					if err != nil || !strings.Contains(answer.Message(), "dial unix /run/docker/plugins/caisson.sock") {
						t.Errorf("%+v, %v", answer, err)
					}
				}
				if signal == syscall.SIGSTOP {
					want.InForce = "unknown" // the Engine says nothing at all
				}
				if s := h.status(); s != want {
					t.Errorf("%+v, want %+v", s, want)
				}
				if r := h.run("enforce", "off"); r.Code != 0 || !h.privileged() || h.read(h.config) != settings {
					t.Errorf("off: %+v", r)
				}
			})
		}
	})
}

// TestEnforceConflict: dockerd takes plugins from its command line or from the file, and ends itself over both.
func TestEnforceConflict(t *testing.T) {
	onEach(t, func(t *testing.T, version engine.Version) {
		h := &host{t: t, Engine: engine.Start(t, engine.Options{Version: version, Caisson: &engine.CaissonOptions{Policy: enforcing}})}
		h.config, h.socket = filepath.Join(h.Dir, "daemon.json"), h.Caisson.Socket
		if s := h.status(); s != (facts{true, "yes", true}) {
			t.Errorf("by the command line: %+v", s)
		}
		for _, command := range []string{"on", "off"} {
			if r := h.run("enforce", command); r.Code != 1 || !strings.Contains(r.Stderr, "--authorization-plugin") {
				t.Errorf("%s: %+v", command, r)
			}
		}
		if h.read(h.config) != "{}" || !h.Running() {
			t.Error("the file was changed, or dockerd has ended")
		}
	})
}

// TestEnforceRollsBack: when dockerd does not do what the file says, the file comes back.
func TestEnforceRollsBack(t *testing.T) {
	onEach(t, func(t *testing.T, version engine.Version) {
		h := newHost(t, version, enforcing, settings)
		// dockerd looks for a plugin elsewhere than the operator says, and ends itself.
		elsewhere := filepath.Join(h.Dir, "caisson.sock")
		if err := os.Rename(h.socket, elsewhere); err != nil {
			t.Fatal(err)
		}
		h.socket = elsewhere
		begin := time.Now()
		r := h.run("enforce", "on")
		t.Logf("after %v", time.Since(begin).Round(time.Second))
		if r.Code != 1 || h.read(h.config) != settings {
			t.Errorf("%+v, %s", r, h.read(h.config))
		}
		if !strings.Contains(r.Stderr, "dockerd has ended; "+h.config+" is as it was; dockerd does not run") {
			t.Errorf("dockerd ran all the time: %v; said: %s", h.Running(), r.Stderr)
		}
	})
}

// TestEnforceReloadFails: dockerd before 23.0 cannot be asked what it thinks of a file; it says no to the reload, and runs on.
func TestEnforceReloadFails(t *testing.T) {
	t.Parallel()
	bad := `{"no-such-setting": 1}`
	h := newHost(t, engine.Oldest, enforcing, bad)
	r := h.run("enforce", "on")
	if r.Code != 1 || !strings.Contains(r.Stderr, "dockerd does not ask caisson") || !strings.Contains(r.Stderr, h.config+" is as it was") {
		t.Errorf("%+v", r)
	}
	if h.read(h.config) != bad || !h.Running() || !h.privileged() {
		t.Error("not as it was before")
	}
}
