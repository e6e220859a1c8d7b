package engine

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// prefix starts the name of every folder in /tmp of this package; the process ID of its owner follows.
const prefix = "caisson-e2e-"

// tempDir makes a folder that sweep knows. It is not the test's own TempDir, because a socket's path must
// stay below 108 bytes.
func tempDir(suffix string) (string, error) {
	return os.MkdirTemp("/tmp", fmt.Sprintf("%s%d-%s", prefix, os.Getpid(), suffix))
}

// A process is killed by the kernel when the test's process ends, however it ends.
type process struct {
	cmd  *exec.Cmd
	done chan struct{}
	err  error // of Wait; to be read after done
}

func startProcess(cmd *exec.Cmd) (*process, error) {
	if cmd.SysProcAttr == nil {
		cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	}
	p := &process{cmd: cmd, done: make(chan struct{})}
	started := make(chan error)
	go func() {
		// The kernel sends Pdeathsig when the starting thread ends, so that thread must stay.
		runtime.LockOSThread()
		err := cmd.Start()
		started <- err
		if err == nil {
			p.err = cmd.Wait()
			close(p.done)
		}
	}()
	return p, <-started
}

// Background starts a command, such as a registry, that is killed when the test ends.
func Background(tb testing.TB, cmd *exec.Cmd) error {
	tb.Helper()
	p, err := startProcess(cmd)
	if err == nil {
		tb.Cleanup(p.kill)
	}
	return err
}

func (p *process) exited() bool {
	select {
	case <-p.done:
		return true
	default:
		return false
	}
}

// waitFor polls ready. It gives up when the process ends or time is up.
func (p *process) waitFor(ready func() bool) error {
	deadline := time.Now().Add(startTimeout)
	for !ready() {
		select {
		case <-p.done:
			return fmt.Errorf("%s ended: %w", filepath.Base(p.cmd.Path), cmp.Or(p.err, errors.New("exit status 0")))
		case <-time.After(20 * time.Millisecond):
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("%s is not ready after %v", filepath.Base(p.cmd.Path), startTimeout)
		}
	}
	return nil
}

func (p *process) waitExit(timeout time.Duration) error {
	select {
	case <-p.done:
		return nil
	case <-time.After(timeout):
		return fmt.Errorf("%s has not ended after %v", filepath.Base(p.cmd.Path), timeout)
	}
}

func (p *process) kill() {
	_ = p.cmd.Process.Kill() // fails only if it has ended
	<-p.done
}

// removeTraces removes the folder of an engine that was killed, and the cgroups of its containers. Those of
// managed plugins are not below the engine's own, but bear the plugins' IDs.
func removeTraces(dir string) error {
	plugins, _ := filepath.Glob(filepath.Join(dir, "data/plugins/*/config.json"))
	cgroups := []string{filepath.Base(dir)}
	for _, config := range plugins {
		cgroups = append(cgroups, filepath.Base(filepath.Dir(config)))
	}
	return errors.Join(
		patiently(func() error { return removeCgroups(cgroups) }),
		patiently(func() error { return os.RemoveAll(dir) }),
	)
}

// patiently tries again for a while: killed processes leave their cgroup, and unmount, a moment later.
func patiently(remove func() error) error {
	deadline := time.Now().Add(30 * time.Second)
	for {
		err := remove()
		if err == nil || time.Now().After(deadline) {
			return err
		}
		time.Sleep(50 * time.Millisecond)
	}
}

// removeCgroups removes cgroups below the root of every hierarchy of cgroup v1, or of the one of v2.
func removeCgroups(names []string) error {
	var errs []error
	for _, name := range names {
		roots, _ := filepath.Glob("/sys/fs/cgroup/*/" + name)
		for _, root := range append(roots, "/sys/fs/cgroup/"+name) {
			errs = append(errs, removeCgroup(root))
		}
	}
	return errors.Join(errs...)
}

// removeCgroup removes a cgroup and those below it, deepest first.
func removeCgroup(root string) error {
	var dirs []string
	err := filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if err == nil && entry.IsDir() {
			dirs = append(dirs, path)
		}
		return err
	})
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	for _, dir := range slices.Backward(dirs) {
		if err := syscall.Rmdir(dir); err != nil {
			return fmt.Errorf("%s: %w", dir, err)
		}
	}
	return nil
}

// sweep removes what tests left that were killed before they could clean up: their processes are gone with
// them, folders and cgroups are not.
func sweep() {
	dirs, _ := filepath.Glob("/tmp/" + prefix + "*")
	for _, dir := range dirs {
		owner, _, _ := strings.Cut(strings.TrimPrefix(filepath.Base(dir), prefix), "-")
		pid, err := strconv.Atoi(owner)
		if err == nil && errors.Is(syscall.Kill(pid, 0), syscall.ESRCH) {
			_ = removeTraces(dir)
		}
	}
}

// A logFile keeps what processes print, also across restarts.
type logFile struct{ *os.File }

func openLog(path string) (*logFile, error) {
	file, err := os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	return &logFile{file}, err
}

func (l *logFile) text() string {
	if l == nil {
		return ""
	}
	text, _ := os.ReadFile(l.Name())
	return string(text)
}

// tail returns the last lines of a log.
func tail(log string) string {
	lines := strings.Split(strings.TrimRight(log, "\n"), "\n")
	return strings.Join(lines[max(0, len(lines)-40):], "\n")
}
