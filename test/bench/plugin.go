package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// policy is what Caisson enforces: all of restricted that is decided from the request alone. A signature is looked for on the Engine's image, which
// takes a look-up, and is measured by itself.
const policy = "version = 1\nprofile = \"restricted\"\n[rules.image-signature]\nmode = \"off\"\n"

// plugin is a running plugin.
type plugin struct {
	name    string
	socket  string
	decides bool // it is Caisson; the others allow everything
	binary  string

	auditLog, policyFile string // Caisson's

	cmd    *exec.Cmd
	stderr *bytes.Buffer

	ready time.Duration // from its start until it answered
}

// programs are the built plugins.
type programs struct{ nullSDK, floor, caisson, dir string }

func buildAll(ctx context.Context, root, dir string) (*programs, error) {
	p := &programs{filepath.Join(dir, "null-sdk"), filepath.Join(dir, "null-http"), os.Getenv("CAISSON_BINARY"), dir}
	if p.caisson == "" {
		p.caisson = filepath.Join(dir, "caisson")
		if err := build(ctx, root, "hack/build", p.caisson); err != nil {
			return nil, err
		}
	}
	for _, file := range []string{p.nullSDK, p.floor} {
		pkg := "./bench/" + filepath.Base(file)
		if err := build(ctx, filepath.Join(root, "test"), "go", "build", "-trimpath", "-ldflags=-s -w", "-o", file, pkg); err != nil {
			return nil, err
		}
	}
	return p, nil
}

// all prepares the plugins, whose sockets are put into a folder. The first is the reference.
func (b *programs) all(sockets string) ([]*plugin, error) {
	caisson, err := b.newCaisson("caisson", sockets, policy, "unix://"+filepath.Join(b.dir, "docker.sock"))
	return []*plugin{null("null-sdk", b.nullSDK, sockets), null("floor", b.floor, sockets), caisson}, err
}

func null(name, binary, sockets string) *plugin {
	socket := filepath.Join(sockets, name+".sock")
	return &plugin{name: name, socket: socket, cmd: exec.Command(binary, socket), binary: binary}
}

// newCaisson prepares "caisson serve" under a policy, with an audit log in a file. The policy has a folder to itself, as on a host: Caisson
// watches that folder, and would be woken by each record that is written there.
func (b *programs) newCaisson(name, sockets, policy, engine string) (*plugin, error) {
	at := func(suffix string) string { return filepath.Join(b.dir, name+suffix) }
	p := &plugin{name: name, socket: filepath.Join(sockets, name+".sock"), decides: true, auditLog: at("-audit.log"), policyFile: filepath.Join(at(""), "policy.toml"), binary: b.caisson}
	p.cmd = exec.Command(b.caisson, "serve", "--socket", p.socket, "--policy", p.policyFile, "--audit-log", p.auditLog,
		"--state-dir", at("-state"), "--engine", engine, "--log-level", "error")
	if err := os.MkdirAll(filepath.Dir(p.policyFile), 0o700); err != nil {
		return nil, err
	}
	return p, os.WriteFile(p.policyFile, []byte(policy), 0o600)
}

// startAll starts plugins. Those that have started must be stopped, also after an error.
func startAll(plugins []*plugin) error {
	for _, p := range plugins {
		if err := p.start(); err != nil {
			return fmt.Errorf("%s: %w\n%s", p.name, err, p.stderr)
		}
	}
	return nil
}

// again prepares the same plugin for another start.
func (p *plugin) again() *plugin {
	return &plugin{
		name: p.name, socket: p.socket, decides: p.decides, auditLog: p.auditLog, policyFile: p.policyFile, binary: p.binary,
		cmd: exec.Command(p.cmd.Path, p.cmd.Args[1:]...),
	}
}

// build builds a program.
func build(ctx context.Context, folder, command string, args ...string) error {
	cmd := exec.CommandContext(ctx, command, args...)
	cmd.Dir, cmd.Stderr, cmd.Env = folder, os.Stderr, append(os.Environ(), "CGO_ENABLED=0")
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("%s %q: %w", command, args, err)
	}
	return nil
}

// start starts the plugin and waits until it answers.
func (p *plugin) start() error {
	p.stderr = new(bytes.Buffer)
	p.cmd.Stderr, p.cmd.SysProcAttr = p.stderr, &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	_ = os.Remove(p.socket) // of an earlier one, which was killed
	begin := time.Now()
	if err := p.cmd.Start(); err != nil {
		return err
	}
	activate := &call{message: []byte("POST /Plugin.Activate HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n")}
	for time.Since(begin) < 5*time.Second {
		if s, err := dial(p, activate); err == nil {
			_, _, err = s.roundTrip()
			p.ready = time.Since(begin)
			_ = s.conn.Close()
			return err
		}
		time.Sleep(100 * time.Microsecond)
	}
	p.stop()
	return errors.New("it does not answer on its socket")
}

func stopPlugins(plugins []*plugin) {
	for _, p := range plugins {
		p.stop()
	}
}

func (p *plugin) stop() {
	if p.cmd.Process != nil {
		_ = p.cmd.Process.Kill() // fails only if it has ended
		_ = p.cmd.Wait()
	}
}

// cpuTime is what all threads of the plugin have run so far.
func (p *plugin) cpuTime() (time.Duration, error) {
	files, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/schedstat", p.cmd.Process.Pid))
	if err != nil || len(files) == 0 {
		return 0, fmt.Errorf("no threads of %s: %w", p.name, err)
	}
	var sum time.Duration
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			return 0, err
		}
		running, _, _ := strings.Cut(string(text), " ")
		ns, err := strconv.ParseInt(running, 10, 64)
		if err != nil {
			return 0, err
		}
		sum += time.Duration(ns)
	}
	return sum, nil
}

// memory is a figure of the plugin's memory, in MiB: VmRSS is what is resident, VmHWM the most that ever was.
func (p *plugin) memory(figure string) (float64, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.cmd.Process.Pid))
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(text)) {
		if v, ok := strings.CutPrefix(line, figure+":"); ok {
			kib, err := strconv.ParseFloat(strings.TrimSuffix(strings.TrimSpace(v), " kB"), 64)
			return kib / 1024, err
		}
	}
	return 0, fmt.Errorf("%s has ended", p.name)
}
