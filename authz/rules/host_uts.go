package rules

import "caisson/authz/request"

// HostUTS refuses the host's UTS namespace.
type HostUTS struct{}

var _ = register(&Spec{
	ID:     "host-uts",
	Title:  "No host UTS namespace",
	Why:    "In the host's UTS namespace a container with CAP_SYS_ADMIN can rename the host, and what trusts the host's name goes astray.",
	Fix:    "drop --uts=host; to give the container a name use --hostname",
	Refs:   []string{"CIS 5.21"},
	Doors:  []request.Door{request.DoorCreate},
	Fields: []string{"HostConfig.UTSMode"},

	Profiles: Everywhere,
	New:      func() Rule { return &HostUTS{} },
})

// Check implements [Rule].
func (*HostUTS) Check(r *request.Request, out *Findings) { refuseHost(r.Workload.UTS, out) }
