package rules

import (
	"fmt"
	"path"
	"strings"

	"github.com/bmatcuk/doublestar/v4"

	"caisson/authz/request"
)

// BindMounts says which paths of the host a container may mount.
type BindMounts struct {
	Allow   []BindPath `toml:"allow" comment:"host paths that may be mounted"`
	Protect []string   `toml:"protect" comment:"host paths that are never mounted, nor what lies below or above them; added to the built-in ones"`
	Relabel bool       `toml:"relabel" comment:"let a mount relabel the host's files for SELinux (options z and Z)"`

	index *bindIndex
}

// bindIndex is what Prepare makes of the options.
type bindIndex struct {
	allow   globIndex
	protect treeIndex
	listed  string // the allowed paths, for messages
}

// BindPath is a host path, or a pattern for several, that may be mounted.
type BindPath struct {
	Path     string `toml:"path" comment:"\"/srv\" is that path alone, \"/srv/*\" what lies directly in it, \"/srv/**\" the path and all below"`
	ReadOnly bool   `toml:"read_only" comment:"only if the mount is read-only"`
}

func (b BindPath) String() string {
	if b.ReadOnly {
		return b.Path + " (read-only)"
	}
	return b.Path
}

var _ = register(&Spec{
	ID:    "bind-mounts",
	Title: "Only listed host paths are mounted",
	Why: "A container that mounts /etc, /root or the Engine's socket is root on the host. A symbolic link below a listed directory counts " +
		"as the path that it leads to. It may be put there after Caisson has looked, so nobody but trusted users should be able to write there.",
	Fix:    "use a named volume, or have the operator add the directory to rules.bind-mounts.allow",
	Refs:   []string{"CIS 5.6", "CIS 5.32", "PSS baseline: hostPath volumes"},
	Doors:  []request.Door{request.DoorCreate, request.DoorService},
	Fields: []string{"HostConfig.Binds", "HostConfig.Mounts", "TaskTemplate.ContainerSpec.Mounts"},

	Profiles: Profiles{
		Baseline: Default, Standard: Default, CIS: Default,
		Restricted: With(func(b *BindMounts) { b.Allow = nil }),
	},
	New: func() Rule { return &BindMounts{Allow: []BindPath{{"/etc/localtime", true}, {"/etc/timezone", true}}} },
})

// Prepare implements [Preparer].
func (b *BindMounts) Prepare() error {
	for _, p := range b.Protect {
		if !path.IsAbs(p) || path.Clean(p) != p {
			return fmt.Errorf("protect: %q is not a clean absolute path; write it like /srv/data", p)
		}
	}
	b.index = b.newIndex()
	for _, a := range b.Allow {
		if err := checkPathGlob("allow", a.Path); err != nil {
			return err
		}
		if why := protectedBy(a.Path, &b.index.protect); why != "" {
			return fmt.Errorf("allow: %q stays protected: %s; allow a path beside it, or make an exception", a.Path, why)
		}
	}
	return nil
}

func (b *BindMounts) newIndex() *bindIndex {
	paths := make([]string, len(b.Allow))
	for i, a := range b.Allow {
		paths[i] = a.Path
	}
	return &bindIndex{newGlobIndex(paths), protection(b.Protect), listed(b.allowed())}
}

// checkPathGlob checks a pattern for clean absolute paths. One that is not clean itself would match nothing.
func checkPathGlob(option, p string) error {
	if !path.IsAbs(p) || path.Clean(p) != p {
		return fmt.Errorf("%s: %q is not a clean absolute path; write it like /srv/data or /srv/data/**", option, p)
	}
	return checkGlobs(option, []string{p})
}

// Check implements [Rule].
func (b *BindMounts) Check(r *request.Request, out *Findings) {
	x := b.index
	if x == nil { // nobody has called Prepare
		x = b.newIndex()
	}
	for i := range r.Workload.Mounts {
		switch m := &r.Workload.Mounts[i]; m.Type {
		case request.MountUnknown:
			out.AddFix(m.Field, "cannot be understood: "+m.Problem, "source:target[:options], or a mount of a known type", "correct the mount")
		case request.MountBind:
			b.checkBind(x, m, out)
		default: // no path of the host
		}
	}
}

func (b *BindMounts) checkBind(x *bindIndex, m *request.Mount, out *Findings) {
	got := "mounts the host's " + quote(m.Path)
	if why := protectedBy(m.Path, &x.protect); why != "" {
		fix := "use a named volume; a protected path needs an exception"
		if builtInSelf.reaches(m.Path, readOnly(m)) != "" {
			fix = "use a named volume" // no exception would help
		}
		out.AddFix(m.Field, got+", which is protected: "+why, x.listed, fix)
		return
	}
	if m.Link != "" {
		if why := protectedBy(m.Resolved, &x.protect); why != "" {
			out.AddFix(m.Field, got+", which leads to "+quote(m.Resolved)+", which is protected: "+why, x.listed, "mount a directory without such links")
			return
		}
	}
	listedPath, leadsOut, passes := false, false, false
	for i := range x.allow.matches(m.Path) {
		if a := &b.Allow[i]; !a.holds(m) && !b.lists(x, m.Resolved, readOnly(m)) {
			leadsOut = true
		} else {
			listedPath, passes = true, passes || !a.ReadOnly || readOnly(m)
		}
	}
	switch {
	case !listedPath && leadsOut:
		out.AddFix(m.Field, got+", which leads to "+quote(m.Resolved)+" outside the allowed paths", x.listed, "mount a directory without such links")
	case !listedPath:
		out.Add(m.Field, got+", which is outside the allowed paths", x.listed)
	case !passes && m.ReadOnly:
		out.AddFix(m.Field, got+" with writable mounts below it", x.listed, "drop bind-recursive=writable")
	case !passes:
		out.AddFix(m.Field, got+" writable", x.listed, "mount it read-only, with :ro or readonly")
	}
	if m.Relabel && !b.Relabel {
		out.AddFix(m.Field, "relabels the host's "+quote(m.Path)+" for SELinux", "no option z or Z", "drop the option z or Z")
	}
}

// holds tells whether the links on the way of a mount are the operator's: those of what the pattern names itself. Users can put links
// into what the pattern leaves open.
func (b *BindPath) holds(m *request.Mount) bool {
	base := b.Path
	if strings.ContainsAny(base, `*?[{\`) {
		base, _ = doublestar.SplitPattern(base)
	}
	return m.Link == "" || below(base, m.Link)
}

// lists tells whether the list lets a path be mounted.
func (b *BindMounts) lists(x *bindIndex, path string, readOnly bool) bool {
	for i := range x.allow.matches(path) {
		if !b.Allow[i].ReadOnly || readOnly {
			return true
		}
	}
	return false
}

// readOnly tells whether a mount is read-only and does not ask for writable mounts below it. Engines before 25.0, and newer ones
// for API versions below 1.44, leave those writable without being asked; that is theirs to fix, as a request cannot tell.
func readOnly(m *request.Mount) bool { return m.ReadOnly && !m.ReadOnlyNonRecursive }

func (b *BindMounts) allowed() []string {
	words := make([]string, len(b.Allow))
	for i, a := range b.Allow {
		words[i] = a.String()
	}
	return words
}
