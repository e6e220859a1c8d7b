package rules

import (
	"slices"

	"caisson/authz/request"
)

// GroupAdd says which groups a container may join besides its user's own.
type GroupAdd struct {
	Allow []string `toml:"allow" comment:"groups that may be added, spelled exactly as clients do"`
}

var _ = register(&Spec{
	ID:    "group-add",
	Title: "Only listed additional groups",
	Why: "Group numbers mean the same on the host as in a container. Where host files are mounted, the number of a group such as docker or " +
		"disk opens what the container's user could not.",
	Fix:        "drop --group-add, or have the operator add the group to rules.group-add.allow",
	ServiceFix: "drop --group, or have the operator add the group to rules.group-add.allow",
	Doors:      []request.Door{request.DoorCreate, request.DoorService},
	Fields:     []string{"HostConfig.GroupAdd", "TaskTemplate.ContainerSpec.Groups"},

	// Where no host files are mounted, a group opens nothing; baseline bounds those mounts instead.
	Profiles: Profiles{Restricted: Default},
	New:      func() Rule { return &GroupAdd{} },
})

// Check implements [Rule]. Names are compared as they are: which number a name has is for the image to say.
func (g *GroupAdd) Check(r *request.Request, out *Findings) {
	groups := r.Workload.GroupAdd
	for i, name := range groups.V {
		if !slices.Contains(g.Allow, name) {
			out.Add(groups.At(i), "is "+quote(name), listed(g.Allow))
		}
	}
}
