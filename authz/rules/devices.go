package rules

import (
	"fmt"
	"strings"

	"github.com/bmatcuk/doublestar/v4"

	"caisson/authz/request"
)

// Devices says which devices of the host a container may be given.
type Devices struct {
	Allow []DevicePath `toml:"allow" comment:"host devices that may be handed in"`
}

// DevicePath is a host device, or a pattern for several.
type DevicePath struct {
	Path        string `toml:"path" comment:"such as \"/dev/fuse\" or \"/dev/snd/**\"; of a directory the Engine hands in all devices below"`
	Permissions string `toml:"permissions" comment:"of r (read), w (write) and m (make the node); left out it is \"rwm\", the Engine's default"`
}

func (d DevicePath) permissions() string { return permissionsOr(d.Permissions) }

// permissionsOr gives the permissions that an empty text stands for.
func permissionsOr(p string) string {
	if p == "" {
		return "rwm"
	}
	return p
}

var _ = register(&Spec{
	ID:     "devices",
	Title:  "Only listed host devices",
	Why:    "A disk is every file on it, and /dev/mem, /dev/kmsg or a bare USB or GPU node are ways into the host's kernel.",
	Fix:    "drop --device, or have the operator add the device to rules.devices.allow",
	Refs:   []string{"CIS 5.18"},
	Doors:  []request.Door{request.DoorCreate},
	Fields: []string{"HostConfig.Devices"},

	Profiles: Everywhere,
	New:      func() Rule { return &Devices{} },
})

// Prepare implements [Preparer].
func (d *Devices) Prepare() error {
	for _, a := range d.Allow {
		if err := checkPathGlob("allow", a.Path); err != nil {
			return err
		}
		if strings.Trim(a.Permissions, "rwm") != "" {
			return fmt.Errorf("allow: permissions %q are not made of r, w and m", a.Permissions)
		}
	}
	return nil
}

// Check implements [Rule]. The Engine does not look at the permissions itself: it hands them on to the runtime.
//
// Source: moby daemon/pkg/oci/devices_linux.go, DevicesFromPath.
func (d *Devices) Check(r *request.Request, out *Findings) {
	devices := r.Workload.Devices
	for i, dev := range devices.V {
		permissions := permissionsOr(dev.Permissions)
		switch {
		case strings.Trim(permissions, "rwm") != "":
			out.AddFix(devices.At(i), "has the permissions "+quote(permissions), "letters of rwm", "write the permissions with r, w and m")
		case !d.allows(dev.PathOnHost, permissions):
			out.Add(devices.At(i), "hands in the host's "+quote(dev.PathOnHost)+" with permissions "+quote(permissions), d.allowed())
		}
	}
}

func (d *Devices) allows(path, permissions string) bool {
	for _, a := range d.Allow {
		if doublestar.MatchUnvalidated(a.Path, path) && strings.Trim(permissions, a.permissions()) == "" {
			return true
		}
	}
	return false
}

func (d *Devices) allowed() string {
	words := make([]string, len(d.Allow))
	for i, a := range d.Allow {
		words[i] = a.Path + " (" + a.permissions() + ")"
	}
	return listed(words)
}
