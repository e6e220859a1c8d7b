package rules

import (
	"strconv"

	"caisson/authz/request"
)

// NoNewPrivileges refuses to switch no-new-privileges off, and can ask for it.
type NoNewPrivileges struct {
	Required bool `toml:"required" comment:"refuse a container without no-new-privileges"`
}

var _ = register(&Spec{
	ID:    "no-new-privileges",
	Title: "Processes gain no new privileges",
	Why: "With no-new-privileges, set-user-ID programs and file capabilities inside the image give a process nothing it did not have. An " +
		"explicit false overrides a daemon that has it on by default.",
	Fix:        "add --security-opt no-new-privileges=true, and drop any other value",
	ServiceFix: "set Privileges.NoNewPrivileges in the service, with API 1.44 (Engine 25.0) or later",
	Refs:       []string{"CIS 5.26", "PSS restricted: privilege escalation"},
	Doors:      []request.Door{request.DoorCreate, request.DoorService},
	Fields:     []string{"HostConfig.SecurityOpt", "TaskTemplate.ContainerSpec.Privileges.NoNewPrivileges"},

	Profiles: Profiles{
		Baseline: Default, Standard: Default,
		Restricted: With(func(n *NoNewPrivileges) { n.Required = true }),
		CIS:        With(func(n *NoNewPrivileges) { n.Required = true }),
	},
	New: func() Rule { return &NoNewPrivileges{} },
})

// Check implements [Rule]. The last of several values counts, but as each of them must be true the order is of no interest.
//
// Source: moby daemon/daemon_unix.go, parseSecurityOpt.
func (n *NoNewPrivileges) Check(r *request.Request, out *Findings) {
	given := false
	for field, value := range securityOpts(r.Workload, "no-new-privileges") {
		given = true
		if on, err := strconv.ParseBool(value); err != nil || !on {
			out.Add(field, "sets no-new-privileges to "+quote(value), "true")
		}
	}
	if opts := r.Workload.SecurityOpt; n.Required && !given {
		out.Add(opts.Field, "does not set no-new-privileges", "no-new-privileges=true")
	}
}
