package engine

import (
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

// StartDaemon starts dockerd after StopDaemon, on the same data.
func (e *Engine) StartDaemon() error {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.daemon != nil {
		return errors.New("dockerd is running")
	}
	cmd := exec.Command(filepath.Join(sourceDir(), "../engines/private-dockerd"), e.args...)
	cmd.Stdout, cmd.Stderr = e.log.File, e.log.File
	daemon, err := startProcess(cmd)
	if err != nil {
		return err
	}
	// The socket is there before the engine answers.
	if err = daemon.waitFor(e.answers); err != nil {
		daemon.kill()
		return fmt.Errorf("start of dockerd: %w\n%s", err, tail(e.Log()))
	}
	e.daemon = daemon
	return nil
}

// StopDaemon asks dockerd to end, and with it its containers, and waits for that.
func (e *Engine) StopDaemon() error {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.daemon == nil {
		return errors.New("dockerd is not running")
	}
	if err := e.signal(syscall.SIGTERM); err != nil {
		return err
	}
	err := e.daemon.waitExit(stopTimeout)
	e.daemon.kill()
	e.daemon = nil
	return err
}

// RestartDaemon restarts dockerd alone, as a service manager does: what it leaves running goes on. It waits until the engine answers again.
func (e *Engine) RestartDaemon() error {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.daemon == nil {
		return errors.New("dockerd is not running")
	}
	before := strings.Count(e.Log(), startingUp)
	if err := e.signal(syscall.SIGUSR1); err != nil {
		return err
	}
	return e.daemon.waitFor(func() bool { return strings.Count(e.Log(), startingUp) > before && e.answers() })
}

// startingUp is in every line with which dockerd begins.
const startingUp = `msg="Starting up"`

// answers tells whether the engine is up. A target without a route is answered without the plugin.
func (e *Engine) answers() bool {
	answer, err := e.Do("GET", "/no-such-route", nil, nil)
	return err == nil && answer.Status == http.StatusNotFound
}

// WriteConfig replaces dockerd's configuration file.
func (e *Engine) WriteConfig(config map[string]any) error {
	if config == nil {
		config = map[string]any{}
	}
	text, err := json.Marshal(config)
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(e.Dir, "daemon.json"), text, 0o644)
}

// ReloadDaemon makes dockerd read its configuration file again. It does not wait until that has happened.
func (e *Engine) ReloadDaemon() error { return e.signal(syscall.SIGHUP) }

// Running tells whether dockerd is still there.
func (e *Engine) Running() bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.daemon != nil && !e.daemon.exited()
}

// signal reaches dockerd through the first process of its namespace, which passes signals on.
func (e *Engine) signal(sig syscall.Signal) error {
	pid, err := e.initPID()
	if err != nil {
		return err
	}
	return syscall.Kill(pid, sig)
}

func (e *Engine) initPID() (int, error) {
	text, err := os.ReadFile(filepath.Join(e.Dir, "init.pid"))
	if err != nil {
		return 0, err
	}
	return strconv.Atoi(strings.TrimSpace(string(text)))
}

// Log returns what dockerd has logged so far.
func (e *Engine) Log() string { return e.log.text() }

// dials tells whether somebody listens on a unix socket.
func dials(socket string) bool {
	conn, err := net.Dial("unix", socket)
	if err != nil {
		return false
	}
	_ = conn.Close()
	return true
}
