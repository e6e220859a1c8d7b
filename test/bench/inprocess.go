package main

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
)

// benchmark is the outcome of one Go benchmark: its runs.
type benchmark struct {
	ns             []float64
	bytes, objects string
}

// inProcess runs the benchmarks of package authz and compares decisions with the bare decoding of their bodies.
func inProcess(ctx context.Context, o options) (string, error) {
	cmd := exec.CommandContext(ctx, "go", "test", "-run=^$", "-bench=Authorize", "-benchmem", "-benchtime="+(o.duration/2).String(),
		"-count="+strconv.Itoa(o.rounds), "./authz")
	cmd.Dir, cmd.Stderr = o.root, os.Stderr
	text, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("go test -bench: %w\n%s", err, text)
	}
	found, order := parseBenchmarks(string(text))
	t := newTable("decision", "profile", "ns", "bytes", "allocations", "ns : encoding/json")
	for _, name := range order {
		call, profile, _ := strings.Cut(name, "/")
		b, against := found[name], "–"
		if bare := found[call+"/encoding-json"]; bare != nil {
			against = ratio(b.ns, bare.ns)
		}
		t.row(call, profile, fmt.Sprintf("%.0f", median(b.ns)), b.bytes, b.objects, against)
	}
	return t.String(), nil
}

// parseBenchmarks reads the output of go test -bench.
func parseBenchmarks(text string) (found map[string]*benchmark, order []string) {
	found = make(map[string]*benchmark)
	for s := bufio.NewScanner(strings.NewReader(text)); s.Scan(); {
		fields := strings.Fields(s.Text())
		name, ok := strings.CutPrefix(s.Text(), "BenchmarkAuthorize/")
		if !ok || len(fields) < 4 {
			continue
		}
		name = strings.Fields(name)[0]
		name = name[:max(strings.LastIndexByte(name, '-'), 0)]
		b := found[name]
		if b == nil {
			b = new(benchmark)
			found[name], order = b, append(order, name)
		}
		value := func(unit string) string {
			if i := slices.Index(fields, unit); i > 0 {
				return fields[i-1]
			}
			return ""
		}
		if ns, err := strconv.ParseFloat(value("ns/op"), 64); err == nil {
			b.ns = append(b.ns, ns)
		}
		b.bytes, b.objects = value("B/op"), value("allocs/op")
	}
	return found, order
}
