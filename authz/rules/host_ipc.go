package rules

import "caisson/authz/request"

// HostIPC refuses the host's IPC namespace.
type HostIPC struct{}

var _ = register(&Spec{
	ID:     "host-ipc",
	Title:  "No host IPC namespace",
	Why:    "In the host's IPC namespace a container can read and change the shared memory, semaphores and message queues of the host's programs.",
	Fix:    "drop --ipc=host; for more shared memory use --shm-size",
	Refs:   []string{"CIS 5.17", "PSS baseline: host namespaces"},
	Doors:  []request.Door{request.DoorCreate},
	Fields: []string{"HostConfig.IpcMode"},

	Profiles: Everywhere,
	New:      func() Rule { return &HostIPC{} },
})

// Check implements [Rule].
func (*HostIPC) Check(r *request.Request, out *Findings) { refuseHost(r.Workload.IPC, out) }
