package test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"caisson/test/engine"
)

// TestManaged runs Caisson as a managed plugin, made from config.json, under its default policy.
func TestManaged(t *testing.T) {
	if _, err := os.Stat("../config.json"); err != nil {
		t.Skip("there is no config.json")
	}
	for _, version := range engine.Versions {
		t.Run(string(version), func(t *testing.T) {
			t.Parallel()
			e := engine.Start(t, engine.Options{Version: version})
			binary, err := engine.Binary()
			if err != nil {
				t.Fatal(err)
			}
			if result := e.Run(exec.Command("env", "CAISSON_BINARY="+binary, "../hack/plugin", "create", "caisson-managed")); result.Code != 0 {
				t.Fatalf("create: %+v", result)
			}
			folders := t.TempDir()
			for _, name := range []string{"policy", "audit"} {
				if err := os.Mkdir(filepath.Join(folders, name), 0o700); err != nil {
					t.Fatal(err)
				}
			}
			if result := e.Docker("plugin", "set", "caisson-managed", "policy.source="+filepath.Join(folders, "policy"),
				"audit.source="+filepath.Join(folders, "audit"), "engine.source="+e.Dir); result.Code != 0 {
				t.Fatalf("set: %+v", result)
			}
			if result := e.Docker("plugin", "enable", "caisson-managed"); result.Code != 0 {
				t.Fatalf("enable: %+v", result)
			}
			if err := e.WriteConfig(map[string]any{"authorization-plugins": []string{"caisson-managed"}}); err != nil {
				t.Fatal(err)
			}
			if err := e.ReloadDaemon(); err != nil {
				t.Fatal(err)
			}

			var refusal engine.Result
			if !engine.Eventually(func() bool {
				refusal = e.Docker("create", "--privileged", engine.Image)
				return refusal.Code != 0
			}) {
				t.Fatal("the plugin is not asked")
			}
			if !strings.Contains(refusal.Stderr, "authorization denied by plugin caisson-managed") ||
				!strings.Contains(refusal.Stderr, "[privileged]") {
				t.Errorf("a privileged container: %+v", refusal)
			}
			if result := e.Docker("run", "--memory=64m", engine.Image, "echo", "hello"); result.Stdout != "hello\n" {
				t.Errorf("an ordinary container: %+v", result)
			}
			id := strings.TrimSpace(e.Docker("plugin", "inspect", "--format", "{{.Id}}", "caisson-managed").Stdout)
			for _, name := range []string{"caisson-managed", "caisson-managed:latest", "docker.io/library/caisson-managed", id, id[:8], "c%61isson-managed"} {
				for _, request := range []string{"POST /plugins/NAME/disable?force=1", "DELETE /v1.41/plugins/NAME?force=1", "POST /v1.41/plugins/NAME/set"} {
					method, target, _ := strings.Cut(strings.Replace(request, "NAME", name, 1), " ")
					if r, err := e.Call(method, target, nil); err != nil || r.Status != 403 || !strings.Contains(r.Message(), "[self-protection]") {
						t.Errorf("%s %s: the plugin could be changed through the API that it guards: %+v, %v", method, target, r, err)
					}
				}
			}
			if result := e.Docker("create", "--privileged", engine.Image); result.Code == 0 {
				t.Error("the plugin is no longer asked")
			}
		})
	}
}
