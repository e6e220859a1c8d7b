package main

import (
	"os"
	"runtime/debug"
)

// The garbage collector's settings while Caisson serves. With Go's own the collector would run every few hundred decisions, because
// Caisson keeps next to nothing; and after a burst of the largest bodies it would leave the process twice as large as need be.
const (
	collectAt   = 350      // percent: new memory at which it runs, of what is in use, or of 4 MiB
	memoryLimit = 64 << 20 // bytes in all from where on it runs more often; four of the largest bodies at a time take less
)

// tuneCollector sets the above, unless the environment says otherwise.
func tuneCollector() {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(collectAt)
	}
	if os.Getenv("GOMEMLIMIT") == "" {
		debug.SetMemoryLimit(memoryLimit)
	}
}
