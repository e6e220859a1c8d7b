package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// policy is what Caisson enforces.
const policy = "version = 1\nprofile = \"restricted\"\n"

// plugin is a running plugin.
type plugin struct {
	name     string
	socket   string
	decides  bool   // it is Caisson; the others allow everything
	auditLog string // Caisson's

	cmd    *exec.Cmd
	stderr *bytes.Buffer

	rssIdle, rssAfter float64 // MiB
}

// startPlugins builds and starts all plugins. The first is the reference. Those that it returns with an error must be stopped too.
func startPlugins(ctx context.Context, root, dir string) ([]*plugin, error) {
	caisson := os.Getenv("CAISSON_BINARY")
	if caisson == "" {
		caisson = filepath.Join(dir, "caisson")
		if err := build(ctx, root, caisson, "./cmd/caisson"); err != nil {
			return nil, err
		}
	}
	for _, name := range []string{"null-sdk", "null-http"} {
		if err := build(ctx, filepath.Join(root, "test"), filepath.Join(dir, name), "./bench/"+name); err != nil {
			return nil, err
		}
	}
	policyFile, auditLog := filepath.Join(dir, "policy.toml"), filepath.Join(dir, "audit.log")
	if err := os.WriteFile(policyFile, []byte(policy), 0o600); err != nil {
		return nil, err
	}
	var plugins []*plugin
	for _, p := range []*plugin{{name: "null-sdk"}, {name: "null-http"}, {name: "caisson", decides: true, auditLog: auditLog}} {
		p.socket = filepath.Join(dir, p.name+".sock")
		if p.decides {
			p.cmd = exec.Command(caisson, "serve", "--socket", p.socket, "--policy", policyFile, "--audit-log", auditLog,
				"--state-dir", filepath.Join(dir, "state"), "--engine", "unix://"+filepath.Join(dir, "docker.sock"))
		} else {
			p.cmd = exec.Command(filepath.Join(dir, p.name), p.socket)
		}
		if err := p.start(); err != nil {
			return plugins, fmt.Errorf("%s: %w\n%s", p.name, err, p.stderr)
		}
		plugins = append(plugins, p)
	}
	return plugins, nil
}

// build builds all programs alike, as "make build" does.
func build(ctx context.Context, module, output, pkg string) error {
	cmd := exec.CommandContext(ctx, "go", "build", "-trimpath", "-ldflags=-s -w", "-o", output, pkg)
	cmd.Dir, cmd.Stderr, cmd.Env = module, os.Stderr, append(os.Environ(), "CGO_ENABLED=0")
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("build %s: %w", pkg, err)
	}
	return nil
}

// start starts the plugin and waits until its socket answers.
func (p *plugin) start() error {
	p.stderr = new(bytes.Buffer)
	p.cmd.Stderr, p.cmd.SysProcAttr = p.stderr, &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := p.cmd.Start(); err != nil {
		return err
	}
	for range 500 {
		conn, err := net.Dial("unix", p.socket)
		if err == nil {
			_ = conn.Close()
			p.rssIdle, err = p.memory()
			return err
		}
		time.Sleep(10 * time.Millisecond)
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
	_ = p.cmd.Process.Kill() // fails only if it has ended
	_ = p.cmd.Wait()
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

// memory is the resident memory of the plugin, in MiB.
func (p *plugin) memory() (float64, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.cmd.Process.Pid))
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(text)) {
		if v, ok := strings.CutPrefix(line, "VmRSS:"); ok {
			kib, err := strconv.ParseFloat(strings.TrimSuffix(strings.TrimSpace(v), " kB"), 64)
			return kib / 1024, err
		}
	}
	return 0, fmt.Errorf("%s has ended", p.name)
}
