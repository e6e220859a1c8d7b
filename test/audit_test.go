package test

import (
	"encoding/json"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"caisson/test/engine"
)

const unrecorded = "its audit record cannot be written"

// smallDisk is a folder with little room. fill takes all of it, and returns what gives it back.
func smallDisk(t *testing.T) (dir string, fill func() (free func())) {
	t.Helper()
	dir = t.TempDir()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=256k"); err != nil {
		t.Skipf("only root can make a small disk: %v", err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(dir, 0); err != nil {
			t.Error(err)
		}
	})
	return dir, func() func() {
		ballast := filepath.Join(dir, "ballast")
		_ = os.WriteFile(ballast, make([]byte, 1<<20), 0o600) // until there is no more room
		return func() { _ = os.Remove(ballast) }
	}
}

// verdicts are those that an audit log holds for a container, by its name, in the order of the records.
func verdicts(t *testing.T, file, object string) (list []string) {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		var r struct{ Object, Verdict, Operation string }
		if err := json.Unmarshal([]byte(line), &r); err != nil {
			t.Fatalf("torn record %q: %v", line, err)
		}
		if r.Operation == "ContainerCreate" && r.Object == object {
			list = append(list, r.Verdict)
		}
	}
	return list
}

// TestDiskFull fills the disk of one of two audit logs. Nothing passes until there is room again, and then both tell what happened.
func TestDiskFull(t *testing.T) {
	onEach(t, func(t *testing.T, version engine.Version) {
		dir, fill := smallDisk(t)
		second := filepath.Join(dir, "audit.log")
		e := engine.Start(t, engine.Options{Version: version, Caisson: &engine.CaissonOptions{Policy: policy, Args: []string{"--audit-log", second}}})
		create := func(name string) *engine.Response {
			answer, err := e.Call("POST", "/v1.41/containers/create?name="+name, permitted)
			if err != nil {
				t.Fatal(err)
			}
			return answer
		}
		if answer := create("before"); answer.Status != http.StatusCreated {
			t.Fatalf("%+v", answer)
		}
		free := fill()
		// The page of the log that has begun may take a few more records.
		if !engine.Eventually(func() bool { return create("full").Status == http.StatusInternalServerError }) {
			t.Error("requests pass without a record")
		}
		answer := create("refused")
		if answer.Status != http.StatusInternalServerError || !strings.Contains(answer.Message(), unrecorded) {
			t.Errorf("%d %s", answer.Status, answer.Message())
		}
		absent(t, e, "refused")
		free()
		if !engine.Eventually(func() bool { return create("after").Status == http.StatusCreated }) {
			t.Error("requests do not pass again")
		}
		for _, file := range []string{e.Caisson.AuditFile, second} {
			if !engine.Eventually(func() bool { return len(verdicts(t, file, "refused")) > 0 }) {
				t.Errorf("%s does not tell of the request that was refused", file)
			}
			list := verdicts(t, file, "refused")
			if list[len(list)-1] != "undecided" {
				t.Errorf("the last word of %s is %q", file, list)
			}
		}
	})
}

// TestContinue lets requests pass without a record, because the policy says so, and records them when there is room again.
func TestContinue(t *testing.T) {
	t.Parallel()
	dir, fill := smallDisk(t)
	second := filepath.Join(dir, "audit.log")
	e := engine.Start(t, engine.Options{Caisson: &engine.CaissonOptions{
		Policy: policy + "[audit]\non_failure = \"continue\"\n", Args: []string{"--audit-log", second},
	}})
	free := fill()
	for range 20 { // more than fits into the page that has begun
		if answer, err := e.Call("POST", "/v1.41/containers/create?name=c"+strings.Repeat("x", 200), permitted); err != nil || answer.Status >= 500 {
			t.Fatalf("%+v, %v", answer, err)
		}
	}
	answer, err := e.Call("POST", "/v1.41/containers/create?name=unrecorded", permitted)
	if err != nil || answer.Status != http.StatusCreated {
		t.Errorf("%+v, %v", answer, err)
	}
	if len(verdicts(t, second, "unrecorded")) != 0 {
		t.Error("the disk was not full")
	}
	free()
	if !engine.Eventually(func() bool { l := verdicts(t, second, "unrecorded"); return len(l) == 1 && l[0] == "allow" }) {
		t.Error("what passed is not recorded when there is room")
	}
}

// TestDiskHangs has an audit log that takes nothing and says nothing. Requests are answered all the same: they are refused, and pass again once it is read.
func TestDiskHangs(t *testing.T) {
	t.Parallel()
	pipe := filepath.Join(t.TempDir(), "audit.pipe")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	reader, err := os.OpenFile(pipe, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer reader.Close()
	metrics := freeAddress(t)
	e := engine.Start(t, engine.Options{Caisson: &engine.CaissonOptions{Policy: policy, Args: []string{"--audit-log", pipe, "--metrics", metrics}}})
	var answer *engine.Response
	for range 2000 { // more than the pipe takes
		answer, err = e.Call("GET", "/v1.41/containers/json?all=1", nil)
		if err != nil || answer.Status != http.StatusOK {
			break
		}
	}
	if err != nil || answer.Status != http.StatusInternalServerError || !strings.Contains(answer.Message(), unrecorded) {
		t.Fatalf("%+v, %v", answer, err)
	}
	if answer, err := e.Call("GET", "/v1.41/containers/json", nil); err != nil || answer.Status != http.StatusInternalServerError {
		t.Errorf("%+v, %v", answer, err)
	}
	if text := page(t, "http://"+metrics+"/readyz"); !strings.Contains(text, `"name":"audit","ok":false`) {
		t.Errorf("%s", text)
	}
	go func() {
		for buf := make([]byte, 1<<16); ; {
			if _, err := reader.Read(buf); err != nil {
				return
			}
		}
	}()
	if !engine.Eventually(func() bool {
		answer, err := e.Call("GET", "/v1.41/containers/json", nil)
		return err == nil && answer.Status == http.StatusOK
	}) {
		t.Error("requests do not pass again")
	}
}

// TestReceiverAway has a syslog receiver that accepts and never reads: no request waits for it.
func TestReceiverAway(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	address := freeAddress(t)
	a := standalone(t, policy, "--audit-log", "syslog:tcp://"+l.Addr().String()+"?queue=10", "--metrics", address)
	client := http.Client{Transport: &http.Transport{DialContext: dialer(a.socket)}}
	message := `{"RequestMethod":"GET","RequestUri":"/v1.41/containers/json?x=` + strings.Repeat("y", 20000) + `"}`
	for range 3000 { // more than the queue and the connection take
		answer, err := client.Post("http://caisson/AuthZPlugin.AuthZReq", "", strings.NewReader(message))
		if err != nil {
			t.Fatal(err)
		}
		if answer.Body.Close(); answer.StatusCode != http.StatusOK {
			t.Fatalf("%s", answer.Status)
		}
	}
	text := page(t, "http://"+address+"/metrics")
	for _, want := range []string{`caisson_unrecorded_decisions_total{outcome="refused"} 0`, `caisson_unrecorded_decisions_total{outcome="passed"} 0`} {
		if !strings.Contains(text, want) {
			t.Errorf("lacks %s", want)
		}
	}
}
