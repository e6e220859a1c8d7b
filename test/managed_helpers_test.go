package test

import (
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"caisson/test/engine"
)

// registry is where the engine of a managed finds its own, in its own network namespace.
const registry = "127.0.0.1:5000"

// A managed is Caisson as the managed plugin "caisson", with a registry to install it from. It is a [guard].
type managed struct {
	e                     *engine.Engine
	policyFile, auditFile string
	folders               map[string]string // by the names of the manifest's mounts
}

// newManaged starts a registry beside an engine and makes the folders that the plugin mounts.
func newManaged(t *testing.T, e *engine.Engine) *managed {
	t.Helper()
	engine.Need(t, "jq")
	m := &managed{e: e, folders: map[string]string{"engine": e.Dir}}
	for _, name := range []string{"policy", "audit", "state"} {
		m.folders[name] = filepath.Join(e.Dir, name)
		if err := os.Mkdir(m.folders[name], 0o700); err != nil {
			t.Fatal(err)
		}
	}
	m.policyFile, m.auditFile = filepath.Join(m.folders["policy"], "policy.toml"), filepath.Join(m.folders["audit"], "audit.log")

	m.serveRegistry(t)
	return m
}

// serveRegistry starts the registry. It does not outlive dockerd, whose network namespace it is in.
func (m *managed) serveRegistry(t *testing.T) {
	t.Helper()
	config, storage := filepath.Join(m.e.Dir, "registry.yml"), filepath.Join(m.e.Dir, "registry")
	text := fmt.Sprintf("version: 0.1\nlog: {level: error}\nstorage: {filesystem: {rootdirectory: %s}}\nhttp: {addr: %q}\n", storage, registry)
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd, err := m.e.Command(engine.Registry(t), "serve", config)
	if err != nil {
		t.Fatal(err)
	}
	if err := engine.Background(t, cmd); err != nil {
		t.Fatal(err)
	}
}

// publish pushes a version of the plugin to the registry, with make's own script. The engine must not be guarded.
func (m *managed) publish(t *testing.T, version string, environment ...string) {
	t.Helper()
	binary, err := engine.Binary()
	if err != nil {
		t.Fatal(err)
	}
	ref := registry + "/caisson:" + version
	command := append(append([]string{"CAISSON_BINARY=" + binary}, environment...), "../hack/plugin", "push", ref)
	var result engine.Result
	// The registry may not listen yet. Create then fails, because the plugin is there; so it is removed in any case.
	if !engine.Eventually(func() bool {
		result = m.e.Run(exec.Command("env", command...))
		m.docker(t, "plugin", "rm", ref)
		return result.Code == 0
	}) {
		t.Fatalf("push: %+v", result)
	}
}

// docker runs a docker command that has to work.
func (m *managed) docker(t *testing.T, args ...string) string {
	t.Helper()
	result := m.e.Docker(args...)
	if result.Code != 0 {
		t.Fatalf("docker %s: %+v", strings.Join(args, " "), result)
	}
	return strings.TrimSpace(result.Stdout)
}

// sources are the settings that put the plugin's mounts in the engine's folder.
func (m *managed) sources() (list []string) {
	for name, folder := range m.folders {
		list = append(list, name+".source="+folder)
	}
	return list
}

// install installs a version from the registry under the name caisson, and enables it.
func (m *managed) install(t *testing.T, version string) {
	t.Helper()
	ref := registry + "/caisson:" + version
	m.docker(t, append([]string{"plugin", "install", "--grant-all-permissions", "--alias", "caisson", ref}, m.sources()...)...)
}

// upgrade upgrades the plugin, which must not be named. Afterwards the Engine shows its old settings, but uses those of the manifest until
// they are set again.
func (m *managed) upgrade(t *testing.T, version string) {
	t.Helper()
	m.docker(t, "plugin", "disable", "caisson")
	m.docker(t, "plugin", "upgrade", "--grant-all-permissions", "--skip-remote-check", "caisson", registry+"/caisson:"+version)
	m.docker(t, append([]string{"plugin", "set", "caisson"}, m.sources()...)...)
	m.docker(t, "plugin", "enable", "caisson")
}

// name makes dockerd ask the plugin.
func (m *managed) name(t *testing.T) {
	t.Helper()
	m.authorizationPlugins(t, []string{"caisson"}, func() bool {
		answer, err := m.e.Call("POST", "/v1.41/plugins/no-such-plugin/disable", nil)
		return err == nil && answer.Status == http.StatusForbidden
	})
}

// unname makes dockerd ask nobody, as is to be done before the plugin is touched.
func (m *managed) unname(t *testing.T) {
	t.Helper()
	m.authorizationPlugins(t, nil, func() bool {
		answer, err := m.e.Call("POST", "/v1.41/plugins/no-such-plugin/disable", nil)
		return err == nil && answer.Status == http.StatusNotFound
	})
}

func (m *managed) authorizationPlugins(t *testing.T, names []string, done func() bool) {
	t.Helper()
	if err := m.e.WriteConfig(map[string]any{"authorization-plugins": names}); err != nil {
		t.Fatal(err)
	}
	if err := m.e.ReloadDaemon(); err != nil {
		t.Fatal(err)
	}
	if !engine.Eventually(done) {
		t.Fatalf("dockerd has not taken up the plugins %q:\n%s", names, m.e.Log())
	}
}

// WritePolicy replaces the policy file in one step.
func (m *managed) WritePolicy(policy string) error {
	temporary := m.policyFile + ".new"
	if err := os.WriteFile(temporary, []byte(policy), 0o600); err != nil {
		return err
	}
	return os.Rename(temporary, m.policyFile)
}

func (m *managed) writePolicy(t *testing.T, policy string) {
	t.Helper()
	if err := m.WritePolicy(policy); err != nil {
		t.Fatal(err)
	}
}

// Reload asks Caisson to load its policy again.
func (m *managed) Reload() error {
	pid, err := m.process()
	if err != nil {
		return err
	}
	return syscall.Kill(pid, syscall.SIGHUP)
}

// Log is dockerd's log, where what a plugin prints goes.
func (m *managed) Log() string { return m.e.Log() }

// process finds the plugin: it is the caisson whose socket folder is the one that this engine has given it.
func (m *managed) process() (int, error) {
	names, err := filepath.Glob("/proc/[0-9]*/mountinfo")
	if err != nil {
		return 0, err
	}
	for _, name := range names {
		program, _ := os.Readlink(filepath.Join(filepath.Dir(name), "exe")) // processes end meanwhile
		mounts, _ := os.ReadFile(name)
		if strings.HasSuffix(program, "/caisson") && slices.ContainsFunc(strings.Split(string(mounts), "\n"), func(line string) bool {
			return strings.Contains(line, m.folders["audit"]+" /var/log/caisson ")
		}) {
			return strconv.Atoi(filepath.Base(filepath.Dir(name)))
		}
	}
	return 0, errors.New("no process of the plugin")
}
