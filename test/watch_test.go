package test

import (
	"bufio"
	"encoding/json"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"caisson/test/engine"
)

// event is a record of a container that runs.
type event struct {
	Time                         time.Time
	Object, Verdict, Mode, Phase string
	Passed                       bool
	Violations                   []struct{ Rule string }
}

// events are the records of containers that run, in their order.
func events(t *testing.T, e *engine.Engine) (list []event) {
	t.Helper()
	f, err := os.Open(e.Caisson.AuditFile)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for s := bufio.NewScanner(f); s.Scan(); {
		var r event
		if err := json.Unmarshal(s.Bytes(), &r); err != nil {
			t.Fatalf("%v: %s", err, s.Text())
		}
		if r.Phase == "event" {
			list = append(list, r)
		}
	}
	return list
}

// running tells whether a container runs, past the API.
func running(t *testing.T, e *engine.Engine, name string) bool {
	t.Helper()
	c, found, err := e.Container(name)
	if err != nil || !found {
		t.Fatalf("%s: %t, %v", name, found, err)
	}
	return c.Running
}

// TestWatch has containers run that nobody was asked about: from before the policy, and by a restart policy. They are found, told of, and in
// the end stopped. Others are left alone.
func TestWatch(t *testing.T) {
	onEach(t, func(t *testing.T, version engine.Version) {
		const policy = "version = 1\nprofile = \"none\"\n[rules.host-pid]\n[existing_containers]\nwatch = "
		e := engine.Start(t, engine.Options{
			Version: version, Restarts: true, Caisson: &engine.CaissonOptions{Policy: "mode = \"audit\"\n" + policy + "\"off\"\n"},
		})
		sleeping := func(name string, args ...string) string {
			must(t, e, append(append([]string{"run", "-d", "--restart", "always", "--stop-signal", "KILL", "--name", name}, args...), engine.Image, "sleep", "1000")...)
			return idOf(t, e, name)
		}
		plain, forbidden := sleeping("plain"), sleeping("forbidden", "--pid", "host")

		// wantEvent waits until the forbidden container is told of, after a time, in some mode. It may be told of twice: it can be both
		// in the list of what runs and among the events. Nothing else is told.
		wantEvent := func(after time.Time, mode string, passed bool) {
			t.Helper()
			told := func(r event) bool { return r.Time.After(after) && r.Mode == mode && r.Passed == passed }
			// Caisson waits up to half a minute before it asks dockerd again.
			if !within(time.Minute, func() bool { return slices.ContainsFunc(events(t, e), told) }) {
				t.Fatalf("since %s: %+v\n%s", after, events(t, e), e.Caisson.Log())
			}
			for i, r := range events(t, e) {
				if r.Object != forbidden || r.Verdict != "deny" || len(r.Violations) != 1 || r.Violations[0].Rule != "host-pid" {
					t.Errorf("record %d: %+v", i, r)
				}
			}
		}
		if list := events(t, e); len(list) > 0 {
			t.Errorf("nothing is watched: %+v", list)
		}
		began := time.Now()
		setPolicy(t, e.Caisson, policy+"\"audit\"\n")
		wantEvent(began, "audit", true)

		// After a restart of dockerd they run again, and nobody was asked.
		restarted := time.Now()
		if err := e.RestartDaemon(); err != nil {
			t.Fatal(err)
		}
		if !engine.Eventually(func() bool { return running(t, e, "plain") && running(t, e, "forbidden") }) {
			t.Fatal("they do not run again")
		}
		wantEvent(restarted, "audit", true)

		began = time.Now()
		setPolicy(t, e.Caisson, policy+"\"enforce\"\n")
		wantEvent(began, "enforce", false)
		if !engine.Eventually(func() bool { return !running(t, e, "forbidden") }) {
			t.Errorf("it still runs:\n%s", e.Caisson.Log())
		}
		for _, want := range []string{"containers are watched\n", "stopped a container that the policy does not let run", `"name": "forbidden"`} {
			if !strings.Contains(e.Caisson.Log(), want) {
				t.Errorf("the log does not say %q:\n%s", want, e.Caisson.Log())
			}
		}

		// A Caisson that is started later looks at what runs.
		if !running(t, e, "plain") || processOf(t, e, plain) == "" {
			t.Error("the plain container was stopped too")
		}
		must(t, e, "rm", "-f", "forbidden")
		setPolicy(t, e.Caisson, "mode = \"audit\"\n"+policy+"\"off\"\n")
		forbidden = sleeping("again", "--pid", "host")
		if err := e.Caisson.Stop(); err != nil {
			t.Fatal(err)
		}
		if err := os.Truncate(e.Caisson.AuditFile, 0); err != nil {
			t.Fatal(err)
		}
		if err := e.Caisson.WritePolicy(policy + "\"enforce\"\n"); err != nil {
			t.Fatal(err)
		}
		began = time.Now()
		if err := e.Caisson.Start(); err != nil {
			t.Fatal(err)
		}
		must(t, e, "ps") // Caisson waits until dockerd shows that it runs
		wantEvent(began, "enforce", false)
		if !engine.Eventually(func() bool { return !running(t, e, "again") }) || !running(t, e, "plain") {
			t.Errorf("again %t, plain %t", running(t, e, "again"), running(t, e, "plain"))
		}
	})
}

// TestWatchFindsAll has forbidden containers that are paused, or that end and begin all the time. And it has one whose neighbour is gone, of which
// nobody can tell what it shares any more: that is told, and it is left alone.
func TestWatchFindsAll(t *testing.T) {
	onEach(t, func(t *testing.T, version engine.Version) {
		const policy = "version = 1\nprofile = \"none\"\n[rules.host-pid]\n[rules.shared-namespaces]\n[existing_containers]\nwatch = \"enforce\"\n"
		e := guarded(t, version, "mode = \"audit\"\n"+policy)
		begin := func(name string, args ...string) {
			must(t, e, append([]string{"run", "-d", "--name", name}, args...)...)
		}
		begin("paused", "--pid", "host", "--restart", "always", engine.Image, "sleep", "1000")
		must(t, e, "pause", "paused")
		begin("looping", "--pid", "host", "--restart", "always", engine.Image, "sleep", "0.2")
		begin("donor", engine.Image, "sleep", "1000")
		begin("guest", "--network", "container:donor", engine.Image, "sleep", "1000")
		must(t, e, "rm", "-f", "donor")
		guest := idOf(t, e, "guest")

		setPolicy(t, e.Caisson, policy)
		must(t, e, "ps")
		for _, name := range []string{"paused", "looping"} {
			if !engine.Eventually(func() bool { return state(t, e, name) == "exited" }) {
				t.Errorf("%s is %s:\n%s", name, state(t, e, name), e.Caisson.Log())
			}
		}
		told := func() bool {
			return slices.ContainsFunc(events(t, e), func(r event) bool {
				return r.Object == guest && r.Mode == "enforce" && r.Verdict == "deny" && r.Passed && r.Violations[0].Rule == "shared-namespaces"
			})
		}
		if !engine.Eventually(told) || state(t, e, "guest") != "running" {
			t.Errorf("guest is %s: %+v", state(t, e, "guest"), events(t, e))
		}
	})
}

// state is what docker ps says of a container.
func state(t *testing.T, e *engine.Engine, name string) string {
	t.Helper()
	r := e.Docker("inspect", "--format", "{{.State.Status}}", name)
	if r.Code != 0 {
		t.Fatalf("%+v", r)
	}
	return strings.TrimSpace(r.Stdout)
}
