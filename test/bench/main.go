// Bench measures Caisson beside two plugins that allow everything: null-sdk, made with Docker's helper library, and the floor, net/http
// alone, which throws bodies away. Run it with "make bench".
//
// It prints what it measures and puts it into docs/performance.md, which says what the figures mean. Environment: ROUNDS, how often
// everything is measured; D, how long a measurement takes; CAISSON_BINARY, what to measure instead of building it; ENGINES=0 leaves the
// Docker Engines out.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// options say what a run does.
type options struct {
	rounds    int
	duration  time.Duration // of one measurement
	root      string        // of the repository
	document  string        // where the results go, between markers
	many      int           // calls before memory is looked at
	inProcess bool          // run the Go benchmarks too
	engines   bool          // and go through dockerd
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	o, err := environment()
	if err == nil {
		err = run(ctx, o, os.Stdout)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1) //nolint:forbidigo // this is the program's main; what it started has ended
	}
}

func environment() (options, error) {
	o := options{rounds: 15, duration: 200 * time.Millisecond, many: manyCalls, inProcess: true, engines: os.Getenv("ENGINES") != "0"}
	var err error
	if v := os.Getenv("ROUNDS"); v != "" {
		if o.rounds, err = strconv.Atoi(v); err != nil || o.rounds < 1 {
			return o, fmt.Errorf("number of rounds ROUNDS=%q is not like 15", v)
		}
	}
	if v := os.Getenv("D"); v != "" {
		if o.duration, err = time.ParseDuration(v); err != nil || o.duration <= 0 {
			return o, fmt.Errorf("duration D=%q is not like 200ms", v)
		}
	}
	if o.root, err = root(); err != nil {
		return o, err
	}
	o.document = filepath.Join(o.root, "docs", "performance.md")
	return o, nil
}

// root finds the repository, of which this module is a folder.
func root() (string, error) {
	file, err := exec.Command("go", "env", "GOMOD").Output()
	if err != nil {
		return "", fmt.Errorf("go env GOMOD: %w", err)
	}
	return filepath.Join(filepath.Dir(strings.TrimSpace(string(file))), ".."), nil
}

// run measures everything and reports it.
func run(ctx context.Context, o options, stdout io.Writer) (err error) {
	doc, err := openDocument(o.document)
	if err != nil {
		return err
	}
	bodies := filepath.Join(o.root, "authz", "testdata", "bench")
	calls, err := newCalls(bodies)
	if err != nil {
		return err
	}
	permitted, err := os.ReadFile(filepath.Join(bodies, "create-permitted.json"))
	if err != nil {
		return err
	}
	binaries, err := os.MkdirTemp("", "caisson-bench-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(binaries)) }()
	// Audit logs are in memory: a disk has other users, and what it takes them is no property of a plugin.
	dir, err := os.MkdirTemp(memoryDir(), "caisson-bench-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()

	// The kernel kills the plugins when the thread that started them ends, so that none outlives this program.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	b, err := buildAll(ctx, o.root, binaries)
	if err != nil {
		return err
	}
	b.dir = dir
	where := machine(o)
	report := func(part, text string, err error) error {
		if err != nil {
			return fmt.Errorf("%s: %w", part, err)
		}
		doc.replace(part, text)
		_, err = io.WriteString(stdout, text+"\n")
		return errors.Join(err, ctx.Err())
	}
	if o.inProcess {
		text, err := inProcess(ctx, o)
		if err := report("in-process", text, err); err != nil {
			return err
		}
	}
	warnIfBusy()
	plugins, err := b.all(dir)
	if err != nil {
		return err
	}
	text, err := processTable(plugins, calls, o)
	if err != nil {
		return err
	}
	defer stopPlugins(plugins)
	if err := startAll(plugins); err != nil {
		return err
	}
	reloads, err := reloadTable(plugins[2], find(calls, createRequest), o)
	if err := report("process", text+"\n"+reloads, err); err != nil {
		return err
	}
	rows, err := measure(o, plugins, calls, connections)
	if err != nil {
		return err
	}
	if err := report("socket", socketTable(plugins, withTransaction(rows))+"\n"+where, nil); err != nil {
		return err
	}
	text, err = growth(b, dir, plugins, calls, permitted, o)
	if err := report("growth", text, err); err != nil {
		return err
	}
	stopPlugins(plugins)
	if o.engines {
		text, err := enginesTable(b, permitted, o)
		if err := report("engines", text, err); err != nil {
			return err
		}
	}
	return doc.write()
}

// memoryDir is a folder of a file system in memory, "" if there is none.
func memoryDir() string {
	const shm = "/dev/shm"
	if info, err := os.Stat(shm); err != nil || !info.IsDir() {
		return ""
	}
	return shm
}

// measure visits every plugin with every call in every round, each round in another order, so that a machine that gets slower does
// not do so for one plugin alone.
func measure(o options, plugins []*plugin, calls []call, connections []int) ([]row, error) {
	for _, p := range plugins {
		for i := range calls {
			if err := p.verify(&calls[i]); err != nil {
				return nil, fmt.Errorf("%s, %s: %w", p.name, calls[i].name, err)
			}
		}
	}
	var rows []row
	for i := range calls {
		for _, n := range connections {
			rows = append(rows, row{calls[i].name, n, make(map[string]series)})
		}
	}
	for round := range o.rounds {
		for r := range rows {
			for i := range plugins {
				p := plugins[(i+round)%len(plugins)]
				s, err := p.load(find(calls, rows[r].what), rows[r].connections, o.duration)
				if err != nil {
					return nil, fmt.Errorf("%s, %s: %w", p.name, rows[r].what, err)
				}
				rows[r].by[p.name] = append(rows[r].by[p.name], s)
			}
		}
		fmt.Fprintf(os.Stderr, "round %d of %d\n", round+1, o.rounds)
	}
	return rows, nil
}

// withTransaction adds what a plugin adds to one create: the request and the response.
func withTransaction(rows []row) []row {
	for _, request := range rows {
		for _, response := range rows {
			if request.what == createRequest && response.what == createResponse && request.connections == response.connections {
				sum := row{"create, request + response", request.connections, make(map[string]series)}
				for name, s := range request.by {
					sum.by[name] = s.plus(response.by[name])
				}
				rows = append(rows, sum)
			}
		}
	}
	return rows
}

// loadAverage is how many programs were at work, of the last minute.
func loadAverage() string {
	text, _ := os.ReadFile("/proc/loadavg")
	load, _, _ := strings.Cut(string(text), " ")
	return load
}

// warnIfBusy tells when other programs are at work.
func warnIfBusy() {
	if v, err := strconv.ParseFloat(loadAverage(), 64); err == nil && v > 1 {
		fmt.Fprintf(os.Stderr, "the load average is %.1f: other programs are at work, and ratios will scatter\n", v)
	}
}
