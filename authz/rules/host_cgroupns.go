package rules

import "caisson/authz/request"

// HostCgroupns refuses the host's cgroup namespace.
type HostCgroupns struct{}

var _ = register(&Spec{
	ID:     "host-cgroupns",
	Title:  "No host cgroup namespace",
	Why:    "In the host's cgroup namespace a container sees the control groups of the whole host, and can change them once it may mount them.",
	Fix:    "drop --cgroupns=host",
	Refs:   []string{"CVE-2022-0492"},
	Doors:  []request.Door{request.DoorCreate},
	Fields: []string{"HostConfig.CgroupnsMode"},

	Profiles: Everywhere,
	New:      func() Rule { return &HostCgroupns{} },
})

// Check implements [Rule]. An empty mode passes, though engines on cgroup v1 take the host's namespace for it: it is the
// daemon's default, and every ordinary client sends it.
func (*HostCgroupns) Check(r *request.Request, out *Findings) { refuseHost(r.Workload.CgroupNS, out) }
