package rules

import (
	"strings"

	"caisson/authz/request"
)

// TmpfsSize asks for a size on every file system in memory.
type TmpfsSize struct {
	Max Size `toml:"max" comment:"largest size; 0 sets no bound, but a size must be given"`
}

var _ = register(&Spec{
	ID:    "tmpfs-size",
	Title: "Every tmpfs has a size",
	Why:   "A tmpfs without a size grows to half of the host's memory, and where the container has no memory limit nothing else stops it.",
	Fix:   "give a size, such as --tmpfs /run:size=64m or --mount type=tmpfs,destination=/run,tmpfs-size=64m",
	Doors: []request.Door{request.DoorCreate, request.DoorService},
	Fields: []string{
		"HostConfig.Tmpfs", "HostConfig.Mounts.TmpfsOptions.SizeBytes",
		"TaskTemplate.ContainerSpec.Mounts.TmpfsOptions.SizeBytes",
	},

	// Not in baseline: --tmpfs /run without a size is how images with a read-only root file system are run.
	Profiles: Profiles{Restricted: Default},
	New:      func() Rule { return &TmpfsSize{} },
})

// Check implements [Rule]. A tmpfs comes from HostConfig.Tmpfs or from a mount of type tmpfs; both are in Mounts.
func (t *TmpfsSize) Check(r *request.Request, out *Findings) {
	for i := range r.Workload.Mounts {
		m := &r.Workload.Mounts[i]
		switch {
		case m.Type != request.MountTmpfs:
		case setsBlocks(m.TmpfsOptions):
			out.AddFix(m.Field, "sets nr_blocks", t.limits(), "give the size as size=64m")
		case m.SizeBytes <= 0:
			out.Add(m.Field, "has no fixed size", t.limits()) // a percentage is one of the host's memory
		case t.Max > 0 && m.SizeBytes > int64(t.Max):
			out.Add(m.Field, "has the size "+Size(m.SizeBytes).String(), t.limits())
		}
	}
}

// setsBlocks finds the other spelling of the size. The kernel keeps one value for both, the last one given, and 0 blocks is no
// bound (Linux mm/shmem.c, shmem_parse_one).
func setsBlocks(options string) bool {
	for o := range strings.SplitSeq(options, ",") {
		if strings.HasPrefix(o, "nr_blocks=") {
			return true
		}
	}
	return false
}

// limits words what would pass.
func (t *TmpfsSize) limits() string {
	if t.Max > 0 {
		return "a size of at most " + t.Max.String()
	}
	return "any size above 0"
}
