package test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"caisson/test/engine"
)

// TestManaged takes Caisson through its life as a managed plugin: installed from a registry, named, upgraded and removed in the order of
// docs/upgrading.md.
func TestManaged(t *testing.T) {
	onEach(t, func(t *testing.T, version engine.Version) {
		e := engine.Start(t, engine.Options{Version: version})
		m := newManaged(t, e)
		m.publish(t, "1")
		m.publish(t, "2", "CAISSON_BINARY="+buildVersion(t, "upgraded"))
		m.install(t, "1")
		m.name(t)
		m.guards(t)
		m.isolated(t)
		m.outOfReach(t)

		// The copy of the last good policy is on the host, and outlives dockerd.
		m.writePolicy(t, "version = 1\nprofile = \"baseline\"\n[rules.memory]\n")
		if !engine.Eventually(func() bool { return strings.Contains(e.Docker("create", engine.Image).Stderr, "[memory]") }) {
			t.Error("a policy is not taken up")
		}
		m.writePolicy(t, "version = 1\nprofil = \"none\"\n")
		if err := e.StopDaemon(); err != nil {
			t.Fatal(err)
		}
		if err := e.StartDaemon(); err != nil {
			t.Fatal(err)
		}
		m.serveRegistry(t)
		m.guards(t)
		if refusal := e.Docker("create", engine.Image); !strings.Contains(refusal.Stderr, "[memory]") {
			t.Errorf("the last good policy is not in force: %+v", refusal)
		}
		m.writePolicy(t, baseline)

		m.unname(t)
		m.upgrade(t, "2")
		m.name(t)
		m.guards(t)
		if !strings.Contains(m.Log(), "upgraded") {
			t.Error("the upgraded plugin does not run")
		}

		m.unname(t)
		m.docker(t, "plugin", "disable", "caisson")
		m.docker(t, "plugin", "enable", "caisson")
		m.name(t)
		m.guards(t)

		m.unname(t)
		m.docker(t, "plugin", "disable", "caisson")
		m.docker(t, "plugin", "rm", "caisson")
		m.docker(t, "create", "--privileged", engine.Image)
	})
}

// TestManagedNetwork changes to the variant with a network: it has that of the host, and what it takes to speak TLS there.
func TestManagedNetwork(t *testing.T) {
	onEach(t, func(t *testing.T, version engine.Version) {
		e := engine.Start(t, engine.Options{Version: version})
		m := newManaged(t, e)
		m.publish(t, "1")
		m.publish(t, "network", "NETWORK=host")
		m.install(t, "1")
		m.folders["certificates"] = "/etc/ssl/certs"
		m.upgrade(t, "network")
		m.name(t)
		m.guards(t)
		plugin, host := m.root(t), m.hostNamespace(t)
		if got, err := os.Readlink(filepath.Join(plugin, "../ns/net")); err != nil || got != host {
			t.Errorf("it has the network %s, the host %s: %v", got, host, err)
		}
		for _, file := range []string{"/etc/resolv.conf", "/etc/ssl/certs/ca-certificates.crt"} {
			want, err := os.ReadFile(file)
			if got, gotErr := os.ReadFile(filepath.Join(plugin, file)); err != nil || gotErr != nil || string(got) != string(want) {
				t.Errorf("%s is not that of the host: %v, %v", file, err, gotErr)
			}
		}
	})
}

// guards checks that the engine is guarded and usable.
func (m *managed) guards(t *testing.T) {
	t.Helper()
	if refusal := m.e.Docker("create", "--privileged", engine.Image); refusal.Code == 0 ||
		!strings.Contains(refusal.Stderr, "authorization denied by plugin caisson") || !strings.Contains(refusal.Stderr, "[privileged]") {
		t.Errorf("a privileged container: %+v", refusal)
	}
	if result := m.e.Docker("run", "--rm", "--memory=64m", engine.Image, "echo", "hello"); result.Stdout != "hello\n" {
		t.Errorf("an ordinary container: %+v", result)
	}
}

// root is the plugin's root folder, as its process sees it.
func (m *managed) root(t *testing.T) string {
	t.Helper()
	pid, err := m.process()
	if err != nil {
		t.Fatal(err)
	}
	return filepath.Join("/proc", strconv.Itoa(pid), "root")
}

// hostNamespace names the network namespace of dockerd: it is the first process of the folder /proc that it sees.
func (m *managed) hostNamespace(t *testing.T) string {
	t.Helper()
	cmd, err := m.e.Command("readlink", "/proc/1/ns/net")
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(string(out))
}

// isolated checks that the plugin has no more than the manifest says: no network, a policy that it cannot write to, and its state.
func (m *managed) isolated(t *testing.T) {
	t.Helper()
	root := m.root(t)
	if got, err := os.Readlink(filepath.Join(root, "../ns/net")); err != nil || got == m.hostNamespace(t) {
		t.Errorf("it has the host's network, or %v", err)
	}
	mounts, err := os.ReadFile(filepath.Join(root, "../mountinfo"))
	if err != nil {
		t.Fatal(err)
	}
	for destination, mode := range map[string]string{"/etc/caisson": "ro", "/run/engine": "ro", "/var/lib/caisson": "rw", "/var/log/caisson": "rw"} {
		if !strings.Contains(string(mounts), " "+destination+" "+mode+",nosuid,nodev,noexec") {
			t.Errorf("%s is not mounted %s:\n%s", destination, mode, mounts)
		}
	}
	if err := os.WriteFile(filepath.Join(root, "etc/caisson/x"), nil, 0o600); err == nil {
		t.Error("the policy's folder is writable")
	}
}

// outOfReach checks that nobody changes the plugin through the API that it guards.
func (m *managed) outOfReach(t *testing.T) {
	t.Helper()
	id := m.docker(t, "plugin", "inspect", "--format", "{{.Id}}", "caisson")
	for _, name := range []string{"caisson", "caisson:latest", "docker.io/library/caisson", id, id[:8], "c%61isson"} {
		for _, request := range []string{
			"POST /plugins/NAME/disable?force=1", "DELETE /v1.41/plugins/NAME?force=1", "POST /v1.41/plugins/NAME/set",
			"POST /v1.41/plugins/NAME/upgrade?remote=" + registry + "/caisson:2",
		} {
			method, target, _ := strings.Cut(strings.Replace(request, "NAME", name, 1), " ")
			if r, err := m.e.Call(method, target, nil); err != nil || r.Status != 403 || !strings.Contains(r.Message(), "[self-protection]") {
				t.Errorf("%s %s: the plugin could be changed through the API that it guards: %+v, %v", method, target, r, err)
			}
		}
	}
}

// buildVersion builds a Caisson that says it is another version.
func buildVersion(t *testing.T, version string) string {
	t.Helper()
	binary := filepath.Join(t.TempDir(), "caisson")
	cmd := exec.Command("../hack/build", binary)
	cmd.Env = append(os.Environ(), "VERSION="+version)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return binary
}
