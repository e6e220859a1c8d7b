// Bench measures Caisson over its socket beside two plugins that allow everything: null-sdk, made with Docker's helper library, and
// null-http, net/http alone. Run it with "make bench".
//
// It prints one Markdown table, and puts it into docs/performance.md, which says what the figures mean. Environment: ROUNDS, how
// often everything is measured; D, how long a measurement takes; CAISSON_BINARY, what to measure instead of building it.
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
	inProcess bool          // run the Go benchmarks too
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
	o := options{rounds: 15, duration: 200 * time.Millisecond, inProcess: true}
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
	calls, err := newCalls(filepath.Join(o.root, "authz", "testdata", "bench"))
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "caisson-bench-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()

	// The kernel kills the plugins when the thread that started them ends, so that none outlives this program.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	plugins, err := startPlugins(ctx, o.root, dir)
	defer stopPlugins(plugins)
	if err != nil {
		return err
	}
	if o.inProcess {
		text, err := goBenchmarks(ctx, o.root)
		if err != nil {
			return err
		}
		doc.replace("in-process", "```\n"+text+"```\n")
	}
	warnIfBusy()
	r, err := measure(ctx, o, plugins, calls)
	if err != nil {
		return err
	}
	table := r.table()
	doc.replace("socket", table+"\n"+machine(o)+"\n")
	if _, err := io.WriteString(stdout, table); err != nil {
		return err
	}
	return doc.write()
}

// measure visits every plugin with every call in every round, each round in another order, so that a machine that gets slower does
// not do so for one plugin alone.
func measure(ctx context.Context, o options, plugins []*plugin, calls []call) (*results, error) {
	r := &results{plugins: plugins, calls: calls, samples: map[key][]sample{}}
	for _, p := range plugins {
		for i := range calls {
			if err := p.verify(&calls[i]); err != nil {
				return nil, fmt.Errorf("%s, %s: %w", p.name, calls[i].name, err)
			}
		}
	}
	for round := range o.rounds {
		for c := range calls {
			for _, n := range connections {
				for i := range plugins {
					if err := ctx.Err(); err != nil {
						return nil, err
					}
					p := plugins[(i+round)%len(plugins)]
					s, err := p.load(&calls[c], n, o.duration)
					if err != nil {
						return nil, fmt.Errorf("%s, %s: %w", p.name, calls[c].name, err)
					}
					k := key{p.name, calls[c].name, n}
					r.samples[k] = append(r.samples[k], s)
				}
			}
		}
		fmt.Fprintf(os.Stderr, "round %d of %d\n", round+1, o.rounds)
	}
	for _, p := range plugins {
		var err error
		if p.rssAfter, err = p.memory(); err != nil {
			return nil, err
		}
	}
	return r, nil
}

// goBenchmarks runs the benchmarks of package authz.
func goBenchmarks(ctx context.Context, root string) (string, error) {
	cmd := exec.CommandContext(ctx, "go", "test", "-run=^$", "-bench=.", "-benchmem", "./authz")
	cmd.Dir, cmd.Stderr = root, os.Stderr
	var text strings.Builder
	cmd.Stdout = io.MultiWriter(os.Stderr, &text)
	if err := cmd.Run(); err != nil {
		return "", fmt.Errorf("go test -bench: %w", err)
	}
	lines, _, _ := strings.Cut(text.String(), "PASS\n")
	return lines, nil
}

// warnIfBusy tells when other programs are at work.
func warnIfBusy() {
	text, _ := os.ReadFile("/proc/loadavg")
	load, _, _ := strings.Cut(string(text), " ")
	if v, err := strconv.ParseFloat(load, 64); err == nil && v > 1 {
		fmt.Fprintf(os.Stderr, "the load average is %s: other programs are at work, and ratios will scatter\n", load)
	}
}
