package rules

import (
	"fmt"

	"caisson/authz/request"
)

// ShmSize bounds /dev/shm.
type ShmSize struct {
	Max Size `toml:"max" comment:"largest /dev/shm; a container that asks for none gets the daemon's default of 64 MiB"`
}

var _ = register(&Spec{
	ID:     "shm-size",
	Title:  "Shared memory stays within bounds",
	Why:    "/dev/shm is a file system in memory. What is written there stays in memory after the process that wrote it has gone.",
	Fix:    "lower --shm-size (shm_size in a compose file)",
	Doors:  []request.Door{request.DoorCreate},
	Fields: []string{"HostConfig.ShmSize"},

	// What is in /dev/shm counts against the container's memory limit, so this matters where there is none.
	Profiles: Profiles{Restricted: Default},
	New:      func() Rule { return &ShmSize{Max: 1 << 30} },
})

// Prepare implements [Preparer].
func (s *ShmSize) Prepare() error {
	if s.Max <= 0 {
		return fmt.Errorf("max: a size above 0 is needed; switch the rule off if there is to be no bound")
	}
	return nil
}

// Check implements [Rule].
func (s *ShmSize) Check(r *request.Request, out *Findings) {
	// The Engine refuses a negative size; 0 is the daemon's default.
	if size := r.Workload.ShmSize; size.V < 0 || size.V > int64(s.Max) {
		out.Add(size.Field, "is "+Size(size.V).String(), "at most "+s.Max.String())
	}
}
