package rules

import (
	"fmt"

	"caisson/authz/request"
)

// Memory asks for a memory limit and bounds it.
type Memory struct {
	Required       bool `toml:"required" comment:"refuse a container without a memory limit"`
	Max            Size `toml:"max" comment:"largest limit; 0 sets no bound"`
	MaxReservation Size `toml:"max_reservation" comment:"largest soft limit; 0 sets no bound"`
	Swap           bool `toml:"swap" comment:"allow the container to use swap beyond the Engine's default of its memory limit again"`
}

var _ = register(&Spec{
	ID:    "memory",
	Title: "Every container has a memory limit",
	Why:   "The Engine sets no limit by itself. One container without a limit can take the memory of every other and of the host.",
	Fix:   "add a memory limit, such as -m 512m (mem_limit: 512m in a compose file)",
	Refs:  []string{"CIS 5.11"},
	Doors: []request.Door{request.DoorCreate},
	Fields: []string{
		"HostConfig.Memory", "HostConfig.MemorySwap", "HostConfig.MemoryReservation", "HostConfig.MemorySwappiness",
		"HostConfig.KernelMemory", "HostConfig.KernelMemoryTCP",
	},

	Profiles: Profiles{Standard: Default, Restricted: Default, CIS: Default},
	New:      func() Rule { return &Memory{Required: true} },
})

// Check implements [Rule].
func (m *Memory) Check(r *request.Request, out *Findings) {
	w := r.Workload
	switch limit := w.Memory; {
	case limit.V <= 0 && m.Required:
		out.Add(limit.Field, "is not set", m.limits())
	case m.Max > 0 && (limit.V <= 0 || limit.V > int64(m.Max)):
		out.Add(limit.Field, "is "+Size(limit.V).String(), m.limits())
	}
	if s := w.MemorySwap; s.V < 0 && !m.Swap {
		out.AddFix(s.Field, fmt.Sprintf("is %d, which is unlimited swap", s.V), "at most the Engine's default", "drop --memory-swap=-1")
	}
	if res := w.MemoryReservation; m.MaxReservation > 0 && res.V > int64(m.MaxReservation) {
		out.AddFix(res.Field, "is "+Size(res.V).String(), "at most "+m.MaxReservation.String(), "lower --memory-reservation")
	}
}

func (m *Memory) limits() string {
	if m.Max > 0 {
		return "a limit of at most " + m.Max.String()
	}
	return "any limit above 0"
}
