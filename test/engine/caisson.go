package engine

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// CaissonOptions say how to start Caisson.
type CaissonOptions struct {
	// Policy is the text of the policy file. Empty means none: Caisson's embedded default.
	Policy string
	// Mode is enforce or audit; empty leaves it to the policy.
	Mode string
	// Args are further flags of "caisson serve".
	Args []string
}

// Caisson is the plugin of an engine, running as "caisson serve".
type Caisson struct {
	Socket     string // answers the engine
	PolicyFile string
	AuditFile  string

	args []string
	log  *logFile

	mu      sync.Mutex
	process *process
}

func newCaisson(e *Engine, socket string, options CaissonOptions) (*Caisson, error) {
	c := &Caisson{
		Socket:     socket,
		PolicyFile: filepath.Join(e.Dir, "policy", "policy.toml"), // in a folder of its own, as on a host: Caisson watches it
		AuditFile:  filepath.Join(e.Dir, "audit.log"),
	}
	c.args = []string{
		"serve", "--socket", socket, "--engine", "unix://" + e.Socket,
		"--audit-log", c.AuditFile, "--state-dir", filepath.Join(e.Dir, "state"),
	}
	if err := os.Mkdir(filepath.Dir(c.PolicyFile), 0o700); err != nil {
		return nil, err
	}
	if options.Policy != "" {
		if err := c.WritePolicy(options.Policy); err != nil {
			return nil, err
		}
		c.args = append(c.args, "--policy", c.PolicyFile)
	}
	if options.Mode != "" {
		c.args = append(c.args, "--mode", options.Mode)
	}
	c.args = append(c.args, options.Args...)
	var err error
	c.log, err = openLog(filepath.Join(e.Dir, "caisson.log"))
	return c, err
}

// Start starts Caisson, also again after Stop or Kill9, and waits until its socket answers.
func (c *Caisson) Start() error {
	binary, err := Binary()
	if err != nil {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.process != nil && !c.process.exited() {
		return errors.New("caisson is running")
	}
	cmd := exec.Command(binary, c.args...)
	cmd.Stdout, cmd.Stderr = c.log.File, c.log.File // a pipe between them would make the log late
	process, err := startProcess(cmd)
	if err != nil {
		return err
	}
	// A socket left by a killed Caisson is there but refuses connections.
	if err := process.waitFor(func() bool { return dials(c.Socket) }); err != nil {
		process.kill()
		return fmt.Errorf("start of caisson: %w\n%s", err, tail(c.Log()))
	}
	c.process = process
	return nil
}

// Stop asks Caisson to end and waits for that.
func (c *Caisson) Stop() error {
	if err := c.signal(syscall.SIGTERM); err != nil {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	err := c.process.waitExit(stopTimeout)
	c.process.kill()
	c.process = nil
	return err
}

// Kill9 ends Caisson as a crash would: no clean-up, and its socket file stays.
func (c *Caisson) Kill9() error {
	if !c.Running() {
		return errors.New("caisson is not running")
	}
	c.kill()
	return nil
}

// Restart stops Caisson and starts it again.
func (c *Caisson) Restart() error {
	if err := c.Stop(); err != nil {
		return err
	}
	return c.Start()
}

// Reload makes Caisson read its policy again. It does not wait until that has happened.
func (c *Caisson) Reload() error { return c.signal(syscall.SIGHUP) }

// Freeze makes Caisson stand still until Thaw: it is there, and answers nothing.
func (c *Caisson) Freeze() error { return c.signal(syscall.SIGSTOP) }

// Thaw ends Freeze.
func (c *Caisson) Thaw() error { return c.signal(syscall.SIGCONT) }

// PID is the number of Caisson's process, 0 if it is not running.
func (c *Caisson) PID() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.process == nil {
		return 0
	}
	return c.process.cmd.Process.Pid
}

// Running tells whether Caisson is still there.
func (c *Caisson) Running() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.process != nil && !c.process.exited()
}

// WritePolicy replaces the policy file in one step, as an editor does. Caisson watches it.
func (c *Caisson) WritePolicy(policy string) error {
	temporary := c.PolicyFile + ".new"
	if err := os.WriteFile(temporary, []byte(policy), 0o600); err != nil {
		return err
	}
	return os.Rename(temporary, c.PolicyFile)
}

// Audit returns the records that Caisson has written so far, oldest first.
func (c *Caisson) Audit() ([]map[string]any, error) {
	text, err := os.ReadFile(c.AuditFile)
	if err != nil {
		return nil, err
	}
	var records []map[string]any
	for line := range strings.Lines(string(text)) {
		var record map[string]any
		if err := json.Unmarshal([]byte(line), &record); err != nil {
			return records, fmt.Errorf("audit record %q: %w", line, err)
		}
		records = append(records, record)
	}
	return records, nil
}

// Log returns what Caisson has printed so far.
func (c *Caisson) Log() string { return c.log.text() }

func (c *Caisson) signal(sig syscall.Signal) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.process == nil {
		return errors.New("caisson is not running")
	}
	return c.process.cmd.Process.Signal(sig)
}

func (c *Caisson) kill() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.process != nil {
		c.process.kill()
		c.process = nil
	}
}

// Binary returns the path of caisson: CAISSON_BINARY, or else built once for all tests of a package.
func Binary() (string, error) {
	if path := os.Getenv("CAISSON_BINARY"); path != "" {
		return path, nil
	}
	return build()
}

var build = sync.OnceValues(func() (string, error) {
	sweep()
	dir, err := tempDir("bin-")
	if err != nil {
		return "", err
	}
	binary := filepath.Join(dir, "caisson")
	cmd := exec.Command("go", "build", "-o", binary, "./cmd/caisson")
	cmd.Dir = filepath.Join(sourceDir(), "../..")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if output, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build of caisson: %w\n%s", err, output)
	}
	return binary, nil
})

// Main is for TestMain: it runs the tests and removes what all of them shared.
func Main(m *testing.M) {
	code := m.Run()
	dirs, _ := filepath.Glob(fmt.Sprintf("/tmp/%s%d-bin-*", prefix, os.Getpid()))
	for _, dir := range dirs {
		_ = os.RemoveAll(dir)
	}
	os.Exit(code)
}

// Eventually polls a condition for what happens soon but not at once, such as a reload. It gives up late: a busy machine is slow.
func Eventually(condition func() bool) bool {
	deadline := time.Now().Add(30 * time.Second)
	for !condition() {
		if time.Now().After(deadline) {
			return false
		}
		time.Sleep(20 * time.Millisecond)
	}
	return true
}
