package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

var emptyDocument = func() string {
	text := "# Title\n"
	for _, part := range parts {
		text += "<!-- " + part + ": begin -->\nold\n<!-- " + part + ": end -->\nprose\n"
	}
	return text
}()

// TestRun takes everything but the Go benchmarks and the engines through one short round. What it measures does not matter.
func TestRun(t *testing.T) {
	if testing.Short() {
		t.Skip("builds programs")
	}
	repository, err := root()
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "performance.md")
	if err := os.WriteFile(file, []byte(emptyDocument), 0o600); err != nil {
		t.Fatal(err)
	}
	var printed strings.Builder
	if err := run(t.Context(), options{rounds: 1, duration: time.Millisecond, root: repository, document: file, many: 100}, &printed); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if got := strings.Count(string(text), "old"); got != 2 || strings.Count(string(text), "prose\n") != len(parts) {
		t.Errorf("%d parts are as they were, want those of the engines and of the Go benchmarks:\n%s", got, text)
	}
	for _, want := range []string{"| create, request + response | 8 | CPU µs |", "| AuthZRes list, 1 MiB | 1 | p50 µs |", "with a reload", "binary, MiB", "| 1000 |", "xychart-beta"} {
		if !strings.Contains(printed.String(), want) || !strings.Contains(string(text), want) {
			t.Errorf("%q is missing:\n%s", want, &printed)
		}
	}
	if strings.Contains(printed.String(), "NaN") {
		t.Errorf("a figure is missing:\n%s", &printed)
	}
}

func TestParseBenchmarks(t *testing.T) {
	found, order := parseBenchmarks("goos: linux\nBenchmarkAuthorize/create/restricted-2 \t 100\t 200 ns/op\t 1.5 MB/s\t 30 B/op\t 4 allocs/op\n" +
		"BenchmarkAuthorize/create/restricted-2 \t 100\t 300 ns/op\t 30 B/op\t 4 allocs/op\nPASS\n")
	b := found["create/restricted"]
	if len(order) != 1 || b == nil || median(b.ns) != 250 || b.bytes != "30" || b.objects != "4" {
		t.Errorf("%v %+v", order, b)
	}
}

func TestDocument(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{
		"no markers": "prose\n",
		"no end":     strings.Replace(emptyDocument, "<!-- socket: end -->", "", 1),
		"no begin":   strings.Replace(emptyDocument, "<!-- in-process: begin -->", "", 1),
	} {
		file := filepath.Join(dir, "doc.md")
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := openDocument(file); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

func TestQuantile(t *testing.T) {
	values := []float64{4, 1, 3, 2}
	for q, want := range map[float64]float64{0: 1, 0.5: 2.5, 0.75: 3.25, 1: 4} {
		if got := quantile(values, q); got != want {
			t.Errorf("quantile %v is %v, want %v", q, got, want)
		}
	}
}
