package test

import (
	"context"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"caisson/test/engine"
)

// alone is a Caisson without an engine, for tests that speak to its socket.
type alone struct {
	socket, log string
	pid         int
}

// standalone starts Caisson and waits for its socket. The test's end kills it.
func standalone(t *testing.T, policy string, args ...string) *alone {
	t.Helper()
	dir := t.TempDir()
	a := &alone{socket: filepath.Join(dir, "caisson.sock"), log: filepath.Join(dir, "log")}
	cmd := serve(t, dir, policy)
	cmd.Args = append(cmd.Args, args...)
	log, err := os.Create(a.log)
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	cmd.Stderr = log
	if err := engine.Background(t, cmd); err != nil {
		t.Fatal(err)
	}
	a.pid = cmd.Process.Pid
	if !engine.Eventually(func() bool { return strings.Contains(a.text(t), "caisson is ready") }) {
		t.Fatalf("caisson does not start:\n%s", a.text(t))
	}
	return a
}

func (a *alone) text(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile(a.log)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// serve prepares "caisson serve" with everything in one folder.
func serve(t *testing.T, dir, policy string) *exec.Cmd {
	t.Helper()
	binary, err := engine.Binary()
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(dir, "policy.toml")
	if err := os.WriteFile(file, []byte(policy), 0o600); err != nil {
		t.Fatal(err)
	}
	return exec.Command(binary, "serve", "--policy", file, "--socket", filepath.Join(dir, "caisson.sock"),
		"--state-dir", filepath.Join(dir, "state"), "--audit-log", filepath.Join(dir, "audit.log"),
		"--engine", "unix://"+filepath.Join(dir, "no-engine.sock"))
}

// dialer connects to a socket, whatever the address.
func dialer(socket string) func(ctx context.Context, network, address string) (net.Conn, error) {
	return func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "unix", socket)
	}
}
