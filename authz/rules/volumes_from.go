package rules

import (
	"strings"

	"caisson/authz/request"
)

// VolumesFrom says whose mounts a container may take over.
type VolumesFrom struct {
	Allow []string `toml:"allow" comment:"names or IDs of containers whose mounts others may take, as the client writes them; * and ** are wildcards"`
}

var _ = register(&Spec{
	ID:    "volumes-from",
	Title: "Only mounts of containers that keep to the policy are taken over",
	Why: "--volumes-from gives a container every mount of another one, its host paths among them, without naming any. So that container " +
		"is looked up and judged by every rule.",
	Fix:    "mount the volumes by name with -v",
	Doors:  []request.Door{request.DoorCreate},
	Fields: []string{"HostConfig.VolumesFrom"},

	Profiles: Profiles{
		Baseline: Default, Standard: Default, CIS: Default,
		Restricted: With(func(v *VolumesFrom) { v.Allow = nil }),
	},
	New: func() Rule { return &VolumesFrom{Allow: []string{"**"}} },
})

// Prepare implements [Preparer].
func (v *VolumesFrom) Prepare() error { return checkGlobs("allow", v.Allow) }

// Check implements [Rule].
//
// Source: moby daemon/volume/mounts/linux_parser.go, ParseVolumesFrom: container[:mode].
func (v *VolumesFrom) Check(r *request.Request, out *Findings) {
	from := r.Workload.VolumesFrom
	for i, spec := range from.V {
		name, _, _ := strings.Cut(spec, ":")
		resolved, judged := r.Workload.Judged[from.At(i)]
		switch name = strings.TrimPrefix(name, "/"); {
		case !matchAny(v.Allow, name) && (!judged || !matchAny(v.Allow, resolved)):
			out.AddFix(from.At(i), "takes the mounts of the container "+quote(name), listed(v.Allow),
				"mount the volumes by name with -v, or have the operator add the container to rules.volumes-from.allow")
		case !judged && r.Workload.Door != request.DoorStored: // of a stored container, the mounts themselves are judged
			out.Add(from.At(i), "takes the mounts of the container "+quote(name)+", which does not exist", joinable)
		}
	}
}
