package rules

import "caisson/authz/request"

// HostPID refuses the host's process namespace.
type HostPID struct{}

var _ = register(&Spec{
	ID:     "host-pid",
	Title:  "No host PID namespace",
	Why:    "In the host's PID namespace a container sees every process of the host, its environment and, as root, its memory and its files.",
	Fix:    "drop --pid=host; to watch one container, ask for an exception for the tool's image",
	Refs:   []string{"CIS 5.16", "PSS baseline: host namespaces"},
	Doors:  []request.Door{request.DoorCreate},
	Fields: []string{"HostConfig.PidMode"},

	Profiles: Everywhere,
	New:      func() Rule { return &HostPID{} },
})

// Check implements [Rule].
func (*HostPID) Check(r *request.Request, out *Findings) { refuseHost(r.Workload.PID, out) }
