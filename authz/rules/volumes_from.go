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
	Title: "No taking over of other containers' mounts",
	Why: "--volumes-from gives a container every mount of another one, its host paths among them, without naming any. What a tool was " +
		"trusted with, anybody gets.",
	Fix:    "mount the volumes by name with -v, or have the operator add the container to rules.volumes-from.allow",
	Doors:  []request.Door{request.DoorCreate},
	Fields: []string{"HostConfig.VolumesFrom"},

	Profiles: Everywhere,
	New:      func() Rule { return &VolumesFrom{} },
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
		if name = strings.TrimPrefix(name, "/"); !matchAny(v.Allow, name) {
			out.Add(from.At(i), "takes the mounts of the container "+quote(name), listed(v.Allow))
		}
	}
}
