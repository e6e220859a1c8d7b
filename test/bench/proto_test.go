package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"
	"strings"
)

// TestProto compares sockets.
func TestProto(t *testing.T) {
	if os.Getenv("PROTO") == "" { t.Skip() }
	rt, _ := root()
	calls, err := newCalls(filepath.Join(rt, "authz", "testdata", "bench"))
	if err != nil { t.Fatal(err) }
	dir := t.TempDir()
	var ps []*plugin
	for _, spec := range strings.Fields(os.Getenv("PROTO")) {
		name, bin, _ := strings.Cut(spec, "=")
		p := &plugin{name: name, socket: filepath.Join(dir, name+".sock")}
		if strings.Contains(bin, "caisson") {
			p.decides = true
			p.auditLog = filepath.Join(dir, name+".log")
			if strings.HasPrefix(name, "shm") { p.auditLog = "/dev/shm/cb/x.log" }
			pf := filepath.Join(dir, "policy.toml")
			os.WriteFile(pf, []byte(policy), 0o600)
			p.cmd = exec.Command(bin, "serve", "--socket", p.socket, "--policy", pf, "--audit-log", p.auditLog,
				"--state-dir", filepath.Join(dir, name+"state"), "--engine", "unix://"+filepath.Join(dir, "docker.sock"))
		} else {
			p.cmd = exec.Command(bin, p.socket)
		}
		if err := p.start(); err != nil { t.Fatal(err, p.stderr) }
		defer p.stop()
		ps = append(ps, p)
	}
	_ = syscall.SIGKILL
	o := options{rounds: 9, duration: 120 * time.Millisecond}
	if v := os.Getenv("ROUNDS"); v != "" { fmt.Sscan(v, &o.rounds) }
	r, err := measure(t.Context(), o, ps, calls)
	if err != nil { t.Fatal(err) }
	if os.Getenv("TABLE") != "" { fmt.Println(r.table()) }
	for _, n := range connections {
		for _, c := range calls {
			fmt.Printf("%-30s %d", c.name, n)
			var base sample
			for i, p := range ps {
				best := sample{1e9, 1e9, 1e9}
				for _, s := range r.samples[key{p.name, c.name, n}] {
					best.p50 = min(best.p50, s.p50); best.cpu = min(best.cpu, s.cpu)
				}
				if i == 0 { base = best }
				fmt.Printf("  %s %.1f/%.1f (%.2f %.2f)", p.name, best.p50, best.cpu, best.p50/base.p50, best.cpu/base.cpu)
			}
			fmt.Println()
		}
	}
}
