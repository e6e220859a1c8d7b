package rules

import (
	"slices"

	"caisson/authz/request"
)

// AppArmor refuses AppArmor profiles other than the Engine's own.
type AppArmor struct {
	Allow []string `toml:"allow" comment:"names of the profiles a container may choose"`
}

var _ = register(&Spec{
	ID:    "apparmor",
	Title: "The Engine's AppArmor profile stays on",
	Why: "The profile denies mounts and writes below /proc and /sys even to a container's root. Any other profile loaded on the host may be " +
		"made for another program and allow more.",
	Fix:        "drop --security-opt apparmor=…; if the program needs a profile of its own, have the operator add its name to rules.apparmor.allow",
	ServiceFix: "leave Privileges.AppArmor out of the service",
	Refs:       []string{"CIS 5.2", "PSS baseline: AppArmor"},
	Doors:      []request.Door{request.DoorCreate, request.DoorService},
	Fields:     []string{"HostConfig.SecurityOpt", "TaskTemplate.ContainerSpec.Privileges.AppArmor"},

	Profiles: Everywhere,
	New:      func() Rule { return &AppArmor{Allow: []string{"docker-default"}} },
})

// Check implements [Rule]. Names are compared exactly: a stacked one, a//&b, is a profile of its own.
func (a *AppArmor) Check(r *request.Request, out *Findings) {
	for field, profile := range securityOpts(r.Workload, "apparmor") {
		if profile != "" && !slices.Contains(a.Allow, profile) {
			out.Add(field, "is the AppArmor profile "+quote(profile), listed(a.Allow))
		}
	}
}
