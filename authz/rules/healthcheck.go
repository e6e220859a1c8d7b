package rules

import (
	"fmt"
	"time"

	"caisson/authz/request"
)

// Healthcheck asks for a health check and bounds how often it runs.
type Healthcheck struct {
	Required    bool          `toml:"required" comment:"refuse a container without a health check of its own; the image's cannot be seen in a request"`
	MinInterval time.Duration `toml:"min_interval" comment:"shortest time between two runs; a container that gives none has the image's or 30s"`
}

var _ = register(&Spec{
	ID:    "healthcheck",
	Title: "Health checks run, and not too often",
	Why: "Each run of a health check starts a process, and the Engine takes intervals of a millisecond. Without any check, the Engine cannot " +
		"tell a container that works from one that hangs.",
	Fix:    "give a check, such as --health-cmd 'curl -f http://localhost/' --health-interval 30s (healthcheck in a compose file)",
	Refs:   []string{"CIS 5.27"},
	Doors:  []request.Door{request.DoorCreate, request.DoorService},
	Fields: []string{"Healthcheck", "TaskTemplate.ContainerSpec.Healthcheck"},

	// Only the benchmark requires a check. Many images bring one, and a rule that cannot see it would ask for it twice.
	Profiles: Profiles{
		Standard: Default, Restricted: Default,
		CIS: With(func(h *Healthcheck) { h.Required = true }),
	},
	New: func() Rule { return &Healthcheck{MinInterval: time.Second} },
})

// Prepare implements [Preparer].
func (h *Healthcheck) Prepare() error {
	if h.MinInterval < 0 {
		return fmt.Errorf("min_interval: %s is below 0", h.MinInterval)
	}
	return nil
}

// Check implements [Rule].
func (h *Healthcheck) Check(r *request.Request, out *Findings) {
	given := r.Workload.Healthcheck
	if h.Required && !runs(given.V) {
		out.Add(given.Field+".Test", h.missing(given.V), "a health check")
	}
	if given.V == nil {
		return
	}
	h.checkInterval(given.Field, ".Interval", given.V.Interval, "raise --health-interval", out)
	h.checkInterval(given.Field, ".StartInterval", given.V.StartInterval, "raise --health-start-interval", out)
}

// checkInterval judges one of the two intervals. The Engine takes anything from a millisecond (moby daemon/container.go,
// validateHealthCheck); 0 is its default.
func (h *Healthcheck) checkInterval(field, member string, nanoseconds int64, fix string, out *Findings) {
	if d := time.Duration(nanoseconds); d != 0 && d < h.MinInterval {
		out.AddFix(field+member, "is "+d.String(), "at least "+h.MinInterval.String(), fix)
	}
}

// runs tells whether the Engine will run the check. An empty test leaves the image's, which may be none.
//
// Source: moby daemon/health.go, getProbe.
func runs(h *request.Healthcheck) bool {
	return h != nil && len(h.Test) > 1 && (h.Test[0] == "CMD" || h.Test[0] == "CMD-SHELL")
}

// missing says why there is no check, without showing a command.
func (h *Healthcheck) missing(given *request.Healthcheck) string {
	if given != nil && len(given.Test) > 0 {
		return "is " + quote(given.Test[0]) + ", which runs nothing"
	}
	return "is not set"
}
