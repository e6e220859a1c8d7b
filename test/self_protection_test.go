package test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"caisson/test/engine"
)

// TestSelfProtection tries to reach Caisson and the plugins of the engine under a policy that has no other rule.
func TestSelfProtection(t *testing.T) {
	onEach(t, func(t *testing.T, version engine.Version) {
		const watching = permissive + "mode = \"audit\"\n"
		e := guarded(t, version, watching)
		binary, err := engine.Binary()
		if err != nil {
			t.Fatal(err)
		}
		if r := e.Run(exec.Command("env", "CAISSON_BINARY="+binary, "../hack/plugin", "create", "victim")); r.Code != 0 {
			t.Fatalf("while nothing is refused, an administrator may create plugins: %+v", r)
		}
		id := pluginID(t, e)
		setPolicy(t, e.Caisson, permissive)

		for _, name := range []string{"victim", "victim:latest", "docker.io/library/victim", id, id[:6], "v%69ctim"} {
			for _, request := range []string{"POST /v1.41/plugins/NAME/disable?force=1", "POST /plugins/NAME/enable?timeout=1", "DELETE /v1.41/plugins/NAME?force=1", "POST /v1.41%2fplugins/NAME/d%69sable"} {
				method, target, _ := strings.Cut(strings.Replace(request, "NAME", name, 1), " ")
				if r, err := e.Call(method, target, nil); err != nil || r.Status != 403 || !strings.Contains(r.Message(), "[self-protection]") {
					t.Errorf("%s %s: %+v, %v", method, target, r, err)
				}
			}
		}
		for _, command := range []string{"plugin set victim DEBUG=1", "plugin upgrade --skip-remote-check --grant-all-permissions victim other", "plugin install --grant-all-permissions 127.0.0.1:1/x"} {
			if r := e.Docker(strings.Fields(command)...); r.Code == 0 || !strings.Contains(r.Stderr, "[self-protection]") {
				t.Errorf("docker %s: %+v", command, r)
			}
		}
		if got := pluginID(t, e); got != id {
			t.Errorf("the plugin is %q, and was %q", got, id)
		}
		protectedMounts(t, e)
	})
}

// protectedMounts tries to mount what is Caisson's, straight and through links.
func protectedMounts(t *testing.T, e *engine.Engine) {
	t.Helper()
	folder := t.TempDir()
	for name, target := range map[string]string{"plugins": filepath.Dir(e.Caisson.Socket), "policy": filepath.Dir(e.Caisson.PolicyFile), "run": "/run", "plain": folder} {
		if err := os.Symlink(target, filepath.Join(folder, name)); err != nil {
			t.Fatal(err)
		}
	}
	for _, path := range []string{
		filepath.Dir(e.Caisson.Socket), e.Caisson.PolicyFile, "/run/docker/plugins", "/run", "/", "/etc/docker", "/proc/self/root/run",
		folder + "/plugins", folder + "/policy/state", folder + "/run/docker", folder + "/plain/plain/plugins",
	} {
		for _, options := range []string{"", ":ro"} {
			if options == ":ro" && (path == e.Caisson.PolicyFile || path == "/etc/docker" || strings.HasSuffix(path, "/state")) {
				continue // who can only read changes nothing
			}
			r := e.Docker("create", "--name", "thief", "-v", path+":/mnt"+options, engine.Image, "true")
			if r.Code == 0 || !strings.Contains(r.Stderr, "[self-protection]") {
				t.Errorf("-v %s%s: %+v", path, options, r)
			}
			absent(t, e, "thief")
		}
	}
	r := e.Docker("volume", "create", "--opt", "type=none", "--opt", "o=bind", "--opt", "device="+folder+"/plugins", "thief")
	if r.Code == 0 || !strings.Contains(r.Stderr, "[self-protection]") {
		t.Errorf("a volume over the plugins: %+v", r)
	}
	if r := e.Docker("create", "--name", "honest", "-v", folder+"/plain:/mnt", engine.Image, "true"); r.Code != 0 {
		t.Errorf("an ordinary directory: %+v", r)
	}
}

func pluginID(t *testing.T, e *engine.Engine) string {
	t.Helper()
	r := e.Docker("plugin", "inspect", "--format", "{{.Id}}", "victim")
	if r.Code != 0 {
		t.Fatalf("the plugin is gone: %+v", r)
	}
	return strings.TrimSpace(r.Stdout)
}
