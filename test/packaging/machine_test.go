package packaging

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"caisson/test/engine"
)

// A machine is a private one with a systemd and a Docker Engine of its own; private-machine says how.
type machine struct {
	share string // seen there as /mnt
	pid   string // of its systemd
}

func boot(t *testing.T) *machine {
	t.Helper()
	engine.Need(t, "systemctl", "unshare", "nsenter")
	dir, err := os.MkdirTemp("/tmp", "caisson-machine-") //nolint:usetesting // sockets need a short path
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { removeMachine(t, dir) }) // after it has been killed
	m := &machine{share: filepath.Join(dir, "share")}
	if err := os.Mkdir(m.share, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(engine.Programs(t, engine.Oldest), filepath.Join(dir, "engine")); err != nil {
		t.Fatal(err)
	}
	log, err := os.Create(filepath.Join(dir, "log"))
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	cmd := exec.Command("./private-machine", dir)
	cmd.Stdout, cmd.Stderr = log, log
	if err := engine.Background(t, cmd); err != nil {
		t.Fatal(err)
	}
	var state string
	if !engine.Eventually(func() bool {
		pid, _ := os.ReadFile(filepath.Join(dir, "init.pid")) // not there yet
		m.pid = strings.TrimSpace(string(pid))
		if m.pid != "" {
			state, _ = m.run("systemctl is-system-running")
		}
		return state == "running"
	}) {
		text, _ := os.ReadFile(log.Name())
		failed, _ := m.run("systemctl --no-pager --failed; journalctl --no-pager | tail -n 50")
		t.Fatalf("the machine is %q:\n%s%s", state, text, failed)
	}
	t.Cleanup(func() {
		if t.Failed() {
			journal, _ := m.run("journalctl --no-pager --unit=caisson.service --unit=caisson.socket | tail -n 40")
			t.Logf("end of Caisson's journal:\n%s", journal)
		}
	})
	return m
}

// removeMachine removes what is left of a machine that was killed: its folder, and its part of the control groups.
func removeMachine(t *testing.T, dir string) {
	t.Helper()
	if !engine.Eventually(func() bool {
		parts, _ := filepath.Glob("/sys/fs/cgroup/*/" + filepath.Base(dir))
		for _, part := range append(parts, "/sys/fs/cgroup/"+filepath.Base(dir)) {
			// Processes leave a moment after they were killed; until then folders stay.
			_ = exec.Command("find", part, "-depth", "-type", "d", "-exec", "rmdir", "{}", ";").Run()
			if _, err := os.Stat(part); err == nil {
				return false
			}
		}
		return os.RemoveAll(dir) == nil
	}) {
		t.Errorf("the machine left something behind: %s", dir)
	}
}

// run runs a line of shell in the machine and returns what it printed.
func (m *machine) run(line string) (string, error) {
	cmd := exec.Command("nsenter", "--target", m.pid, "--mount", "--uts", "--ipc", "--net", "--pid", "--cgroup", "--", "sh", "-c", line)
	// In a clean environment, as an administrator has it.
	cmd.Env = []string{"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME=/root", "LC_ALL=C", "DEBIAN_FRONTEND=noninteractive"}
	out, err := cmd.CombinedOutput()
	if err != nil {
		err = fmt.Errorf("%s: %w: %s", line, err, out)
	}
	return strings.TrimSpace(string(out)), err
}

// must runs a line of shell that has to work.
func (m *machine) must(t *testing.T, line string) string {
	t.Helper()
	out, err := m.run(line)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// mustNot runs a line of shell that has to fail, and to say why.
func (m *machine) mustNot(t *testing.T, line, why string) {
	t.Helper()
	if out, err := m.run(line); err == nil || !strings.Contains(out, why) {
		t.Errorf("%s: %v, want an error with %q: %s", line, err, why, out)
	}
}

// eventually waits until a line of shell prints something.
func (m *machine) eventually(t *testing.T, line, want string) {
	t.Helper()
	var out string
	if !engine.Eventually(func() bool { out, _ = m.run(line); return out == want }) {
		t.Errorf("%s: %q, want %q", line, out, want)
	}
}

// property is what systemd knows about caisson.service.
func (m *machine) property(t *testing.T, name string) string {
	t.Helper()
	return m.must(t, "systemctl show --value --property="+name+" caisson.service")
}

// keepAsking makes calls of the Engine's API one after another until stop is called, which fails the test if one of them failed.
func (m *machine) keepAsking(t *testing.T) (stop func()) {
	t.Helper()
	const loop = `n=0; while [ -e /run/asking ]; do docker volume ls >/dev/null || exit 1; n=$((n+1)); done; echo $n`
	type result struct {
		out string
		err error
	}
	m.must(t, "touch /run/asking")
	done := make(chan result, 1)
	go func() {
		out, err := m.run(loop)
		done <- result{out, err}
	}()
	return func() {
		t.Helper()
		m.must(t, "rm -f /run/asking")
		r := <-done
		if r.err != nil {
			t.Errorf("a call failed meanwhile: %v", r.err)
		}
		t.Logf("%s calls meanwhile", r.out)
	}
}
