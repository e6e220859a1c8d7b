package operate

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"caisson/test/engine"
)

// root is the folder of the project.
const root = "../.."

// machine is one with systemd and Docker, on which somebody follows the documents.
type machine struct {
	t      *testing.T
	dir    string
	pid    string            // of its systemd
	blocks map[string]string // commands of the documents, by the name in the comment above them
}

// boot starts a machine, to follow the README and other documents on it, and waits until Docker answers.
func boot(t *testing.T, version engine.Version, documents ...string) *machine {
	t.Helper()
	if _, err := os.Stat("/lib/systemd/systemd"); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal("there is no systemd to boot")
		}
		t.Skip("there is no systemd to boot")
	}
	installed := engine.Installed(t, version)
	dir, err := os.MkdirTemp("/tmp", fmt.Sprintf("caisson-e2e-%d-machine-", os.Getpid())) //nolint:usetesting // sockets need short paths
	if err != nil {
		t.Fatal(err)
	}
	m := &machine{t: t, dir: dir, blocks: documented(t, append(documents, "README.md"))}
	// Tests do not build what they test.
	m.blocks["install"] = strings.Replace(m.blocks["install"], "make build", "mkdir -p bin && cp "+dir+"/caisson bin/caisson", 1)
	t.Cleanup(func() {
		clean := exec.Command("bash", "-c", `. "$0"/test/engines/lib.sh && wait_until remove_cgroups "$(basename "$1")" && wait_until rm -rf "$1"`, root, dir)
		if out, err := clean.CombinedOutput(); err != nil {
			t.Errorf("the machine left something behind: %v: %s", err, out)
		}
	})
	if out, err := exec.Command("cp", "--archive", filepath.Join(installed, "seed"), filepath.Join(dir, "data")).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	binary, err := engine.Binary()
	if err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command("cp", binary, filepath.Join(dir, "caisson")).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	log, err := os.Create(filepath.Join(dir, "log"))
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	cmd := exec.Command("./machine", installed, dir)
	cmd.Stdout, cmd.Stderr = log, log
	if err := engine.Background(t, cmd); err != nil {
		t.Fatal(err)
	}
	if !m.within(2*time.Minute, func() bool {
		pid, err := os.ReadFile(filepath.Join(dir, "init.pid"))
		m.pid = strings.TrimSpace(string(pid))
		return err == nil && m.try("docker version") == nil
	}) {
		text, _ := os.ReadFile(log.Name())
		t.Fatalf("the machine does not boot: %s", text)
	}
	t.Cleanup(func() {
		if t.Failed() {
			out, _ := m.output("journalctl --no-pager --lines=60 --unit=caisson --unit=docker")
			t.Logf("end of the journal:\n%s", out)
		}
	})
	return m
}

// output runs commands on the machine, as root in the project's folder.
func (m *machine) output(commands string) (string, error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(m.t.Context()), 3*time.Minute) // also after the test, for its log
	defer cancel()
	cmd := exec.CommandContext(ctx, "nsenter", "--target", m.pid, "--mount", "--pid", "--net", "--uts", "--ipc", "--cgroup", "--root", "--",
		"env", "--chdir="+m.folder(), "--ignore-environment", "HOME=/root", "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
		"bash", "-euo", "pipefail", "-c", commands)
	cmd.WaitDelay = 5 * time.Second
	out, err := cmd.CombinedOutput()
	return string(out), err
}

func (m *machine) folder() string {
	m.t.Helper()
	folder, err := filepath.Abs(root)
	if err != nil {
		m.t.Fatal(err)
	}
	return folder
}

func (m *machine) try(commands string) error {
	_, err := m.output(commands)
	return err
}

// do runs commands that must succeed.
func (m *machine) do(commands string) string {
	m.t.Helper()
	out, err := m.output(commands)
	m.t.Logf("# %s\n%s", strings.TrimSpace(commands), out)
	if err != nil {
		m.t.Fatalf("%v: %s", err, commands)
	}
	return out
}

// follow does what a document says.
func (m *machine) follow(block string) {
	m.t.Helper()
	commands, ok := m.blocks[block]
	if !ok {
		m.t.Fatalf("no document has the commands %q", block)
	}
	m.do(commands)
}

// within polls until a condition holds.
func (m *machine) within(limit time.Duration, condition func() bool) bool {
	for end := time.Now().Add(limit); !condition(); time.Sleep(200 * time.Millisecond) {
		if time.Now().After(end) {
			return false
		}
	}
	return true
}

var block = regexp.MustCompile("(?ms)^ *<!-- test: ([a-z-]+) -->\n *```sh\n(.*?)^ *```")

// documented are the commands of the documents that have a name.
func documented(t *testing.T, documents []string) map[string]string {
	t.Helper()
	blocks := make(map[string]string)
	for _, document := range documents {
		text, err := os.ReadFile(filepath.Join(root, document))
		if err != nil {
			t.Fatal(err)
		}
		for _, found := range block.FindAllStringSubmatch(string(text), -1) {
			if _, twice := blocks[found[1]]; twice {
				t.Fatalf("%s: there are two blocks %q", document, found[1])
			}
			blocks[found[1]] = found[2]
		}
	}
	return blocks
}
