package rules

import "caisson/authz/request"

// Privileged refuses privileged containers and privileged execs.
type Privileged struct{}

var _ = register(&Spec{
	ID:    "privileged",
	Title: "No privileged containers or execs",
	Why: "A privileged container has every capability and every host device, no seccomp, AppArmor or SELinux confinement and a writable " +
		"/sys: its root is the host's root.",
	Fix:    "drop --privileged and add the single capability or device the program needs",
	Refs:   []string{"CIS 5.5", "CIS 5.23", "PSS baseline: privileged containers"},
	Doors:  []request.Door{request.DoorCreate, request.DoorExec},
	Fields: []string{"HostConfig.Privileged", "Privileged"},

	Profiles: Everywhere,
	New:      func() Rule { return &Privileged{} },
})

// Check implements [Rule].
func (*Privileged) Check(r *request.Request, out *Findings) {
	if p := r.Workload.Privileged; p.V {
		out.Add(p.Field, "is true", "false")
	}
}
