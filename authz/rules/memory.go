package rules

import (
	"fmt"
	"math"

	"caisson/authz/request"
)

// Memory asks for a memory limit and bounds it.
type Memory struct {
	Required       bool  `toml:"required" comment:"refuse a container without a memory limit"`
	Max            Size  `toml:"max" comment:"largest limit; 0 sets no bound"`
	MaxReservation Size  `toml:"max_reservation" comment:"largest soft limit; 0 sets no bound"`
	Swap           bool  `toml:"swap" comment:"allow more swap than the Engine's default, which is as much again as the memory limit"`
	MaxSwap        Size  `toml:"max_swap" comment:"largest sum of memory and swap (--memory-swap), the Engine's default included; 0 sets no bound"`
	MaxSwappiness  int64 `toml:"max_swappiness" comment:"how readily the kernel may swap the container out, 0 to 100"`
	KernelMemory   bool  `toml:"kernel_memory" comment:"allow limits on kernel memory, which engines up to 20.10 still set"`
}

var _ = register(&Spec{
	ID:         "memory",
	Title:      "Every container has a memory limit",
	Why:        "The Engine sets no limit by itself. One container without a limit can take the memory of every other and of the host.",
	Fix:        "add a memory limit, such as -m 512m (mem_limit: 512m in a compose file)",
	ServiceFix: "add a memory limit, such as --limit-memory 512m (deploy.resources.limits.memory in a compose file)",
	Refs:       []string{"CIS 5.11"},
	Doors:      []request.Door{request.DoorCreate, request.DoorService},
	Fields: []string{
		"HostConfig.Memory", "HostConfig.MemorySwap", "HostConfig.MemoryReservation", "HostConfig.MemorySwappiness",
		"HostConfig.KernelMemory", "HostConfig.KernelMemoryTCP",
		"TaskTemplate.Resources.Limits.MemoryBytes", "TaskTemplate.Resources.SwapBytes", "TaskTemplate.Resources.MemorySwappiness",
	},

	// Not in baseline: most of today's commands and compose files set no limit.
	Profiles: Profiles{Standard: Default, Restricted: Default, CIS: Default},
	New:      func() Rule { return &Memory{Required: true, MaxSwappiness: 100} },
})

// Prepare implements [Preparer].
func (m *Memory) Prepare() error {
	switch {
	case m.MaxSwappiness < 0 || m.MaxSwappiness > 100:
		return fmt.Errorf("max_swappiness: %d is not between 0 and 100", m.MaxSwappiness)
	case m.Max > 0 && m.MaxSwap > 0 && m.MaxSwap < m.Max:
		return fmt.Errorf("max_swap: %s is less than max, though it counts memory and swap together", m.MaxSwap)
	}
	return nil
}

// Check implements [Rule].
func (m *Memory) Check(r *request.Request, out *Findings) {
	w := r.Workload
	switch limit := w.Memory; { // a maximum asks for a limit, even if none is required
	case limit.V <= 0 && (m.Required || m.Max > 0):
		out.Add(limit.Field, "is not set", m.limits())
	case m.Max > 0 && limit.V > int64(m.Max):
		out.AddFix(limit.Field, "is "+Size(limit.V).String(), m.limits(),
			out.Either("lower -m (mem_limit in a compose file)", "lower --limit-memory"))
	}
	m.checkSwap(r, out)
	if res := w.MemoryReservation; m.MaxReservation > 0 && res.V > int64(m.MaxReservation) {
		out.AddFix(res.Field, "is "+Size(res.V).String(), "at most "+m.MaxReservation.String(), "lower --memory-reservation")
	}
	// Old clients send -1 for "not set" (moby daemon/daemon_unix.go, fixMemorySwappiness).
	if s := w.MemorySwappiness; s.V != nil && *s.V != -1 && (*s.V < 0 || *s.V > m.MaxSwappiness) {
		out.AddFix(s.Field, fmt.Sprintf("is %d", *s.V), fmt.Sprintf("0 to %d", m.MaxSwappiness), "drop --memory-swappiness")
	}
	// Neither does anything good: kmem accounting leaks on the kernels of that time, and newer ones ignore it.
	for _, k := range []request.Value[int64]{w.KernelMemory, w.KernelMemoryTCP} {
		if k.V != 0 && !m.KernelMemory {
			out.AddFix(k.Field, "is set", "not set", "drop --kernel-memory, which later engines no longer have because it does not work reliably")
		}
	}
}

// checkSwap judges MemorySwap: the sum of memory and swap, of which 0 is the Engine's default of twice the memory and a negative one
// has no end.
func (m *Memory) checkSwap(r *request.Request, out *Findings) {
	w := r.Workload
	s, limit := w.MemorySwap, w.Memory.V
	total := s.V
	if total == 0 && limit > 0 {
		total = limit + min(limit, math.MaxInt64-limit)
	}
	is, flag := out.Either("is ", "lets memory and swap reach "), out.Either("--memory-swap", "--memory-swap (Resources.SwapBytes)")
	switch { // the Engine refuses a sum below the memory limit, so that needs no look
	case s.V < 0 && !m.Swap:
		out.AddFix(s.Field, fmt.Sprintf("is %d, which is unlimited swap", s.V), "at most the Engine's default", "drop "+flag)
	case s.V > 0 && limit <= 0:
		out.AddFix(s.Field, "is set without a memory limit", "swap together with a memory limit", out.Either("add -m, or drop ", "add --limit-memory, or drop ")+flag)
	case s.V > 0 && s.V-limit > limit && !m.Swap:
		fix := "lower or drop " + flag
		if r.Update != nil { // without the flag the sum stays what it was
			fix = "give " + flag + " too, at most twice the memory limit"
		}
		out.AddFix(s.Field, is+Size(s.V).String(), "at most the Engine's default, twice the memory limit", fix)
	case m.MaxSwap > 0 && (total < 0 || total > int64(m.MaxSwap)):
		out.AddFix(s.Field, "lets memory and swap reach "+sizeOrUnlimited(total), "at most "+m.MaxSwap.String(),
			out.Either("set --memory-swap to at most "+m.MaxSwap.String(), "lower "+flag))
	}
}

// sizeOrUnlimited words a sum of memory and swap.
func sizeOrUnlimited(n int64) string {
	if n < 0 {
		return "any size"
	}
	return Size(n).String()
}

// limits words what would pass.
func (m *Memory) limits() string {
	if m.Max > 0 {
		return "a limit of at most " + m.Max.String()
	}
	return "any limit above 0"
}
