package rules

import "caisson/authz/request"

// HostUserns refuses to leave the daemon's user namespace remapping.
type HostUserns struct{}

var _ = register(&Spec{
	ID:     "host-userns",
	Title:  "No host user namespace",
	Why:    "Where the daemon remaps users (userns-remap), --userns=host switches that off for the container: its root is the host's root again.",
	Fix:    "drop --userns=host",
	Refs:   []string{"CIS 5.31", "PSS baseline: host namespaces"},
	Doors:  []request.Door{request.DoorCreate},
	Fields: []string{"HostConfig.UsernsMode"},

	Profiles: Everywhere,
	New:      func() Rule { return &HostUserns{} },
})

// Check implements [Rule].
func (*HostUserns) Check(r *request.Request, out *Findings) { refuseHost(r.Workload.UserNS, out) }
