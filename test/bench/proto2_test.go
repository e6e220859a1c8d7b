package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"
)

func TestPerf(t *testing.T) {
	bin := os.Getenv("PERFBIN")
	if bin == "" { t.Skip() }
	rt, _ := root()
	calls, _ := newCalls(filepath.Join(rt, "authz", "testdata", "bench"))
	dir := t.TempDir()
	pf := filepath.Join(dir, "policy.toml")
	os.WriteFile(pf, []byte(policy), 0o600)
	p := &plugin{name: "c", socket: filepath.Join(dir, "c.sock"), decides: true, auditLog: "/dev/shm/cb/y.log"}
	p.cmd = exec.Command(bin, "serve", "--socket", p.socket, "--policy", pf, "--audit-log", p.auditLog,
				"--state-dir", filepath.Join(dir, "state"), "--engine", "unix://"+filepath.Join(dir, "docker.sock"))
	if err := p.start(); err != nil { t.Fatal(err) }
	defer p.stop()
	var c *call
	for i := range calls { if calls[i].name == os.Getenv("CALL") { c = &calls[i] } }
	pr := exec.Command("perf", "record", "-F", "2000", "-e", "cpu-clock", "-g", "-o", "/tmp/perf.data", "-p", fmt.Sprint(p.cmd.Process.Pid), "--", "sleep", "6")
	pr.Stderr = os.Stderr
	pr.Start()
	n := 8
	fmt.Sscan(os.Getenv("CONNS"), &n)
	s, err := p.load(c, n, 6*time.Second)
	fmt.Println(s, err)
	pr.Wait()
}
