package request

import (
	"fmt"
	"path"
	"strconv"
	"strings"

	"github.com/moby/moby/api/types/mount"
)

// MountType is the kind of a mount. The zero value is a mount that could not be understood.
type MountType string

// The kinds, as the API spells them.
const (
	MountUnknown MountType = ""
	MountBind    MountType = "bind"
	MountVolume  MountType = "volume"
	MountTmpfs   MountType = "tmpfs"
	MountImage   MountType = "image"
	MountCluster MountType = "cluster"
	MountPipe    MountType = "npipe"
)

// Mount is anything mounted into the workload, whichever field asked for it: Binds, Mounts, Tmpfs, Volumes, or volume create.
type Mount struct {
	Field  string // HostConfig.Binds[0], HostConfig.Mounts[1], HostConfig.Tmpfs[/run], Volumes[/data], DriverOpts
	Type   MountType
	Source string // as given: host path, volume name (empty if anonymous) or image
	Path   string // bind: Source cleaned; "" if it is not an absolute path
	Target string

	// Where Path, or the device of a volume, leads on the host, if that has been looked up, and the part of it that ends in the last
	// symbolic link on the way, "" if there is none. Lost says why it cannot be told.
	Resolved, Link, Lost string

	ReadOnly             bool
	ReadOnlyNonRecursive bool   // submounts stay writable under a read-only bind
	Propagation          string // "" is rprivate
	Relabel              bool   // z or Z: the host's files get another SELinux label

	Driver        string // volume driver; "" is local
	DriverOptions map[string]string
	ClusterSpec   bool // volume create: a swarm CSI volume

	TmpfsOptions string // comma-separated, as the Engine hands them to mount(2)
	SizeBytes    int64  // tmpfs; 0 is unlimited

	Problem string // why the mount could not be understood, if it was not
}

// HostPath is the path of the host that a mount names: that of a bind, or the device that a volume's driver is to mount. It is "" if there
// is none.
func (m *Mount) HostPath() string {
	if m.Type == MountBind {
		return m.Path
	}
	if device := m.DriverOptions["device"]; m.Type == MountVolume && device != "" {
		return path.Join("/", device) // dockerd's working directory, unless somebody has changed that
	}
	return ""
}

// parseBind reads an entry of HostConfig.Binds: source:target[:options], where an absolute source is a host path and any other
// one a volume name.
//
// Source: moby daemon/volume/mounts/linux_parser.go, ParseMountRaw.
func parseBind(field, raw string) Mount {
	m := Mount{Field: field}
	parts := strings.Split(raw, ":")
	switch len(parts) {
	case 1:
		m.Type, m.Target = MountVolume, parts[0]
		return m
	case 2, 3:
		m.Source, m.Target = parts[0], parts[1]
	default:
		m.Problem = fmt.Sprintf("%q has more than three parts", clip(raw))
		return m
	}
	if m.Source == "" {
		m.Problem = fmt.Sprintf("%q has no source", clip(raw))
		return m
	}
	m.setSource()
	if len(parts) == 3 {
		m.bindOptions(parts[2])
	}
	return m
}

func (m *Mount) setSource() {
	m.Type = MountVolume
	if path.IsAbs(m.Source) {
		m.Type, m.Path = MountBind, path.Clean(m.Source)
	}
}

func (m *Mount) bindOptions(options string) {
	for o := range strings.SplitSeq(options, ",") {
		switch o {
		case "ro":
			m.ReadOnly = true
		case "z", "Z":
			m.Relabel = true
		case "shared", "rshared", "slave", "rslave", "private", "rprivate":
			m.Propagation = o
		case "", "rw", "nocopy", "consistent", "cached", "delegated":
		default:
			name, _, _ := strings.Cut(o, "=") // the value may be a secret
			m.Type, m.Problem = MountUnknown, fmt.Sprintf("option %q is not known", clip(name))
		}
	}
}

// newMount normalises an element of HostConfig.Mounts. Type names are exact for containers; the caller folds them for services.
func newMount(field string, in *mount.Mount) Mount {
	m := Mount{Field: field, Type: MountType(in.Type), Source: in.Source, Target: in.Target, ReadOnly: in.ReadOnly}
	switch m.Type {
	case MountBind:
		// A leading backslash passes the Engine's check for absolute paths on some versions and then names a relative file.
		if m.Path = path.Clean(in.Source); !path.IsAbs(in.Source) || strings.Contains(in.Source, `\`) {
			m.Type, m.Path, m.Problem = MountUnknown, "", fmt.Sprintf("bind source %q is not an absolute path", clip(in.Source))
		}
	case MountVolume, MountTmpfs, MountImage, MountCluster, MountPipe:
	default:
		m.Type, m.Problem = MountUnknown, fmt.Sprintf("type %q is not known", clip(string(in.Type)))
	}
	if o := in.BindOptions; o != nil {
		m.Propagation = string(o.Propagation)
		// A bind that is not recursive has no submounts that could stay writable.
		m.ReadOnlyNonRecursive = o.ReadOnlyNonRecursive && !o.NonRecursive
	}
	if o := in.VolumeOptions; o != nil && o.DriverConfig != nil {
		m.Driver, m.DriverOptions = o.DriverConfig.Name, o.DriverConfig.Options
	}
	if o := in.TmpfsOptions; o != nil {
		m.SizeBytes, m.TmpfsOptions = o.SizeBytes, joinTmpfsOptions(o.Options)
	}
	return m
}

func joinTmpfsOptions(options [][]string) string {
	words := make([]string, len(options))
	for i, o := range options {
		words[i] = strings.Join(o, "=")
	}
	return strings.Join(words, ",")
}

// newTmpfs reads an entry of HostConfig.Tmpfs, whose options are mount(8) options. Of several sizes the last one counts.
func newTmpfs(field, target, options string) Mount {
	m := Mount{Field: field, Type: MountTmpfs, Target: target, TmpfsOptions: options}
	for o := range strings.SplitSeq(options, ",") {
		if size, ok := strings.CutPrefix(o, "size="); ok {
			m.SizeBytes = tmpfsSize(size)
		}
	}
	return m
}

// tmpfsSize reads a size as tmpfs(5) does: bytes with an optional suffix k, m or g. A percentage, or anything else, is
// no fixed bound and counts as none.
func tmpfsSize(s string) int64 {
	shift := 0
	if s != "" {
		switch s[len(s)-1] {
		case 'k', 'K':
			shift = 10
		case 'm', 'M':
			shift = 20
		case 'g', 'G':
			shift = 30
		}
	}
	if shift > 0 {
		s = s[:len(s)-1]
	}
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil || n < 0 || n > (1<<62)>>shift {
		return 0
	}
	return n << shift
}
