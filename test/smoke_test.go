package test

import (
	"net/http"
	"os"
	"strings"
	"testing"

	"caisson/test/engine"
)

func TestMain(m *testing.M) { engine.Main(m) }

// policy is that of the smoke tests: one rule is enough to see a refusal.
const policy = `
version = 1
mode    = "enforce"
profile = "none"

[rules.privileged]
mode = "enforce"
`

// create is an ordinary request and its privileged twin.
var (
	permitted  = map[string]any{"Image": engine.Image, "HostConfig": map[string]any{"Memory": 64 << 20}}
	privileged = map[string]any{"Image": engine.Image, "HostConfig": map[string]any{"Privileged": true}}
)

func TestSmoke(t *testing.T) {
	if _, err := os.Stat("../cmd/caisson/main.go"); err != nil && os.Getenv("CAISSON_BINARY") == "" {
		t.Skip("there is no caisson to test")
	}
	for _, version := range engine.Versions {
		t.Run(string(version), func(t *testing.T) {
			t.Parallel()
			e := engine.Start(t, engine.Options{
				Version: version,
				Caisson: &engine.CaissonOptions{Policy: policy},
			})
			smoke(t, e)
		})
	}
}

// smoke takes an engine through a refusal, a crash of the plugin and a restart, in this order.
func smoke(t *testing.T, e *engine.Engine) {
	t.Helper()
	t.Run("permitted", func(t *testing.T) {
		result := e.Docker("run", "--name=permitted", "--memory=64m", engine.Image, "echo", "hello")
		if result.Code != 0 || result.Stdout != "hello\n" {
			t.Fatalf("%+v", result)
		}
	})

	t.Run("refused", func(t *testing.T) {
		result := e.Docker("run", "--name=refused", "--privileged", engine.Image, "true")
		if result.Code == 0 {
			t.Error("a privileged container ran")
		}
		for _, text := range []string{"authorization denied by plugin caisson: ", "HostConfig.Privileged is true", "[privileged]"} {
			if !strings.Contains(result.Stderr, text) {
				t.Errorf("the message lacks %q: %s", text, result.Stderr)
			}
		}
		absent(t, e, "refused")
	})

	t.Run("recorded", func(t *testing.T) {
		records, err := e.Caisson.Audit()
		if err != nil || len(records) == 0 {
			t.Errorf("%d audit records, %v", len(records), err)
		}
	})

	t.Run("plugin killed", func(t *testing.T) {
		if err := e.Caisson.Kill9(); err != nil {
			t.Fatal(err)
		}
		// The engine looks for its plugin for 15 seconds, so both are asked at once.
		for name, body := range map[string]any{"orphan": permitted, "privileged-orphan": privileged} {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				answer, err := e.Call("POST", "/v1.41/containers/create?name="+name, body)
				if err != nil {
					t.Fatal(err)
				}
				if answer.Status != http.StatusInternalServerError {
					t.Errorf("%d %s", answer.Status, answer.Message())
				}
				absent(t, e, name)
			})
		}
	})

	t.Run("plugin back", func(t *testing.T) {
		if err := e.Caisson.Start(); err != nil {
			t.Fatal(err)
		}
		answer, err := e.Call("POST", "/v1.41/containers/create?name=back", permitted)
		if err != nil || answer.Status != http.StatusCreated {
			t.Errorf("permitted: %+v, %v", answer, err)
		}
		answer, err = e.Call("POST", "/v1.41/containers/create?name=still-refused", privileged)
		if err != nil || answer.Status != http.StatusForbidden {
			t.Errorf("privileged: %+v, %v", answer, err)
		}
		absent(t, e, "still-refused")
	})

	t.Run("policy reloaded", func(t *testing.T) {
		relaxed := strings.Replace(policy, `[rules.privileged]`+"\n"+`mode = "enforce"`, `[rules.privileged]`+"\n"+`mode = "off"`, 1)
		if err := e.Caisson.WritePolicy(relaxed); err != nil {
			t.Fatal(err)
		}
		if err := e.Caisson.Reload(); err != nil {
			t.Fatal(err)
		}
		if !engine.Eventually(func() bool {
			answer, err := e.Call("POST", "/v1.41/containers/create", privileged)
			return err == nil && answer.Status == http.StatusCreated
		}) {
			t.Errorf("the new policy is not in force:\n%s", e.Caisson.Log())
		}
	})
}

// absent fails the test if the engine has made a container.
func absent(t *testing.T, e *engine.Engine, name string) {
	t.Helper()
	container, found, err := e.Container(name)
	if err != nil {
		t.Error(err)
	}
	if found {
		t.Errorf("container %s exists, with %s", name, container.HostConfig)
	}
}
