package rules

import (
	"fmt"
	"iter"
	"path"
	"regexp"
	"slices"
	"strings"

	"caisson/authz/request"
)

// SelfProtection keeps Caisson, and the plugins of the Engine that it is one of, out of reach of the API that they guard.
type SelfProtection struct {
	Paths []string `toml:"paths" comment:"further host paths out of reach, such as the Engine's data root if it is not /var/lib/docker"`

	own   []tree // of the running process
	index *selfIndex
}

// selfIndex holds what is out of reach: all of it, and what is also out of reach of those who can only read.
type selfIndex struct{ all, sealed treeIndex }

// builtInSelf protects what is built in, and nothing else.
var builtInSelf = new(SelfProtection)

var _ = register(&Spec{
	ID:    "self-protection",
	Title: "Nobody changes Caisson through the Engine",
	Why: "Whoever disables a plugin, or writes to Caisson's policy, to the folders in which the Engine looks for plugins or to the Engine's " +
		"own data, has switched authorization off for everybody. So this rule is part of every policy: it cannot be switched off, audited by " +
		"itself or waived by an exception.",
	Fix:   `have an administrator make the change on the host, with mode = "audit" in the policy for as long as it takes`,
	Doors: []request.Door{request.DoorCreate, request.DoorVolume, request.DoorService},
	Ops:   pluginOperations,
	Fields: []string{
		"HostConfig.Binds", "HostConfig.Mounts", "HostConfig.Devices", "DriverOpts", "TaskTemplate.ContainerSpec.Mounts",
	},

	Permanent: true,
	Profiles:  Everywhere,
	New:       func() Rule { return &SelfProtection{} },
})

// pluginOperations are those that change plugins. A plugin is named by name, ID or the beginning of an ID; all are refused alike.
var pluginOperations = []request.Operation{
	request.PluginCreate, request.PluginPull, request.PluginSet, request.PluginUpgrade, request.PluginEnable, request.PluginDisable,
	request.PluginDelete,
}

// tree is a part of the host's file system. A sealed one is also kept from those who can only read: it holds sockets, or mounts of
// others that stay writable.
type tree struct {
	path   string
	sealed bool
}

// ownTrees are where Caisson and the Engine's plugins are unless they have been put somewhere else. Both spellings of /var/run and of
// /lib stand here, as one is a link to the other on today's systems.
var ownTrees = []tree{
	{"/etc/caisson", false},
	{"/var/lib/caisson", false},
	{"/var/log/caisson", false},
	{"/run/caisson", true},
	{"/var/run/caisson", true},
	{"/run/docker/plugins", true},
	{"/var/run/docker/plugins", true},
	{"/etc/docker", false},
	{"/usr/lib/docker", false},
	{"/lib/docker", false},
	{"/usr/libexec/docker", false},
	{"/var/lib/docker", true},
}

// containerLogs is the part of the Engine's data that log shippers read. Whether they may is for bind-mounts to say.
const containerLogs = "/var/lib/docker/containers"

// throughProcess are paths that lead anywhere: to what another process has open, or sees as its root.
var throughProcess = regexp.MustCompile(`^(/proc/[^/]+(/task/[^/]+)?/(root|cwd|exe|fd|map_files)|/dev/fd)(/|$)`)

// Protect adds where the parts of the running process are: files, and folders of sockets.
func (s *SelfProtection) Protect(files, sockets []string) {
	for _, f := range files {
		s.own = append(s.own, tree{f, false})
	}
	for _, f := range sockets {
		s.own = append(s.own, tree{f, true})
	}
	s.index = s.newIndex()
}

func (s *SelfProtection) newIndex() *selfIndex {
	var all, sealed []string
	list := slices.Concat(ownTrees, s.own)
	for _, p := range s.Paths {
		list = append(list, tree{p, true})
	}
	for _, t := range list {
		if all = append(all, t.path); t.sealed {
			sealed = append(sealed, t.path)
		}
	}
	return &selfIndex{newTreeIndex(all), newTreeIndex(sealed)}
}

// Prepare implements [Preparer].
func (s *SelfProtection) Prepare() error {
	for _, p := range s.Paths {
		if !path.IsAbs(p) || path.Clean(p) != p {
			return fmt.Errorf("paths: %q is not a clean absolute path; write it like /srv/docker", p)
		}
	}
	s.index = s.newIndex()
	return nil
}

// Check implements [Rule].
func (s *SelfProtection) Check(r *request.Request, out *Findings) {
	w := r.Workload
	if w == nil {
		out.Add(r.Route.Method+" "+plainTemplate(r.Route.Template), "changes plugins, which run as root, and of which Caisson may be one",
			"plugins that an administrator manages")
		return
	}
	for i := range w.Mounts {
		s.checkMount(&w.Mounts[i], w.Door, out)
	}
	for i, d := range w.Devices.V { // of a directory the Engine hands in all devices below
		if why := s.reaches(d.PathOnHost, false); why != "" {
			out.AddFix(w.Devices.At(i), "hands in the host's "+quote(d.PathOnHost)+", "+why, outOfReach, "hand in just the device that the program needs")
		}
	}
}

const (
	outOfReach = "paths that hold nothing of Caisson or of the Engine's plugins"
	mountLess  = "mount just the directory that the program needs; these files are for an administrator on the host"
)

func (s *SelfProtection) checkMount(m *request.Mount, door request.Door, out *Findings) {
	field := m.Field
	if door == request.DoorVolume {
		field = "DriverOpts"
	}
	harmless := m.Type == request.MountBind && readOnly(m)
	for _, p := range []string{m.HostPath(), m.Resolved} {
		if why := s.reaches(p, harmless); why != "" {
			out.AddFix(field, "mounts the host's "+quote(p)+", "+why, outOfReach, mountLess)
			return
		}
	}
	if m.Lost != "" {
		out.AddFix(field, "mounts the host's "+quote(m.HostPath())+", and it cannot be told where that leads: "+m.Lost, "paths that Caisson can follow",
			"mount a directory that is there; the service of Caisson has to see the files that dockerd sees")
		out.Unsettled() // a container that runs has what the path led to when it began
	}
	for option, p := range driverPaths(m) {
		if why := s.reaches(p, false); why != "" {
			out.AddFix(field, "names the host's "+quote(p)+" in the option "+quote(option)+", "+why, outOfReach, mountLess)
			return
		}
	}
}

// driverPaths yields the options of a volume driver that name paths of the host beside the device, with these paths: the layers of an
// overlay, and whatever looks like a path to a driver that is not the local one.
func driverPaths(m *request.Mount) iter.Seq2[string, string] {
	return func(yield func(string, string) bool) {
		for _, option := range request.Keys(m.DriverOptions) {
			value := m.DriverOptions[option]
			list := []string{value}
			if m.Driver == "" || m.Driver == "local" {
				list = overlayPaths(option, value)
			}
			for _, p := range list {
				if path.IsAbs(p) && !yield(option, path.Clean(p)) {
					return
				}
			}
		}
	}
}

// overlayPaths lists the directories in mount options such as lowerdir=/a:/b,upperdir=/c.
func overlayPaths(option, value string) (list []string) {
	if option != "o" {
		return nil
	}
	for o := range strings.SplitSeq(value, ",") {
		if key, dirs, _ := strings.Cut(o, "="); strings.HasPrefix(key, "lowerdir") || key == "upperdir" || key == "workdir" {
			list = append(list, strings.Split(dirs, ":")...)
		}
	}
	return list
}

// reaches says how who gets a path gets at what is protected, and "" if they do not.
func (s *SelfProtection) reaches(p string, readOnly bool) string {
	if p == "" {
		return ""
	}
	x := s.index
	if x == nil { // nobody has called Prepare
		x = s.newIndex()
	}
	trees := &x.all
	if readOnly {
		trees = &x.sealed
	}
	if !readOnly || !below(p, containerLogs) {
		if why := how(trees, p); why != "" {
			return why
		}
	}
	if throughProcess.MatchString(p) {
		return "which leads through a process to any file"
	}
	return ""
}

// how words what a path has to do with the first tree that it has to do with.
func how(trees *treeIndex, p string) string {
	switch t, ok := trees.find(p); {
	case !ok:
		return ""
	case p == t:
		return "which is Caisson's or the Engine's own"
	case below(p, t):
		return "which lies in " + t
	default:
		return "which holds " + t
	}
}
