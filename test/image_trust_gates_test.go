package test

import (
	"slices"
	"strings"
	"testing"

	"caisson/test/engine"
)

// TestImageTrustExisting has containers from before the policy: of images that nobody signed, they do nothing more.
func TestImageTrustExisting(t *testing.T) {
	onEach(t, func(t *testing.T, version engine.Version) {
		x := newTrust(t, version)
		x.pushSigned(t, "team/app", "1")
		x.push(t, "team/other", "1")
		for _, name := range []string{"app", "other"} {
			x.command(t, "create", "--name", "made-"+name, "--network", "none", x.name("team/"+name, ":1"), "sleep", "600")
			x.command(t, "run", "-d", "--name", "runs-"+name, "--network", "none", x.name("team/"+name, ":1"), "sleep", "600")
		}
		x.command(t, "tag", x.name("team/app", ":1"), x.name("team/other", ":1")) // what it is called now does not count
		x.enforce(t, trustPolicy{})
		// Without a name, containerd's store does not tell where an image is from.
		reason := map[engine.Version]string{engine.Oldest: "(unsigned)", engine.Newest: "(unbound)"}[version]

		told := standings(t, x.Engine, x.Caisson.PolicyFile)
		if told["made-app"].Verdict != "allow" || told["runs-app"].Verdict != "allow" ||
			!slices.Equal(told["made-other"].rules(), []string{"image-signature"}) || !slices.Equal(told["runs-other"].rules(), []string{"image-signature"}) {
			t.Errorf("caisson containers: %+v", told)
		}

		for _, command := range []string{"start made-other", "restart -t 0 runs-other", "rename made-other another", "exec runs-other true"} {
			r := x.Docker(strings.Fields(command)...)
			if r.Code == 0 || !strings.Contains(r.Stderr, "[image-signature]") || !strings.Contains(r.Stderr, reason) {
				t.Errorf("docker %s: exit %d %s", command, r.Code, r.Stderr)
			}
		}
		if c, ok, err := x.Container("made-other"); err != nil || !ok || c.Started {
			t.Errorf("the container has run, or was renamed: %+v, %v", c, err)
		}
		for _, command := range []string{"start made-app", "restart -t 0 runs-app", "rename made-app another", "exec runs-app true", "stop -t 0 runs-other", "rm runs-other made-other"} {
			if r := x.Docker(strings.Fields(command)...); r.Code != 0 {
				t.Errorf("docker %s: exit %d %s", command, r.Code, r.Stderr)
			}
		}
	})
}
