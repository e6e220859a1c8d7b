package rules

import "caisson/authz/request"

// MountTypes refuses types of mounts that have no place on a Linux host without swarm.
type MountTypes struct{}

var _ = register(&Spec{
	ID:    "mount-types",
	Title: "No cluster volumes or named pipes",
	Why: "A cluster mount hands the choice of what is mounted to a swarm's storage plugins, and a named pipe is a door of a Windows " +
		"host. No other rule judges them.",
	Fix:    "use a named volume",
	Doors:  []request.Door{request.DoorCreate, request.DoorService},
	Fields: []string{"HostConfig.Mounts", "TaskTemplate.ContainerSpec.Mounts"},

	Profiles: Everywhere,
	New:      func() Rule { return &MountTypes{} },
})

// Check implements [Rule].
func (*MountTypes) Check(r *request.Request, out *Findings) {
	for i := range r.Workload.Mounts {
		m := &r.Workload.Mounts[i]
		if m.Type == request.MountCluster || m.Type == request.MountPipe {
			out.Add(m.Field, "is a mount of type "+quote(string(m.Type)), "bind, volume, tmpfs, image")
		}
	}
}
