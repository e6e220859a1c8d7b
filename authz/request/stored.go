package request

import (
	"encoding/json"
	"fmt"
	"path"
	"slices"
	"strings"
)

// Defaults are settings of the daemon that it writes into the configuration of containers that did not ask for anything else.
// What equals them is nobody's wish, so a stored container is judged as if it were absent.
type Defaults struct {
	Runtime      string // docker info: DefaultRuntime
	LogDriver    string // docker info: LoggingDriver
	HostCgroupns bool   // docker info: no cgroupns among SecurityOptions; on cgroup v1, or by default-cgroupns-mode in dockerd's configuration
	NoSwapLimit  bool   // docker info: not SwapLimit; the daemon then writes -1, whatever was asked for
}

// Stored is a container as the Engine keeps it.
type Stored struct {
	ID       string
	Name     string // without the leading slash
	Workload *Workload
}

// StoredImage is the image that a container was made of, whatever that is called now. The zero value is none.
type StoredImage struct {
	ID       string // sha256:…
	Manifest string // the one manifest of it that was unpacked, in the containerd store of Engine 28 and later; "" elsewhere
}

// inspectBody is what the Engine answers to an inspect, as far as it says what the container may do.
//
// Source: moby api/types/container InspectResponse; the same members in v20.10.24 api/types.
type inspectBody struct {
	ID              string `json:"Id"`
	Name            string
	Image           string      // ID
	Config          *createBody // the image's settings are merged in
	HostConfig      *hostConfig
	NetworkSettings struct{ Networks map[string]*endpoint }
	Mounts          []mountPoint

	ImageManifestDescriptor *struct{ Digest string }
}

// mountPoint is a mount that the container has, wherever it came from.
//
// Source: moby api/types/container MountPoint.
type mountPoint struct {
	Type, Name, Source, Destination, Driver string
	RW                                      bool
	Propagation                             string
}

// ParseStored reads the Engine's answer to a container inspect. The Engine wrote it, so it is decoded as it is, without the checks
// that a client's body needs.
func ParseStored(inspect []byte, d Defaults) (*Stored, error) {
	var b inspectBody
	if err := json.Unmarshal(inspect, &b); err != nil {
		return nil, fmt.Errorf("the Engine's answer to an inspect cannot be read: %s", describe(err))
	}
	if b.ID == "" || b.Config == nil || b.HostConfig == nil {
		return nil, fmt.Errorf("the Engine's answer to an inspect lacks the container's configuration")
	}
	b.Config.HostConfig = b.HostConfig
	b.Config.NetworkingConfig = &networkingConfig{EndpointsConfig: b.NetworkSettings.Networks}
	b.withoutDefaults(d)
	w := newCreateWorkload(Version{}, b.Config)
	w.Door = DoorStored
	w.Stored.ID = b.Image
	if m := b.ImageManifestDescriptor; m != nil {
		w.Stored.Manifest = m.Digest
	}
	w.Mounts = append(w.Mounts, b.inherited(w.Mounts)...)
	return &Stored{ID: b.ID, Name: strings.TrimPrefix(b.Name, "/"), Workload: w}, nil
}

// inherited returns the mounts that the configuration does not speak of. The Engine copies those of --volumes-from when it creates the
// container, and keeps only the donor's name beside them: the donor may have been removed since, and its name may be another's.
func (b *inspectBody) inherited(configured []Mount) []Mount {
	heir := len(b.HostConfig.VolumesFrom) > 0
	known := func(p *mountPoint) bool {
		return slices.ContainsFunc(configured, func(m Mount) bool {
			return path.Clean(m.Target) == path.Clean(p.Destination) && (!heir || p.is(&m))
		})
	}
	var list []Mount
	for i := range b.Mounts {
		p := &b.Mounts[i]
		if known(p) {
			continue
		}
		m := Mount{
			Field: "Mounts[" + clip(p.Destination) + "]", Type: MountType(p.Type), Source: p.Source, Target: p.Destination,
			ReadOnly: !p.RW, Propagation: p.Propagation, Driver: p.Driver,
		}
		switch m.Type {
		case MountBind:
			m.Path = path.Clean(p.Source)
		case MountVolume:
			m.Source = p.Name
		case MountTmpfs, MountImage, MountCluster, MountPipe:
		default:
			m.Problem = "type " + clip(p.Type) + " is not known"
		}
		list = append(list, m)
	}
	return list
}

// is tells whether a mount of the configuration is the one that the container has at that place. One that was taken over takes precedence
// over an anonymous volume, which the image may declare as well, and over a tmpfs.
//
// Source: moby daemon/create_unix.go, createContainerVolumesOS; daemon/volumes.go, registerMountPoints.
func (p *mountPoint) is(m *Mount) bool {
	switch m.Type {
	case MountBind:
		return p.Type == "bind" && path.Clean(p.Source) == m.Path
	case MountVolume:
		return p.Type == "volume" && p.Name == m.Source
	default:
		return p.Type == string(m.Type)
	}
}

// withoutDefaults takes out what the daemon filled in.
//
// Source: moby daemon/daemon_unix.go adaptContainerSettings, daemon/create.go; daemon/container_operations.go for endpoints.
func (b *inspectBody) withoutDefaults(d Defaults) {
	h := b.HostConfig
	if h.Runtime == d.Runtime {
		h.Runtime = ""
	}
	if h.LogConfig.Type == d.LogDriver {
		h.LogConfig.Type = ""
	}
	if d.HostCgroupns && h.CgroupnsMode == "host" {
		h.CgroupnsMode = ""
	}
	// Twice the memory stays, though it is the default too: an update of the memory alone leaves it as it is.
	if d.NoSwapLimit && h.MemorySwap == -1 {
		h.MemorySwap = 0
	}
	if h.Privileged || h.PidMode == "host" || h.IpcMode == "host" { // generateSecurityOpt, on hosts without SELinux too
		h.SecurityOpt = slices.DeleteFunc(h.SecurityOpt, func(o string) bool { return o == "label=disable" })
	}
	if h.PidMode.IsContainer() || h.IpcMode.IsContainer() {
		// The labels of the container joined, which is judged beside this one.
		h.SecurityOpt = slices.DeleteFunc(h.SecurityOpt, func(o string) bool { return strings.HasPrefix(o, "label=") })
	}
	for _, e := range b.NetworkSettings.Networks {
		if e != nil { // the rest was chosen by the Engine, or has been judged when it was asked for
			e.NetworkID = ""
		}
	}
	// Environment comes from the image as well, which has no say in what a user asked for.
	b.Config.Env = nil
}
