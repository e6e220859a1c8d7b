package rules

import (
	"slices"
	"strings"

	"caisson/authz/request"
)

// CgroupParent says under which control groups a container may run.
type CgroupParent struct {
	Allow []string `toml:"allow" comment:"parent control groups that may be named, such as \"batch.slice\" or \"/batch/*\""`
}

var _ = register(&Spec{
	ID:    "cgroup-parent",
	Title: "Containers run in the daemon's control group",
	Why: "A control group of the container's choice escapes the limits that hold for all containers together, and can be that of a service " +
		"of the host.",
	Fix:    "drop --cgroup-parent (cgroup_parent in a compose file), or have the operator add the group to rules.cgroup-parent.allow",
	Refs:   []string{"CIS 5.25"},
	Doors:  []request.Door{request.DoorCreate},
	Fields: []string{"HostConfig.CgroupParent"},

	// No ordinary command names one; a host that gives groups to teams lists them.
	Profiles: Everywhere,
	New:      func() Rule { return &CgroupParent{} },
})

// Prepare implements [Preparer].
func (c *CgroupParent) Prepare() error { return checkGlobs("allow", c.Allow) }

// Check implements [Rule]. A group is a path, which the Engine joins to its own as it is (moby daemon/oci_linux.go, withCgroups).
func (c *CgroupParent) Check(r *request.Request, out *Findings) {
	parent := r.Workload.CgroupParent
	climbs := slices.Contains(strings.Split(parent.V, "/"), "..")
	if parent.V != "" && (climbs || !matchAny(c.Allow, parent.V)) {
		out.Add(parent.Field, "is "+quote(parent.V), listed(c.Allow))
	}
}
