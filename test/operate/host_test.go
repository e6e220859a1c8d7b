package operate

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"caisson/test/engine"
)

func TestMain(m *testing.M) { engine.Main(m) }

// The policies of the tests.
const (
	enforcing = "version = 1\nprofile = \"baseline\"\n"
	auditing  = "version = 1\nprofile = \"baseline\"\nmode = \"audit\"\n"
)

// host is an Engine without a plugin, and a Caisson that it may be told to ask.
type host struct {
	*engine.Engine
	t       *testing.T
	config  string // dockerd's configuration file
	socket  string // Caisson's
	policy  string // file
	caisson *exec.Cmd
}

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

// newHost starts both. The configuration file is the text given.
func newHost(t *testing.T, version engine.Version, policy, config string) *host {
	t.Helper()
	h := &host{t: t, Engine: engine.Start(t, engine.Options{Version: version})}
	h.config, h.policy = filepath.Join(h.Dir, "daemon.json"), filepath.Join(h.Dir, "policy.toml")
	h.socket = filepath.Join(h.Dir, "plugins/caisson.sock")
	h.write(h.config, config)
	h.write(h.policy, policy)
	h.start()
	return h
}

// start starts Caisson and waits for its socket.
func (h *host) start() {
	h.t.Helper()
	h.caisson = exec.Command(h.binary(), "serve", "--policy", h.policy, "--socket", h.socket, "--engine", "unix://"+h.Socket,
		"--state-dir", filepath.Join(h.Dir, "state"), "--audit-log", filepath.Join(h.Dir, "audit.log"))
	if err := engine.Background(h.t, h.caisson); err != nil {
		h.t.Fatal(err)
	}
	if !engine.Eventually(func() bool { return exec.Command("test", "-S", h.socket).Run() == nil }) {
		h.t.Fatal("caisson does not start")
	}
}

func (h *host) binary() string {
	h.t.Helper()
	binary, err := engine.Binary()
	if err != nil {
		h.t.Fatal(err)
	}
	return binary
}

// run runs caisson with the flags that say where this host's things are.
func (h *host) run(args ...string) engine.Result {
	h.t.Helper()
	args = append(args, "--engine", "unix://"+h.Socket, "--config-file", h.config, "--socket", h.socket)
	result := h.Run(exec.Command(h.binary(), args...))
	h.t.Logf("caisson %s: %d\n%s%s", args[:2], result.Code, result.Stdout, result.Stderr)
	return result
}

func (h *host) write(file, text string) {
	h.t.Helper()
	if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
		h.t.Fatal(err)
	}
}

func (h *host) read(file string) string {
	h.t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		h.t.Fatal(err)
	}
	return string(text)
}

// privileged tells whether the Engine makes a privileged container.
func (h *host) privileged() bool {
	h.t.Helper()
	answer, err := h.Call("POST", "/containers/create", map[string]any{"Image": engine.Image, "HostConfig": map[string]any{"Privileged": true}})
	if err != nil {
		h.t.Fatal(err)
	}
	return answer.Status == 201
}

// facts are the three of "caisson enforce status".
type facts struct {
	Named     bool
	InForce   string `json:"in_force"`
	Answering bool
}

func (h *host) status() (f facts) {
	h.t.Helper()
	result := h.run("enforce", "status", "--json")
	if err := json.Unmarshal([]byte(result.Stdout), &f); err != nil {
		h.t.Fatalf("%v: %+v", err, result)
	}
	if enforced := f == (facts{true, "yes", true}); enforced != (result.Code == 0) {
		h.t.Errorf("exit status %d with %+v", result.Code, f)
	}
	return f
}
