package rules

import (
	"slices"

	"caisson/authz/request"
)

// LogDriver says where a container's output may go.
type LogDriver struct {
	Allow []string `toml:"allow" comment:"log drivers, by exact name; the daemon's own always passes when none is named"`
}

var _ = register(&Spec{
	ID:    "log-driver",
	Title: "Only listed log drivers",
	Why: "The daemon writes logs as root, from the host's network: to any address or socket that the options name. An unknown driver's name " +
		"makes it look for a program to trust.",
	Fix:    "drop --log-driver (logging in a compose file), or have the operator add the driver to rules.log-driver.allow",
	Doors:  []request.Door{request.DoorCreate, request.DoorService},
	Fields: []string{"HostConfig.LogConfig", "TaskTemplate.LogDriver"},

	Profiles: Profiles{
		Baseline: Default, Standard: Default, CIS: Default,
		// A container without logs leaves nothing to look at after it has been broken into.
		Restricted: With(func(l *LogDriver) { l.Allow = []string{"json-file", "local", "journald"} }),
	},
	New: func() Rule { return &LogDriver{Allow: []string{"json-file", "local", "journald", "none"}} },
})

// Prepare implements [Preparer]. Names that are paths are found in moby daemon/logger/plugin.go, getPlugin.
func (l *LogDriver) Prepare() error { return checkDriverNames("allow", l.Allow) }

// Check implements [Rule]. Options need no look: those of the drivers allowed by default only shape files on the host.
func (l *LogDriver) Check(r *request.Request, out *Findings) {
	log := r.Workload.Log
	if d := log.V.Driver; d != "" && !slices.Contains(l.Allow, d) {
		out.Add(log.Field+out.Either(".Type", ".Name"), "is "+quote(d), listed(l.Allow))
	}
}
