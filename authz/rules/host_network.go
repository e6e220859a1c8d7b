package rules

import "caisson/authz/request"

// HostNetwork refuses the host's network namespace. Networks by name are no business of this rule.
type HostNetwork struct{}

var _ = register(&Spec{
	ID:    "host-network",
	Title: "No host network namespace",
	Why: "In the host's network namespace a container reaches what listens on localhost and on abstract sockets only, among them the " +
		"sockets of containerd's shims, can read the host's traffic and take any port.",
	Fix:    "drop --network=host and publish the ports the program listens on, with -p",
	Refs:   []string{"CIS 5.10", "CVE-2020-15257", "PSS baseline: host namespaces"},
	Doors:  []request.Door{request.DoorCreate, request.DoorService},
	Fields: []string{"HostConfig.NetworkMode", "TaskTemplate.Networks.Target", "Networks.Target"},

	Profiles: Everywhere,
	New:      func() Rule { return &HostNetwork{} },
})

// Check implements [Rule]. The Engine refuses the host's network by its ID to containers, but not to services; what theirs stand for
// has been looked up.
func (*HostNetwork) Check(r *request.Request, out *Findings) {
	n := r.Workload.Network
	if n.V.Mode != request.NamespaceOther && n.V.Mode != request.NamespaceHost {
		return
	}
	got := "is " + quote(n.V.Raw)
	switch service := r.Workload.Door == request.DoorService; {
	case n.V.Mode == request.NamespaceOther && service:
		out.AddFix(n.Field, got+", which the Engine does not find", "a network by name", "make the network first, or correct its name")
	case n.V.Mode == request.NamespaceHost && n.V.Raw != "host":
		out.Add(n.Field, got+", which is the host's network", "a network by name")
	default:
		out.Add(n.Field, got, "bridge, none, or a network by name")
	}
}
