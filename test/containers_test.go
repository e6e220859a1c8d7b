package test

import (
	"encoding/json"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"caisson/test/engine"
)

// standing is a line of "caisson containers --json".
type standing struct {
	ID, Name, State, Image, Verdict string
	Violations, Audited, Excepted   []struct{ Rule string }
}

func (s standing) rules() []string {
	var list []string
	for _, v := range s.Violations {
		list = append(list, v.Rule)
	}
	return slices.Compact(list)
}

// standings asks what the policy says to the containers that are there, and wants an exit status that agrees.
func standings(t *testing.T, e *engine.Engine, policy string) map[string]standing {
	t.Helper()
	r := caisson(t, e, "containers", "--json", "--engine", "unix://"+e.Socket, "--state-dir", filepath.Join(e.Dir, "state"), "--policy", policy)
	found := make(map[string]standing)
	code := 0
	for line := range strings.Lines(r.Stdout) {
		var s standing
		if err := json.Unmarshal([]byte(line), &s); err != nil {
			t.Fatalf("%v: %s", err, line)
		}
		found[s.Name] = s
		code = max(code, map[string]int{"allow": 0, "deny": 1, "undecided": 2}[s.Verdict])
	}
	if r.Code != code {
		t.Errorf("exit status %d, want %d: %s", r.Code, code, r.Stderr)
	}
	return found
}

// caisson runs a command of Caisson's.
func caisson(t *testing.T, e *engine.Engine, args ...string) engine.Result {
	t.Helper()
	binary, err := engine.Binary()
	if err != nil {
		t.Fatal(err)
	}
	return e.Run(exec.Command(binary, args...))
}

// TestContainers asks which containers could not be started, while the policy only watches, and then tries.
func TestContainers(t *testing.T) {
	t.Parallel()
	for _, version := range engine.Versions {
		t.Run(string(version), func(t *testing.T) {
			t.Parallel()
			const policy = "version = 1\nprofile = \"baseline\"\n[rules.memory]\n[rules.host-uts]\nmode = \"audit\"\n"
			const watching = "mode = \"audit\"\n" + policy + "[existing_containers]\nmode = \"off\"\n[[access]]\nname = \"nobody\"\neffect = \"deny\"\nprincipals = [\"*\"]\noperations = [\"ContainerStart\"]\n"
			e := engine.Start(t, engine.Options{Version: version, Caisson: &engine.CaissonOptions{Policy: watching}})
			must(t, e, "create", "--name", "plain", "-m", "64m", engine.Image, "true")
			must(t, e, "create", "--name", "cafe", "-m", "64m", engine.Image, "true") // may be taken for the beginning of an ID
			must(t, e, "create", "--name", "unlimited", engine.Image, "true")
			must(t, e, "run", "-d", "--name", "watched", "-m", "64m", "--pid", "host", engine.Image, "sleep", "300")
			must(t, e, "create", "--name", "guest", "-m", "64m", "--pid", "container:watched", engine.Image, "true")
			must(t, e, "create", "--name", "uts", "-m", "64m", "--uts", "host", engine.Image, "true")
			must(t, e, "volume", "create", "--opt", "type=none", "--opt", "o=bind", "--opt", "device=/", "hostroot")
			must(t, e, "create", "--name", "mounted", "-m", "64m", "-v", "hostroot:/host", engine.Image, "true")

			want := map[string][]string{
				"plain": nil, "cafe": nil, "uts": nil, "unlimited": {"memory"}, "watched": {"host-pid"}, "guest": {"host-pid"}, "mounted": {"self-protection", "volume-drivers"},
			}
			found := standings(t, e, e.Caisson.PolicyFile)
			if len(found) != len(want) {
				t.Errorf("found %v", found)
			}
			for name, rules := range want {
				if s := found[name]; !slices.Equal(s.rules(), rules) || len(s.ID) != 64 || s.Image != engine.Image {
					t.Errorf("%s: %+v, want %v", name, s, rules)
				}
			}
			if s := found["uts"]; len(s.Audited) != 1 || found["watched"].State != "running" || s.State != "created" {
				t.Errorf("%+v", found)
			}
			text := caisson(t, e, "containers", "--refused", "--engine", "unix://"+e.Socket, "--state-dir", t.TempDir(), "--policy", e.Caisson.PolicyFile)
			if text.Code != 1 || strings.Contains(text.Stdout, "plain") ||
				!strings.Contains(text.Stdout, "unlimited: deny: created, "+engine.Image+"\n  container unlimited: HostConfig.Memory is not set; ") {
				t.Errorf("%+v", text)
			}

			// The oracle: an Engine that enforces it.
			must(t, e, "stop", "-t", "0", "watched")
			if err := e.Caisson.WritePolicy(policy); err != nil {
				t.Fatal(err)
			}
			enforced(t, e)
			for name, s := range standings(t, e, e.Caisson.PolicyFile) {
				r := e.Docker("start", name)
				if refused := strings.Contains(r.Stderr, "authorization denied"); refused != (s.Verdict == "deny") || s.Verdict == "allow" && r.Code != 0 {
					t.Errorf("%s: %s, and docker start: %+v", name, s.Verdict, r)
				}
			}

			if r := caisson(t, e, "containers", "--engine", "unix:///nowhere.sock", "--state-dir", t.TempDir()); r.Code != 2 {
				t.Errorf("no engine: %+v", r)
			}
			if err := e.Caisson.Stop(); err != nil {
				t.Fatal(err)
			}
			const fix = `fix: "caisson enforce status" says whether Caisson answers`
			if r := caisson(t, e, "containers", "--engine", "unix://"+e.Socket, "--state-dir", t.TempDir()); r.Code != 2 || !strings.Contains(r.Stderr, fix) {
				t.Errorf("without Caisson: %+v", r)
			}
		})
	}
}
