package config

import (
	"os"
	"strings"
	"testing"
)

// The file in the package comment is one that loads.
func TestDocExample(t *testing.T) {
	source, err := os.ReadFile("doc.go")
	if err != nil {
		t.Fatal(err)
	}
	_, text, _ := strings.Cut(string(source), "// A policy file is TOML:\n//\n")
	text, _, ok := strings.Cut(text, "//\n// Reading is strict")
	if !ok {
		t.Fatal("no example found")
	}
	text = strings.ReplaceAll(strings.ReplaceAll(text, "//\t", ""), "//\n", "\n")
	f := mustRead(t, strings.ReplaceAll(text, "sha256:…", digest))
	if len(f.Warnings) > 0 || len(f.Policy.Exceptions) != 1 {
		t.Errorf("%v", f.Warnings)
	}
}
