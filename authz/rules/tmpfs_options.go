package rules

import (
	"slices"
	"strings"

	"caisson/authz/request"
)

// TmpfsOptions says how a file system in memory may be mounted.
type TmpfsOptions struct {
	Dev  bool `toml:"dev" comment:"allow device files on a tmpfs"`
	Suid bool `toml:"suid" comment:"allow programs on a tmpfs to change user by their set-user-ID bit"`
	Exec bool `toml:"exec" comment:"allow programs on a tmpfs to run"`
}

var _ = register(&Spec{
	ID:    "tmpfs-options",
	Title: "Temporary file systems keep their safe mount options",
	Why: "The Engine mounts a tmpfs with nodev, nosuid and noexec. Without the first two, a writable directory can hold device files and " +
		"set-user-ID programs.",
	Fix:    "drop the option from --tmpfs, or have the operator allow it in rules.tmpfs-options",
	Doors:  []request.Door{request.DoorCreate, request.DoorService},
	Fields: []string{"HostConfig.Tmpfs", "HostConfig.Mounts.TmpfsOptions", "TaskTemplate.ContainerSpec.Mounts.TmpfsOptions"},

	// exec stays allowed but in restricted: --tmpfs /run:exec is common, and what runs there could run from a volume as well.
	Profiles: Profiles{
		Baseline: Default, Standard: Default, CIS: Default,
		Restricted: With(func(t *TmpfsOptions) { t.Exec = false }),
	},
	New: func() Rule { return &TmpfsOptions{Exec: true} },
})

// safeTmpfsFlags and safeTmpfsValues are the mount options that always pass. The Engine also takes bind, remount and the
// propagation modes (moby/sys/mount/flags_unix.go, MergeTmpfsOptions), which have no honest use on a tmpfs.
var (
	safeTmpfsFlags = []string{
		"", "defaults", "ro", "rw", "nosuid", "nodev", "noexec", "sync", "async", "dirsync", "atime", "noatime", "diratime", "nodiratime",
		"relatime", "norelatime", "strictatime", "nostrictatime", "private", "rprivate",
	}
	safeTmpfsValues = []string{"size", "mode", "uid", "gid", "nr_inodes", "nr_blocks", "mpol"}
)

// Check implements [Rule]. An option counts even if a later one takes it back.
func (t *TmpfsOptions) Check(r *request.Request, out *Findings) {
	for i := range r.Workload.Mounts {
		m := &r.Workload.Mounts[i]
		if m.Type != request.MountTmpfs {
			continue
		}
		for o := range strings.SplitSeq(m.TmpfsOptions, ",") {
			if !t.allows(o) {
				out.Add(m.Field, "has the mount option "+quote(optionName(o)), listed(t.allowed()))
			}
		}
	}
}

// allows judges one word of the options. A name with a value is never a flag.
func (t *TmpfsOptions) allows(option string) bool {
	if name, _, ok := strings.Cut(option, "="); ok {
		return slices.Contains(safeTmpfsValues, name)
	}
	return slices.Contains(safeTmpfsFlags, option) || slices.Contains(t.allowed(), option)
}

// allowed lists the common options that pass, and those of the three that the operator allows.
func (t *TmpfsOptions) allowed() []string {
	names := []string{"ro", "rw", "noexec", "nosuid", "nodev", "size", "mode", "uid", "gid"}
	for _, o := range []struct {
		name string
		on   bool
	}{{"exec", t.Exec}, {"dev", t.Dev}, {"suid", t.Suid}} {
		if o.on {
			names = append(names, o.name)
		}
	}
	return names
}
