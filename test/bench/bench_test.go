package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

const emptyDocument = "# Title\n<!-- socket: begin -->\nold\n<!-- socket: end -->\nprose\n<!-- in-process: begin -->\n<!-- in-process: end -->\n"

// TestRun takes everything but the Go benchmarks through one short round. What it measures does not matter.
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
	var table strings.Builder
	if err := run(t.Context(), options{rounds: 1, duration: time.Millisecond, root: repository, document: file}, &table); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(text), table.String()) || strings.Contains(string(text), "old") || !strings.Contains(string(text), "\nprose\n") {
		t.Errorf("the table is not where it belongs:\n%s", text)
	}
	// A head of two lines; six calls with three measures and one sum with two, for each number of connections; memory.
	if got, want := strings.Count(table.String(), "\n"), 2+(6*3+2)*len(connections)+2; got != want {
		t.Errorf("%d lines, want %d:\n%s", got, want, &table)
	}
	if strings.Contains(table.String(), "NaN") {
		t.Errorf("a figure is missing:\n%s", &table)
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
