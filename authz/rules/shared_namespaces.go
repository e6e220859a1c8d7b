package rules

import (
	"strings"

	"caisson/authz/request"
)

// SharedNamespaces refuses to join the namespaces of another container.
type SharedNamespaces struct {
	Allow []string `toml:"allow" comment:"names or IDs of containers that others may join, as the client writes them; * and ** are wildcards"`
}

var _ = register(&Spec{
	ID:    "shared-namespaces",
	Title: "No joining of other containers' namespaces",
	Why: "container:X gives a container the namespaces of X, whatever they are: the host's if X has those. X may be made or replaced later, " +
		"and its processes, memory and local ports lie open to the newcomer.",
	Fix: "drop container:… and let the containers talk over a network of their own, or have the operator add the container to " +
		"rules.shared-namespaces.allow",
	Refs:  []string{"CIS 5.10", "CIS 5.16", "CIS 5.17"},
	Doors: []request.Door{request.DoorCreate},
	Fields: []string{
		"HostConfig.PidMode", "HostConfig.IpcMode", "HostConfig.NetworkMode", "HostConfig.UTSMode", "HostConfig.UsernsMode",
		"HostConfig.CgroupnsMode", "HostConfig.Cgroup",
	},

	Profiles: Everywhere,
	New:      func() Rule { return &SharedNamespaces{} },
})

// Prepare implements [Preparer].
func (s *SharedNamespaces) Prepare() error { return checkGlobs("allow", s.Allow) }

// Check implements [Rule].
func (s *SharedNamespaces) Check(r *request.Request, out *Findings) {
	w := r.Workload
	// The Engine knows no container: for UTS, user and cgroup namespaces today; if it learns it, this rule is there.
	for _, ns := range []request.Value[request.Namespace]{w.PID, w.IPC, w.Network, w.UTS, w.UserNS, w.CgroupNS, w.CgroupJoin} {
		if ns.V.Mode != request.NamespaceContainer {
			continue
		}
		// The Engine takes a container's name with and without its slash (moby daemon/container.go, GetContainer).
		if name := strings.TrimPrefix(ns.V.Ref, "/"); !matchAny(s.Allow, name) {
			out.Add(ns.Field, "joins the container "+quote(name), listed(s.Allow))
		}
	}
	if c := w.CgroupJoin; c.V.Mode == request.NamespaceOther {
		out.AddFix(c.Field, "is "+quote(c.V.Raw), "not set", "leave HostConfig.Cgroup out")
	}
}
