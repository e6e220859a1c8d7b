package engine

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"testing"
)

// require returns the folder of an installed engine.
func require(tb testing.TB, version Version) string {
	tb.Helper()
	dir := filepath.Join(cacheDir(), "engines", string(version))
	if _, err := os.Stat(filepath.Join(dir, "seed.stamp")); err != nil {
		missing(tb, fmt.Sprintf("the %s engine is not installed: run make engines", version))
	}
	if os.Geteuid() != 0 {
		missing(tb, "engines run as root only")
	}
	return dir
}

// cacheDir is where the Makefile keeps what tests run with.
func cacheDir() string {
	if cache := os.Getenv("CAISSON_CACHE"); cache != "" {
		return cache
	}
	return filepath.Join(sourceDir(), "../../.cache")
}

// missing skips a test that cannot run here; where all must run, it fails it.
func missing(tb testing.TB, why string) {
	tb.Helper()
	if os.Getenv("CI") == "true" || os.Getenv("CAISSON_REQUIRE_ENGINE") == "1" {
		tb.Fatal(why)
	}
	tb.Skip(why)
}

// sourceDir is the folder of this file: tests run in different folders of the module.
func sourceDir() string {
	_, file, _, _ := runtime.Caller(0)
	return filepath.Dir(file)
}

// Installed returns the folder of an engine, for tests that start it in a way of their own. It skips or fails like [Start].
func Installed(tb testing.TB, version Version) string {
	tb.Helper()
	sweep()
	return require(tb, version)
}
