package test

import (
	"fmt"
	"strings"
	"testing"

	"caisson/test/engine"
)

// TestExceptionByDigest gives one image what Testcontainers' Ryuk needs, the Engine's socket: by digest it runs, by tag and for any
// other rule it does not. The image store of the newest engines knows the digest of every image; that of the oldest, only of those that
// were pulled.
func TestExceptionByDigest(t *testing.T) {
	t.Parallel()
	const baseline = "version = 1\nprofile = \"baseline\"\n"
	e := engine.Start(t, engine.Options{Version: engine.Newest, Caisson: &engine.CaissonOptions{Policy: baseline}})
	r := e.Docker("inspect", "--format", "{{index .RepoDigests 0}}", engine.Image)
	image := strings.TrimSpace(r.Stdout)
	if r.Code != 0 || !strings.Contains(image, "@sha256:") {
		t.Fatalf("the image has no digest: %+v", r)
	}
	mount := []string{"run", "--rm", "-v", "/var/run/docker.sock:/var/run/docker.sock"}
	refused := func(rule string, args ...string) {
		t.Helper()
		if r := e.Docker(args...); r.Code == 0 || !strings.Contains(r.Stderr, "["+rule+"]") {
			t.Errorf("docker %s: %+v", strings.Join(args, " "), r)
		}
	}
	refused("bind-mounts", append(mount, image, "true")...)

	if err := e.Caisson.WritePolicy(baseline + fmt.Sprintf(`
[[exceptions]]
name = "ryuk"
rules = ["bind-mounts"]
image = %q
expires = 2999-01-01
owner = "ci"
reason = "removes what tests leave behind"
`, image)); err != nil {
		t.Fatal(err)
	}
	if !engine.Eventually(func() bool { return e.Docker(append(mount, image, "true")...).Code == 0 }) {
		t.Fatalf("the exception does not count:\n%s", e.Caisson.Log())
	}
	refused("bind-mounts", append(mount, engine.Image, "true")...)
	refused("host-pid", append(mount, "--pid=host", image, "true")...)
}
