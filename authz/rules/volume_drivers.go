package rules

import (
	"fmt"
	"path"
	"regexp"
	"slices"
	"strings"

	"caisson/authz/request"
)

// VolumeDrivers says which drivers may make volumes, and what the local driver may mount.
type VolumeDrivers struct {
	Allow      []string `toml:"allow" comment:"volume drivers, by exact name; an empty name is local"`
	LocalTypes []string `toml:"local_types" comment:"file system types the local driver may mount, such as tmpfs or nfs; none keeps volumes plain directories"`
}

var _ = register(&Spec{
	ID:    "volume-drivers",
	Title: "Volumes are plain directories of listed drivers",
	Why: "The local driver mounts what its options say, as root: any directory or disk of the host under a volume's name. Another " +
		"driver's name makes the Engine look for a program and believe where it says the volume is.",
	Fix:   "drop the driver and its options type, o and device; or have the operator add to rules.volume-drivers what the volume needs",
	Refs:  []string{"CIS 5.6"},
	Doors: []request.Door{request.DoorCreate, request.DoorVolume, request.DoorService},
	Fields: []string{
		"HostConfig.VolumeDriver", "HostConfig.Binds", "HostConfig.Mounts", "Volumes", "Driver", "DriverOpts", "ClusterVolumeSpec",
		"TaskTemplate.ContainerSpec.Mounts",
	},

	Profiles: Everywhere,
	New:      func() Rule { return &VolumeDrivers{Allow: []string{"local"}} },
})

// driverName is what a driver's name may be made of. The Engine looks for a driver at <plugin directory>/<name>.sock and .spec
// and joins the two as they are (moby pkg/plugins/discovery.go), so a name that is a path never passes, listed or not.
var driverName = regexp.MustCompile(`^[a-zA-Z0-9]+([._-][a-zA-Z0-9]+)*$`)

// neverTypes are file systems that show the host, whatever the device is.
var neverTypes = []string{
	"none", "bind", "overlay", "overlayfs", "aufs", "proc", "sysfs", "devtmpfs", "devpts", "cgroup", "cgroup2", "debugfs", "tracefs",
	"securityfs", "configfs", "efivarfs", "bpf", "mqueue",
}

// Prepare implements [Preparer].
func (v *VolumeDrivers) Prepare() error {
	for _, a := range v.Allow {
		if !driverName.MatchString(a) {
			return fmt.Errorf("allow: %q is not a plain driver name; install a managed plugin under an alias and list that", a)
		}
	}
	for _, t := range v.LocalTypes {
		if t == "" || slices.Contains(neverTypes, t) {
			return fmt.Errorf("local_types: %q mounts parts of the host and cannot be allowed", t)
		}
	}
	return nil
}

// Check implements [Rule]. Of a volume that exists the mount has the driver and the options that it was made with.
func (v *VolumeDrivers) Check(r *request.Request, out *Findings) {
	w := r.Workload
	v.checkDriver(w.VolumeDriver.Field, w.VolumeDriver.V, out) // also serves the volumes that the image declares
	for i := range w.Mounts {
		m := &w.Mounts[i]
		driver, options := m.Field, m.Field
		if w.Door == request.DoorVolume {
			driver, options = "Driver", "DriverOpts"
		}
		if m.Driver != w.VolumeDriver.V { // else it has been judged
			v.checkDriver(driver, m.Driver, out)
		} else if m.Driver == "" && m.Type == request.MountVolume && (m.Source != "" || w.Door == request.DoorVolume) {
			v.checkDriver(driver, "local", out) // anonymous ones pass: images declare them, and nobody could choose
		}
		if bad := v.badOptions(m.DriverOptions); bad != "" && (m.Driver == "" || m.Driver == "local") {
			out.Add(options, bad, v.allowedOptions())
		}
		if m.ClusterSpec {
			out.AddFix("ClusterVolumeSpec", "asks for a cluster volume", "not set", "create an ordinary volume")
		}
	}
}

func (v *VolumeDrivers) checkDriver(field, name string, out *Findings) {
	if name != "" && (!slices.Contains(v.Allow, name) || !driverName.MatchString(name)) {
		out.Add(field, "is the volume driver "+quote(name), listed(v.Allow))
	}
}

// badOptions says what is wrong with options of the local driver. It does not show o, which may hold a password, and of the device
// no user.
//
// Source: moby daemon/volume/local/local_unix.go.
func (v *VolumeDrivers) badOptions(options map[string]string) string {
	for _, k := range request.Keys(options) {
		if !slices.Contains([]string{"type", "o", "device", "size"}, k) {
			return "has the unknown option " + quote(k)
		}
	}
	fsType, device := options["type"], options["device"]
	shown := withoutUser(device)
	_, hasType := options["type"]
	_, hasO := options["o"]
	_, hasDevice := options["device"]
	switch {
	case !hasType && !hasO && !hasDevice:
		return ""
	case bindsOrRemounts(options["o"]):
		return "makes the volume a bind mount of " + quote(shown)
	case fsType == "":
		return "has mount options without a type"
	case slices.Contains(neverTypes, fsType) || !slices.Contains(v.LocalTypes, fsType):
		return "mounts " + quote(shown) + " as a file system of type " + quote(fsType)
	case path.IsAbs(device) && (fsType != "cifs" || !strings.HasPrefix(device, "//")): // cifs: //server/share
		return "mounts the host's " + quote(shown)
	}
	return ""
}

// bindsOrRemounts looks for the mount options that outweigh type: mount(2) takes MS_BIND with any type, and a device that is not
// absolute counts from dockerd's working directory.
//
// Source: moby/sys/mount/flags_unix.go.
func bindsOrRemounts(o string) bool {
	for option := range strings.SplitSeq(o, ",") {
		switch strings.ToLower(strings.TrimSpace(option)) {
		case "bind", "rbind", "remount":
			return true
		}
	}
	return false
}

func (v *VolumeDrivers) allowedOptions() string {
	if len(v.LocalTypes) == 0 {
		return "the option size"
	}
	return "the option size, and file systems of type " + listed(v.LocalTypes)
}
