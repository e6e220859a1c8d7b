package rules

import (
	"strconv"

	"caisson/authz/request"
)

// WritableCgroups refuses write access to control groups.
type WritableCgroups struct{}

var _ = register(&Spec{
	ID:    "writable-cgroups",
	Title: "Control groups are mounted read-only",
	Why: "A container that writes to its control groups can make groups of its own, lift what limits its processes there, and use kernel " +
		"interfaces that have led out of containers before.",
	Fix:    "drop --security-opt writable-cgroups",
	Refs:   []string{"CIS 5.25", "CVE-2022-0492"},
	Doors:  []request.Door{request.DoorCreate},
	Fields: []string{"HostConfig.SecurityOpt"},

	Profiles: Everywhere,
	New:      func() Rule { return &WritableCgroups{} },
})

// Check implements [Rule].
func (*WritableCgroups) Check(r *request.Request, out *Findings) {
	for field, value := range securityOpts(r.Workload, "writable-cgroups") {
		if on, err := strconv.ParseBool(value); err != nil || on {
			out.Add(field, "sets writable-cgroups to "+quote(value), "false")
		}
	}
}
