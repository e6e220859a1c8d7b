package rules

import "caisson/authz/request"

// ReadOnlyRootfs asks for a root file system that cannot be written to.
type ReadOnlyRootfs struct{}

var _ = register(&Spec{
	ID:    "read-only-rootfs",
	Title: "The root file system is read-only",
	Why: "What breaks into a container wants to stay there. On a read-only root file system it can neither replace programs nor leave any " +
		"behind, and the image that was judged is what runs.",
	Fix:    "add --read-only (read_only: true in a compose file), and --tmpfs or volumes where the program writes",
	Refs:   []string{"CIS 5.13"},
	Doors:  []request.Door{request.DoorCreate, request.DoorService},
	Fields: []string{"HostConfig.ReadonlyRootfs", "TaskTemplate.ContainerSpec.ReadOnly"},

	// Not in baseline or standard: few images run without writing somewhere.
	Profiles: Profiles{Restricted: Default, CIS: Default},
	New:      func() Rule { return &ReadOnlyRootfs{} },
})

// Check implements [Rule].
func (*ReadOnlyRootfs) Check(r *request.Request, out *Findings) {
	if ro := r.Workload.ReadonlyRootfs; !ro.V {
		out.Add(ro.Field, "is false", "true")
	}
}
