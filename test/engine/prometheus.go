package engine

import (
	"os"
	"path/filepath"
	"testing"
)

// Prometheus returns the paths of the programs that "make prometheus" provides. Without them the test is skipped, but in CI it fails.
func Prometheus(tb testing.TB) (prometheus, promtool string) {
	tb.Helper()
	dir := filepath.Join(cacheDir(), "prometheus")
	if _, err := os.Stat(filepath.Join(dir, "stamp")); err != nil {
		missing(tb, "Prometheus is not unpacked: run make prometheus")
	}
	return filepath.Join(dir, "prometheus"), filepath.Join(dir, "promtool")
}
