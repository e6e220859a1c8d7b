package rules

import (
	"strings"

	"caisson/authz/request"
)

// SharedNamespaces says whose namespaces a container may join.
type SharedNamespaces struct {
	Allow []string `toml:"allow" comment:"names or IDs of containers that others may join, as the client writes them; * and ** are wildcards"`
}

// joinable is what any container has to be before another one takes a share in it: the Engine resolves the name again, when the
// workload starts.
const joinable = "a container that exists and that the policy would let be created"

var _ = register(&Spec{
	ID:    "shared-namespaces",
	Title: "Only namespaces of containers that keep to the policy are joined",
	Why: "container:X gives a container the namespaces of X, whatever they are: the host's if X has those. So X is looked up and judged by " +
		"every rule, and so is what X itself joins.",
	Fix:   "name a running container, or drop container:… and let the containers talk over a network of their own",
	Refs:  []string{"CIS 5.10", "CIS 5.16", "CIS 5.17"},
	Doors: []request.Door{request.DoorCreate},
	Fields: []string{
		"HostConfig.PidMode", "HostConfig.IpcMode", "HostConfig.NetworkMode", "HostConfig.UTSMode", "HostConfig.UsernsMode",
		"HostConfig.CgroupnsMode", "HostConfig.Cgroup",
	},

	Profiles: Profiles{
		Baseline: Default, Standard: Default, CIS: Default,
		Restricted: With(func(s *SharedNamespaces) { s.Allow = nil }),
	},
	New: func() Rule { return &SharedNamespaces{Allow: []string{"**"}} },
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
		resolved, judged := w.Judged[ns.Field]
		gone := !judged && w.Door == request.DoorStored // nobody knows any more what it was
		switch name := strings.TrimPrefix(ns.V.Ref, "/"); {
		case !matchAny(s.Allow, name) && (!judged || !matchAny(s.Allow, resolved)):
			out.AddFix(ns.Field, "joins the container "+quote(name), listed(s.Allow), "drop container:…, or have the operator add the container to rules.shared-namespaces.allow")
			if gone && len(s.Allow) > 0 { // its name may have been among them
				out.Unsettled()
			}
		case !judged:
			out.Add(ns.Field, "joins the container "+quote(name)+", which does not exist", joinable)
			if gone {
				out.Unsettled()
			}
		}
	}
	if c := w.CgroupJoin; c.V.Mode == request.NamespaceOther {
		out.AddFix(c.Field, "is "+quote(c.V.Raw), "not set", "leave HostConfig.Cgroup out")
	}
}
