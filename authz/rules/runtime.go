package rules

import (
	"slices"
	"strings"

	"caisson/authz/request"
)

// Runtime says which OCI runtimes a container may choose.
type Runtime struct {
	Allow []string `toml:"allow" comment:"runtimes that may be chosen, by exact name; the daemon's default always passes when it is not named"`
}

var _ = register(&Spec{
	ID:    "runtime",
	Title: "The daemon chooses the runtime",
	Why: "The runtime is what confines the container. Naming another one leaves a sandbox that is the host's default, or runs any " +
		"containerd shim in the daemon's path as root.",
	Fix:    "drop --runtime (and --isolation), or have the operator add the runtime to rules.runtime.allow",
	Doors:  []request.Door{request.DoorCreate, request.DoorService},
	Fields: []string{"HostConfig.Runtime", "HostConfig.Isolation", "TaskTemplate.ContainerSpec.Isolation"},

	Profiles: Everywhere,
	New:      func() Rule { return &Runtime{} },
})

// Check implements [Rule].
func (t *Runtime) Check(r *request.Request, out *Findings) {
	if name := r.Workload.Runtime; name.V != "" && !slices.Contains(t.Allow, name.V) {
		out.Add(name.Field, "is "+quote(name.V), listed(append([]string{"the daemon's default, by leaving it out"}, t.Allow...)))
	}
	// moby api/types/container, Isolation.IsDefault
	if tech := r.Workload.Technology; tech.V != "" && strings.ToLower(tech.V) != "default" {
		out.Add(tech.Field, "is "+quote(tech.V), "default")
	}
}
