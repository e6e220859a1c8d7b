package engine

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// Programs returns the folder of an engine's programs: dockerd, docker and what they run. It skips the test, or fails it, as Start does.
func Programs(tb testing.TB, version Version) string {
	tb.Helper()
	return filepath.Join(require(tb, version), "bin")
}

// Registry returns the program docker-registry. It skips the test, or fails it, without "make registry".
func Registry(tb testing.TB) string {
	tb.Helper()
	binary := filepath.Join(cacheDir(), "engines/registry/bin/docker-registry")
	if _, err := os.Stat(binary); err != nil {
		missing(tb, "there is no docker-registry: run make registry")
	}
	return binary
}

// Notation returns the program notation. It skips the test, or fails it, without "make notation".
func Notation(tb testing.TB) string {
	tb.Helper()
	binary := filepath.Join(cacheDir(), "notation/bin/notation")
	if _, err := os.Stat(binary); err != nil {
		missing(tb, "there is no notation: run make notation")
	}
	return binary
}

// Need skips a test for which a program is missing that "make install-tools" installs. In CI it fails it.
func Need(tb testing.TB, programs ...string) {
	tb.Helper()
	for _, program := range programs {
		if _, err := exec.LookPath(program); err != nil {
			missing(tb, program+" is not installed: run make install-tools")
		}
	}
}
