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
	Doors:  []request.Door{request.DoorCreate},
	Fields: []string{"HostConfig.NetworkMode"},

	Profiles: Everywhere,
	New:      func() Rule { return &HostNetwork{} },
})

// Check implements [Rule]. The host's network by its ID needs no look here: the Engine refuses it to containers.
func (*HostNetwork) Check(r *request.Request, out *Findings) {
	if n := r.Workload.Network; n.V.Mode == request.NamespaceHost || n.V.Mode == request.NamespaceOther {
		out.Add(n.Field, "is "+quote(n.V.Raw), "bridge, none, or a network by name")
	}
}
