package operate

import (
	"encoding/json"
	"os"
	"slices"
	"strings"
	"syscall"
	"testing"

	"caisson/test/engine"
)

// report is what a monitoring system reads.
type report struct {
	Enforcing bool
	Engine    string
	Findings  []struct{ Check, Severity, What string }
}

// doctor runs "caisson doctor" and checks that its exit status agrees with what it says.
func (h *host) doctor() (r report) {
	h.t.Helper()
	result := h.run("doctor", "--json", "--policy", h.policy)
	if err := json.Unmarshal([]byte(result.Stdout), &r); err != nil {
		h.t.Fatalf("%v: %+v", err, result)
	}
	want := 1
	if r.Enforcing && len(r.of("fail")) == 0 {
		want = 0
	}
	if result.Code != want {
		h.t.Errorf("exit status %d, want %d", result.Code, want)
	}
	return r
}

// of lists the checks with a finding of a severity.
func (r report) of(severity string) (checks []string) {
	for _, f := range r.Findings {
		if f.Severity == severity && (len(checks) == 0 || checks[len(checks)-1] != f.Check) {
			checks = append(checks, f.Check)
		}
	}
	return checks
}

func (r report) fails(check string) bool {
	return strings.Contains(" "+strings.Join(r.of("fail"), " ")+" ", " "+check+" ")
}

// TestDoctor: on a host that is as it should be the doctor finds nothing, and each way of not being so it does.
func TestDoctor(t *testing.T) {
	onEach(t, func(t *testing.T, version engine.Version) {
		h := newHost(t, version, enforcing, "{}")
		if r := h.doctor(); r.Enforcing || !r.fails("in-force") || !r.fails("dockerd-config") || !r.fails("self-test") {
			t.Errorf("not enforced: %+v", r)
		}
		if r := h.run("enforce", "on"); r.Code != 0 {
			t.Fatal(r)
		}
		if r := h.doctor(); !r.Enforcing || len(r.of("fail")) > 0 || r.Engine == "" {
			t.Errorf("enforced: %+v", r)
		}

		// Configured otherwise than in force, so that the next start would be unguarded.
		text := h.read(h.config)
		h.write(h.config, "{}")
		if r := h.doctor(); !r.Enforcing || !r.fails("dockerd-config") {
			t.Errorf("not configured: %+v", r)
		}
		h.write(h.config, text)

		if err := os.Chmod(h.Socket, 0o666); err != nil {
			t.Fatal(err)
		}
		if r := h.doctor(); !r.fails("engine-socket") {
			t.Errorf("open socket: %+v", r)
		}
		if err := os.Chmod(h.Socket, 0o660); err != nil {
			t.Fatal(err)
		}

		// A policy that is not taken up: Caisson keeps the last good one, and the file says something else.
		h.write(h.policy, enforcing+"[rules.memory]\nmax = 5\nnonsense")
		if r := h.doctor(); !r.Enforcing || !r.fails("policy") {
			t.Errorf("broken policy: %+v", r)
		}
		h.write(h.policy, auditing)
		if !engine.Eventually(h.privileged) {
			t.Fatal("audit mode is not in force")
		}
		if r := h.doctor(); r.Enforcing || !r.fails("policy") || !r.fails("self-test") || r.fails("in-force") {
			t.Errorf("audit mode: %+v", r)
		}
		h.write(h.policy, enforcing)
		if !engine.Eventually(func() bool { return !h.privileged() }) {
			t.Fatal("enforce mode is not in force")
		}
		if r := h.doctor(); !r.Enforcing || !slices.Contains(r.of("warn"), "existing-containers") {
			t.Errorf("privileged containers are left from audit mode: %+v", r)
		}

		// Stopped, it takes connections and answers nothing, as a program does that hangs.
		if err := h.caisson.Process.Signal(syscall.SIGSTOP); err != nil {
			t.Fatal(err)
		}
		r := h.doctor()
		if err := h.caisson.Process.Signal(syscall.SIGCONT); err != nil {
			t.Fatal(err)
		}
		if r.Enforcing || !r.fails("plugin-answers") || !r.fails("engine") {
			t.Errorf("hung: %+v", r)
		}
		if err := h.caisson.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		if r := h.doctor(); r.Enforcing || !r.fails("plugin-answers") || r.fails("in-force") {
			t.Errorf("gone: %+v", r)
		}
	})
}
