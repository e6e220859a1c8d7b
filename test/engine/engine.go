package engine

import (
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// A Version names an engine.
type Version string

// The engines that "make engines" provides.
const (
	Oldest Version = "oldest" // Docker Engine 20.10.24
	Newest Version = "newest" // the 29 line, with containerd's image store
)

// Versions lists the engines that every end-to-end test should pass on.
var Versions = []Version{Oldest, Newest}

// Image is in every engine from the start: busybox, with sh as its command.
const Image = "caisson-test/busybox:1"

const (
	startTimeout = 60 * time.Second
	stopTimeout  = 30 * time.Second
)

// Options say how to start an engine. The zero value is the oldest engine without a plugin.
type Options struct {
	Version Version

	// Caisson, if set, starts Caisson as the authorization plugin before the engine.
	Caisson *CaissonOptions
	// Plugin, if set, is served by the test itself as the authorization plugin "test".
	Plugin http.Handler

	// HostNetwork leaves the engine on the machine's own network, so that it reaches servers of the
	// test on 127.0.0.1. It then has no bridge.
	HostNetwork bool
	// Restarts allows for RestartDaemon.
	Restarts bool
	// Config is dockerd's configuration file.
	Config map[string]any
	// Args are further flags of dockerd.
	Args []string
}

// Engine is a running dockerd.
type Engine struct {
	Version Version
	// Caisson is the plugin, if the options asked for it.
	Caisson *Caisson
	// Dir is the engine's folder; Data below it is dockerd's data root.
	Dir, Data string
	// Socket is the path of the Engine API.
	Socket string

	bin  string
	args []string // of private-dockerd
	log  *logFile

	mu     sync.Mutex
	daemon *process
}

// Start starts an engine and waits until it answers. It is stopped, and all that it made is removed, when
// the test ends. Without "make engines" the test is skipped, but in CI it fails.
func Start(tb testing.TB, options Options) *Engine {
	tb.Helper()
	if options.Version == "" {
		options.Version = Oldest
	}
	installed := require(tb, options.Version)
	sweep()

	dir, err := tempDir("")
	if err != nil {
		tb.Fatal(err)
	}
	e := &Engine{
		Version: options.Version,
		Dir:     dir,
		Data:    filepath.Join(dir, "data"),
		Socket:  filepath.Join(dir, "docker.sock"),
		bin:     filepath.Join(installed, "bin"),
		args:    []string{installed, dir},
	}
	tb.Cleanup(func() {
		if tb.Failed() {
			tb.Logf("end of dockerd's log:\n%s", tail(e.Log()))
		}
		if err := e.remove(); err != nil {
			tb.Errorf("the engine left something behind: %v", err)
		}
	})
	if err := e.prepare(tb, installed, options); err != nil {
		tb.Fatal(err)
	}
	if err := e.StartDaemon(); err != nil {
		tb.Fatal(err)
	}
	return e
}

// prepare fills the engine's folder and starts its plugin.
func (e *Engine) prepare(tb testing.TB, installed string, options Options) error {
	tb.Helper()
	plugins := filepath.Join(e.Dir, "plugins")
	if err := os.Mkdir(plugins, 0o755); err != nil {
		return err
	}
	if err := run("cp", "--archive", filepath.Join(installed, "seed"), e.Data); err != nil {
		return err
	}
	if err := e.WriteConfig(options.Config); err != nil {
		return err
	}
	var err error
	if e.log, err = openLog(filepath.Join(e.Dir, "dockerd.log")); err != nil {
		return err
	}
	if options.HostNetwork {
		e.args = append(e.args, "--host-network")
	}
	if options.Restarts {
		e.args = append(e.args, "--restarts")
	}
	e.args = append(e.args, options.Args...)

	if options.Plugin != nil {
		if err := serve(tb, filepath.Join(plugins, "test.sock"), options.Plugin); err != nil {
			return err
		}
		e.args = append(e.args, "--authorization-plugin=test")
	}
	if options.Caisson != nil {
		e.Caisson, err = newCaisson(e, filepath.Join(plugins, "caisson.sock"), *options.Caisson)
		if err != nil {
			return err
		}
		tb.Cleanup(func() {
			if tb.Failed() {
				tb.Logf("end of Caisson's log:\n%s", tail(e.Caisson.Log()))
			}
		})
		if err := e.Caisson.Start(); err != nil {
			return err
		}
		e.args = append(e.args, "--authorization-plugin=caisson")
	}
	return nil
}

// Command prepares a command inside the engine's mount and network namespaces: it sees the engine's /run and
// its 127.0.0.1.
func (e *Engine) Command(name string, args ...string) (*exec.Cmd, error) {
	pid, err := e.initPID()
	if err != nil {
		return nil, err
	}
	inside := append([]string{"--target", strconv.Itoa(pid), "--mount", "--net", "--", name}, args...)
	cmd := exec.Command("nsenter", inside...)
	cmd.Env = e.environ()
	return cmd, nil
}

// A Result is what the docker command printed, and how it ended.
type Result struct {
	Stdout, Stderr string
	Code           int
}

// Docker runs the docker command (20.10, which speaks API 1.41 to both engines).
func (e *Engine) Docker(args ...string) Result {
	return e.Run(exec.Command(filepath.Join(e.bin, "docker"), args...))
}

// Run runs a command that finds docker in PATH, and the engine in its environment.
func (e *Engine) Run(cmd *exec.Cmd) Result {
	cmd.Env = e.environ()
	var stdout, stderr strings.Builder
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); cmd.ProcessState == nil {
		return Result{Stderr: err.Error(), Code: -1}
	}
	return Result{stdout.String(), stderr.String(), cmd.ProcessState.ExitCode()}
}

func (e *Engine) environ() []string {
	return append(os.Environ(),
		"DOCKER_HOST=unix://"+e.Socket,
		"DOCKER_CONFIG="+filepath.Join(e.Dir, "docker-config"),
		"PATH="+e.bin+":/usr/sbin:/usr/bin:/sbin:/bin")
}

// remove kills everything that belongs to the engine and removes its traces.
func (e *Engine) remove() error {
	if e.Caisson != nil {
		e.Caisson.kill()
	}
	e.mu.Lock()
	if e.daemon != nil {
		e.daemon.kill()
		e.daemon = nil
	}
	e.mu.Unlock()
	return removeTraces(e.Dir)
}

// serve answers a plugin's socket until the test ends.
func serve(tb testing.TB, socket string, handler http.Handler) error {
	tb.Helper()
	listener, err := net.Listen("unix", socket)
	if err != nil {
		return err
	}
	server := &http.Server{Handler: handler}
	go func() { _ = server.Serve(listener) }()
	tb.Cleanup(func() { _ = server.Close() })
	return nil
}

func run(name string, args ...string) error {
	output, err := exec.Command(name, args...).CombinedOutput()
	if err != nil {
		return fmt.Errorf("%s %s: %w: %s", name, strings.Join(args, " "), err, output)
	}
	return nil
}
