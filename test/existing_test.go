package test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"caisson/test/engine"
)

// TestExistingContainers makes containers that the policy forbids while Caisson only watches, then enforces: they may be looked at,
// stopped and removed, and nothing else.
func TestExistingContainers(t *testing.T) {
	t.Parallel()
	for _, version := range engine.Versions {
		t.Run(string(version), func(t *testing.T) {
			t.Parallel()
			const policy = "version = 1\nprofile = \"baseline\"\n"
			e := engine.Start(t, engine.Options{Version: version, Caisson: &engine.CaissonOptions{Policy: policy + "mode = \"audit\"\n"}})

			// From the time before: what the policy forbids, and what it does not.
			must(t, e, "create", "--name", "privileged", "--privileged", engine.Image, "true")
			must(t, e, "run", "-d", "--name", "hostpid", "--pid", "host", engine.Image, "sleep", "300")
			must(t, e, "run", "-d", "--name", "plain", "-m", "64m", engine.Image, "sleep", "300")
			must(t, e, "volume", "create", "--opt", "type=none", "--opt", "o=bind", "--opt", "device=/", "hostroot")
			must(t, e, "create", "--name", "mounted", "-v", "hostroot:/host", engine.Image, "true")
			must(t, e, "volume", "create", "ordinary")
			oldExec := execIn(t, e, "hostpid")
			must(t, e, "create", "--name", "giver", "-v", "/:/host", engine.Image, "true")
			must(t, e, "run", "-d", "--name", "heir", "--volumes-from", "giver", engine.Image, "sleep", "300")
			must(t, e, "run", "-d", "--name", "overlooked", "--volumes-from", "giver", "-v", "/host", engine.Image, "sleep", "300")
			must(t, e, "run", "-d", "--name", "owner", "--pid", "host", engine.Image, "sleep", "300")
			owner := idOf(t, e, "owner")
			must(t, e, "run", "-d", "--name", "guest", "--pid", "container:owner", engine.Image, "sleep", "300")

			if err := e.Caisson.WritePolicy(policy); err != nil {
				t.Fatal(err)
			}
			enforced(t, e)

			// Those who gave are removed, and their names, even an ID, go to harmless containers.
			must(t, e, "rm", "-f", "giver", "owner")
			must(t, e, "create", "--name", "giver", engine.Image, "true")
			must(t, e, "create", "--name", owner, engine.Image, "true")

			for _, tt := range []struct{ rule, command string }{
				{"bind-mounts", "exec heir true"},
				{"bind-mounts", "restart -t 0 heir"},
				{"bind-mounts", "run --rm --volumes-from heir " + engine.Image + " true"},
				{"bind-mounts", "exec overlooked true"},
				{"bind-mounts", "run --rm --volumes-from overlooked " + engine.Image + " true"},
				{"shared-namespaces", "exec guest true"},
				{"shared-namespaces", "run --rm --pid container:guest " + engine.Image + " true"},
				{"privileged", "start privileged"},
				{"privileged", "restart privileged"},
				{"privileged", "rename privileged another"},
				{"privileged", "commit privileged stolen"},
				{"host-pid", "exec hostpid true"},
				{"", "attach --no-stdin hostpid"}, // the client keeps the text to itself: received 403
				{"host-pid", "cp hostpid:/etc/passwd -"},
				{"host-pid", "export hostpid"},
				{"host-pid", "restart hostpid"},
				{"host-pid", "update -m 64m hostpid"},
				{"host-pid", "network connect bridge hostpid"},
				{"host-pid", "run --rm --pid container:hostpid " + engine.Image + " true"},
				{"host-pid", "run --rm --network container:hostpid " + engine.Image + " true"},
				{"privileged", "run --rm --volumes-from privileged " + engine.Image + " true"},
				{"shared-namespaces", "create --pid container:later " + engine.Image + " true"},
				{"volume-drivers", "start mounted"},
				{"volume-drivers", "run --rm -v hostroot:/host " + engine.Image + " true"},
				{"volume-drivers", "run --rm --mount type=volume,src=hostroot,dst=/host " + engine.Image + " true"},
			} {
				r := e.Docker(strings.Fields(tt.command)...)
				if named := strings.Contains(r.Stderr, "["+tt.rule+"]") || tt.rule == "" && strings.Contains(r.Stderr, "403"); r.Code == 0 || !named {
					t.Errorf("docker %s: exit %d\n%s%s", tt.command, r.Code, r.Stdout, r.Stderr)
				}
			}
			if r, err := e.Call("POST", "/v1.41/exec/"+oldExec+"/start", map[string]bool{"Detach": true}); err != nil || r.Status != 403 || !strings.Contains(r.Message(), "[host-pid]") {
				t.Errorf("start of an exec from before: %v %v", r, err)
			}
			for _, c := range containers(t, e) {
				if c.Running && !slices.Contains([]string{"hostpid", "plain", "heir", "overlooked", "guest"}, c.Name) {
					t.Errorf("%s runs", c.Name)
				}
			}

			for _, command := range []string{
				"exec plain true", "cp plain:/etc/passwd -", "cp /etc/hostname plain:/tmp/x", "restart -t 0 plain", "update -m 128m --memory-swap 128m plain",
				"rename plain plainer", "pause plainer", "unpause plainer", "commit plainer kept", "run --rm --pid container:plainer " + engine.Image + " true",
				"run --rm -v ordinary:/d " + engine.Image + " true", "create --name donor -v ordinary:/d " + engine.Image + " true",
				"run --rm --volumes-from donor " + engine.Image + " true", "start nothere-yet", "inspect privileged", "logs hostpid", "stop -t 0 hostpid", "rm hostpid privileged mounted",
			} {
				r := e.Docker(strings.Fields(command)...)
				if missing := strings.Contains(r.Stderr, "No such container"); r.Code != 0 && !missing {
					t.Errorf("docker %s: exit %d\n%s%s", command, r.Code, r.Stdout, r.Stderr)
				}
			}
		})
	}
}

func must(t *testing.T, e *engine.Engine, args ...string) {
	t.Helper()
	if r := e.Docker(args...); r.Code != 0 {
		t.Fatalf("docker %s: exit %d\n%s", strings.Join(args, " "), r.Code, r.Stderr)
	}
}

func containers(t *testing.T, e *engine.Engine) []engine.Container {
	t.Helper()
	list, err := e.Containers()
	if err != nil {
		t.Fatal(err)
	}
	return list
}

// execIn prepares a command in a container without running it.
func execIn(t *testing.T, e *engine.Engine, container string) string {
	t.Helper()
	r, err := e.Call("POST", "/v1.41/containers/"+container+"/exec", map[string]any{"Cmd": []string{"true"}})
	if err != nil || r.Status != 201 {
		t.Fatalf("exec create: %v %v", r, err)
	}
	var body struct{ ID string }
	if err := json.Unmarshal(r.Body, &body); err != nil {
		t.Fatal(err)
	}
	return body.ID
}

// enforced waits until the policy that was written is in force.
func enforced(t *testing.T, e *engine.Engine) {
	t.Helper()
	if !engine.Eventually(func() bool {
		return strings.Contains(e.Docker("create", "--privileged", engine.Image).Stderr, "authorization denied")
	}) {
		t.Fatal("the policy is not enforced")
	}
}

// idOf gives the full ID of a container.
func idOf(t *testing.T, e *engine.Engine, name string) string {
	t.Helper()
	c, ok, err := e.Container(name)
	if err != nil || !ok {
		t.Fatalf("container %s: %v", name, err)
	}
	return c.ID
}
