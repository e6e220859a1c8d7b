package rules

import (
	"fmt"

	"caisson/authz/request"
)

// Pids asks for a limit on the number of processes and bounds it.
type Pids struct {
	Required bool  `toml:"required" comment:"refuse a container without a limit on its processes"`
	Max      int64 `toml:"max" comment:"largest limit; 0 sets no bound"`
}

var _ = register(&Spec{
	ID:         "pids",
	Title:      "Every container has a limit on its processes",
	Why:        "The Engine sets no limit by itself. A fork bomb in one container uses up the process IDs of the whole host.",
	Fix:        "add a limit, such as --pids-limit 200 (pids_limit: 200 in a compose file)",
	ServiceFix: "add a limit, such as --limit-pids 200 (deploy.resources.limits.pids in a compose file)",
	Refs:       []string{"CIS 5.29"},
	Doors:      []request.Door{request.DoorCreate, request.DoorService},
	Fields:     []string{"HostConfig.PidsLimit", "TaskTemplate.Resources.Limits.Pids"},

	// Not in baseline or standard: no client sets a limit by itself.
	Profiles: Profiles{Restricted: Default, CIS: Default},
	New:      func() Rule { return &Pids{Required: true} },
})

// Prepare implements [Preparer].
func (p *Pids) Prepare() error {
	if p.Max < 0 {
		return fmt.Errorf("max: %d is below 0", p.Max)
	}
	return nil
}

// Check implements [Rule].
func (p *Pids) Check(r *request.Request, out *Findings) {
	limit := r.Workload.PidsLimit
	// Clients send 0 or null for a limit that was not given; both are unlimited.
	needed := p.Required || p.Max > 0
	switch {
	case needed && (limit.V == nil || *limit.V == 0):
		out.Add(limit.Field, "is not set", p.limits())
	case needed && *limit.V < 0: // any of them (moby daemon/daemon_unix.go, getPidsLimit)
		out.Add(limit.Field, fmt.Sprintf("is %d, which is unlimited", *limit.V), p.limits())
	case p.Max > 0 && *limit.V > p.Max:
		out.AddFix(limit.Field, fmt.Sprintf("is %d", *limit.V), p.limits(), out.Either("lower --pids-limit", "lower --limit-pids"))
	}
}

// limits words what would pass.
func (p *Pids) limits() string {
	if p.Max > 0 {
		return fmt.Sprintf("a limit of at most %d", p.Max)
	}
	return "any limit above 0"
}
