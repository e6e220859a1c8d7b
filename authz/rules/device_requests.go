package rules

import (
	"slices"
	"strings"

	"caisson/authz/request"
)

// DeviceRequests says which device drivers a container may ask for devices.
type DeviceRequests struct {
	Allow []string `toml:"allow" comment:"drivers, such as \"nvidia\" or \"cdi\", and capabilities, such as \"gpu\", that may be asked for devices"`
}

var _ = register(&Spec{
	ID:    "device-requests",
	Title: "No devices by request, GPUs among them",
	Why: "A device driver adds devices, mounts and hooks that run as root on the host. cdi adds whatever the specifications on the host " +
		"say, and GPU hooks have been ways out of the container.",
	Fix: "drop --gpus, --device vendor/class=name or NVIDIA_VISIBLE_DEVICES; or have the operator add the driver or \"gpu\" to " +
		"rules.device-requests.allow",
	Refs:   []string{"CIS 5.18", "CVE-2024-0132", "CVE-2025-23266"},
	Doors:  []request.Door{request.DoorCreate, request.DoorService},
	Fields: []string{"HostConfig.DeviceRequests", "Env", "TaskTemplate.ContainerSpec.Env"},

	Profiles: Everywhere,
	New:      func() Rule { return &DeviceRequests{} },
})

// Check implements [Rule].
func (d *DeviceRequests) Check(r *request.Request, out *Findings) {
	requests := r.Workload.DeviceRequests
	for i, req := range requests.V {
		if !d.allows(req) {
			out.Add(requests.At(i), "asks "+wordDriver(req)+" for devices", listed(d.Allow))
		}
	}
	d.checkEnv(r.Workload.Env, out)
}

// allows looks at the driver if one is named, as the Engine then ignores the capabilities. Else the Engine takes any driver that
// has all capabilities of one of the sets, so each set must hold an allowed one; an empty set suits every driver.
//
// Source: moby daemon/devices.go, handleDevice; daemon/internal/capabilities.
func (d *DeviceRequests) allows(req request.DeviceRequest) bool {
	if req.Driver != "" {
		return slices.Contains(d.Allow, req.Driver)
	}
	for _, set := range req.Capabilities {
		if !slices.ContainsFunc(set, func(c string) bool { return slices.Contains(d.Allow, c) }) {
			return false
		}
	}
	return len(req.Capabilities) > 0
}

// checkEnv looks for the variable by which NVIDIA's runtime is asked for devices, where it is the default runtime. That of
// the image is out of sight here.
func (d *DeviceRequests) checkEnv(env request.Value[[]string], out *Findings) {
	for i, e := range env.V {
		name, value, _ := strings.Cut(e, "=")
		if name == "NVIDIA_VISIBLE_DEVICES" && value != "" && value != "void" && value != "none" && !slices.Contains(d.Allow, "gpu") {
			out.Add(env.At(i), "sets NVIDIA_VISIBLE_DEVICES", "void or none")
		}
	}
}

func wordDriver(req request.DeviceRequest) string {
	if req.Driver != "" {
		return "the driver " + quote(req.Driver)
	}
	var words []string
	for _, set := range req.Capabilities {
		words = append(words, quote(strings.Join(set, "+")))
	}
	if words == nil {
		return "any driver"
	}
	return "any driver with the capabilities " + listed(words)
}
