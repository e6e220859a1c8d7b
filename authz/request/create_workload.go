package request

import (
	"path"
	"strconv"
)

// newCreateWorkload normalises a container create. It sets every Value, so that no rule can take a forgotten one for a
// setting that the door does not have; a test holds it to that.
func newCreateWorkload(v Version, b *createBody) *Workload {
	h := b.HostConfig
	return &Workload{
		Door: DoorCreate, Version: v,
		Identity:  createIdentity(b),
		Isolation: createIsolation(h),
		Files:     createFiles(b),
		Limits:    createLimits(b),
		Exposure:  createExposure(b),
	}
}

func createIdentity(b *createBody) Identity {
	id := Identity{
		Image:       Value[string]{"Image", b.Image},
		User:        Value[string]{"User", b.User},
		GroupAdd:    Value[[]string]{"HostConfig.GroupAdd", b.HostConfig.GroupAdd},
		Env:         Value[[]string]{"Env", b.Env},
		Labels:      Value[map[string]string]{"Labels", b.Labels},
		Healthcheck: Value[*Healthcheck]{"Healthcheck", newHealthcheck(b.Healthcheck)},
	}
	return id
}

func createIsolation(h *hostConfig) Isolation {
	return Isolation{
		Privileged:    Value[bool]{"HostConfig.Privileged", h.Privileged},
		CapAdd:        Value[[]string]{"HostConfig.CapAdd", normaliseCaps(h.CapAdd)},
		CapDrop:       Value[[]string]{"HostConfig.CapDrop", normaliseCaps(h.CapDrop)},
		PID:           Value[Namespace]{"HostConfig.PidMode", parseNamespace(string(h.PidMode), pidModes)},
		IPC:           Value[Namespace]{"HostConfig.IpcMode", parseNamespace(string(h.IpcMode), ipcModes)},
		Network:       Value[Namespace]{"HostConfig.NetworkMode", parseNetworkMode(string(h.NetworkMode))},
		UTS:           Value[Namespace]{"HostConfig.UTSMode", parseNamespace(string(h.UTSMode), utsModes)},
		UserNS:        Value[Namespace]{"HostConfig.UsernsMode", parseNamespace(string(h.UsernsMode), usernsModes)},
		CgroupNS:      Value[Namespace]{"HostConfig.CgroupnsMode", parseNamespace(string(h.CgroupnsMode), cgroupModes)},
		CgroupJoin:    Value[Namespace]{"HostConfig.Cgroup", parseNamespace(string(h.Cgroup), joinModes)},
		SecurityOpt:   Value[[]SecurityOpt]{"HostConfig.SecurityOpt", parseSecurityOpts(h.SecurityOpt)},
		MaskedPaths:   Value[[]string]{"HostConfig.MaskedPaths", h.MaskedPaths},
		ReadonlyPaths: Value[[]string]{"HostConfig.ReadonlyPaths", h.ReadonlyPaths},
		Sysctls:       Value[map[string]string]{"HostConfig.Sysctls", h.Sysctls},
		Annotations:   Value[map[string]string]{"HostConfig.Annotations", h.Annotations},
		Runtime:       Value[string]{"HostConfig.Runtime", h.Runtime},
		Technology:    Value[string]{"HostConfig.Isolation", string(h.Isolation)},
	}
}

func createFiles(b *createBody) Files {
	h := b.HostConfig
	f := Files{
		VolumeDriver:      Value[string]{"HostConfig.VolumeDriver", h.VolumeDriver},
		VolumesFrom:       Value[[]string]{"HostConfig.VolumesFrom", h.VolumesFrom},
		ReadonlyRootfs:    Value[bool]{"HostConfig.ReadonlyRootfs", h.ReadonlyRootfs},
		StorageOpt:        Value[map[string]string]{"HostConfig.StorageOpt", h.StorageOpt},
		Devices:           Value[[]Device]{Field: "HostConfig.Devices"},
		DeviceCgroupRules: Value[[]string]{"HostConfig.DeviceCgroupRules", h.DeviceCgroupRules},
		DeviceRequests:    Value[[]DeviceRequest]{Field: "HostConfig.DeviceRequests"},
	}
	if n := len(h.Binds) + len(h.Mounts) + len(h.Tmpfs) + len(b.Volumes); n > 0 {
		f.Mounts = make([]Mount, 0, n)
	}
	for i, raw := range h.Binds {
		m := parseBind("HostConfig.Binds["+strconv.Itoa(i)+"]", raw)
		m.Driver = volumeDriverOf(m, h.VolumeDriver)
		f.Mounts = append(f.Mounts, m)
	}
	for i := range h.Mounts {
		f.Mounts = append(f.Mounts, newMount("HostConfig.Mounts["+strconv.Itoa(i)+"]", &h.Mounts[i]))
	}
	for _, target := range Keys(h.Tmpfs) {
		f.Mounts = append(f.Mounts, newTmpfs("HostConfig.Tmpfs["+clip(target)+"]", target, h.Tmpfs[target]))
	}
	for _, target := range Keys(b.Volumes) {
		f.Mounts = append(f.Mounts, Mount{Field: "Volumes[" + clip(target) + "]", Type: MountVolume, Target: target, Driver: h.VolumeDriver})
	}
	for _, d := range h.Devices {
		f.Devices.V = append(f.Devices.V, Device{path.Clean(d.PathOnHost), d.CgroupPermissions})
	}
	for _, d := range h.DeviceRequests {
		f.DeviceRequests.V = append(f.DeviceRequests.V, DeviceRequest(d))
	}
	return f
}

// volumeDriverOf gives the driver of a volume in Binds: HostConfig.VolumeDriver serves all of them.
func volumeDriverOf(m Mount, driver string) string {
	if m.Type == MountVolume {
		return driver
	}
	return ""
}

func createLimits(b *createBody) Limits {
	h := b.HostConfig
	l := Limits{
		Memory:            Value[int64]{"HostConfig.Memory", h.Memory},
		MemorySwap:        Value[int64]{"HostConfig.MemorySwap", h.MemorySwap},
		MemoryReservation: Value[int64]{"HostConfig.MemoryReservation", h.MemoryReservation},
		MemorySwappiness:  Value[*int64]{"HostConfig.MemorySwappiness", h.MemorySwappiness},
		KernelMemory:      Value[int64]{"HostConfig.KernelMemory", h.KernelMemory},
		KernelMemoryTCP:   Value[int64]{"HostConfig.KernelMemoryTCP", h.KernelMemoryTCP},
		OomKillDisable:    Value[*bool]{"HostConfig.OomKillDisable", h.OomKillDisable},
		OomScoreAdj:       Value[int]{"HostConfig.OomScoreAdj", h.OomScoreAdj},

		NanoCPUs:           Value[int64]{"HostConfig.NanoCpus", h.NanoCPUs},
		CPUQuota:           Value[int64]{"HostConfig.CpuQuota", h.CPUQuota},
		CPUPeriod:          Value[int64]{"HostConfig.CpuPeriod", h.CPUPeriod},
		CPUShares:          Value[int64]{"HostConfig.CpuShares", h.CPUShares},
		CPURealtimePeriod:  Value[int64]{"HostConfig.CpuRealtimePeriod", h.CPURealtimePeriod},
		CPURealtimeRuntime: Value[int64]{"HostConfig.CpuRealtimeRuntime", h.CPURealtimeRuntime},
		CpusetCpus:         Value[string]{"HostConfig.CpusetCpus", h.CpusetCpus},
		CpusetMems:         Value[string]{"HostConfig.CpusetMems", h.CpusetMems},

		PidsLimit:     Value[*int64]{"HostConfig.PidsLimit", h.PidsLimit},
		Ulimits:       Value[[]Ulimit]{"HostConfig.Ulimits", newUlimits(h.Ulimits)},
		ShmSize:       Value[int64]{"HostConfig.ShmSize", h.ShmSize},
		CgroupParent:  Value[string]{"HostConfig.CgroupParent", h.CgroupParent},
		RestartPolicy: Value[RestartPolicy]{"HostConfig.RestartPolicy", RestartPolicy{Name: string(h.RestartPolicy.Name), Retries: h.RestartPolicy.MaximumRetryCount}},
		Log:           Value[LogConfig]{"HostConfig.LogConfig", LogConfig{h.LogConfig.Type, h.LogConfig.Config}},
	}
	return l
}

func createExposure(b *createBody) Exposure {
	h := b.HostConfig
	e := Exposure{
		PublishAllPorts: Value[bool]{"HostConfig.PublishAllPorts", h.PublishAllPorts},
		ExtraHosts:      Value[[]string]{"HostConfig.ExtraHosts", h.ExtraHosts},
		Links:           Value[[]string]{"HostConfig.Links", h.Links},
	}
	if n := len(h.PortBindings); n > 0 {
		e.Ports = make([]Port, 0, n)
	}
	for _, port := range Keys(h.PortBindings) {
		field := "HostConfig.PortBindings[" + clip(port) + "]"
		bindings := h.PortBindings[port]
		if len(bindings) == 0 { // an empty list publishes one port of the Engine's choice
			bindings = []portBinding{{}}
		}
		for i, p := range bindings {
			e.Ports = append(e.Ports, newPort(field+"["+strconv.Itoa(i)+"]", port, p))
		}
	}
	for _, name := range Keys(b.NetworkingConfig.EndpointsConfig) {
		field := "NetworkingConfig.EndpointsConfig[" + clip(name) + "]"
		e.Endpoints = append(e.Endpoints, newEndpoint(field, name, b.NetworkingConfig.EndpointsConfig[name]))
	}
	return e
}
