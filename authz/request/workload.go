package request

import (
	"slices"
	"strconv"
)

// Door is the way by which a workload, or a part of one, enters the Engine. A rule names the doors it guards.
type Door uint8

// The doors. The zero value is none; no rule guards it and no request has it.
const (
	NoDoor Door = iota
	DoorCreate
	DoorExec
	DoorVolume  // volume create: the workload has one mount
	DoorConnect // network connect: the workload has one endpoint
	DoorStored  // a container that exists: what is started, entered, joined, or left by an update
	DoorService // service create and service update: what each task of the service will be
)

func (d Door) String() string {
	return [...]string{"none", "container create", "exec create", "volume create", "network connect", "existing container", "service"}[d]
}

// Value is a setting together with its place in the API body.
//
// An empty Field means that the door has no such setting (an exec has no mounts); rules that guard several doors skip it.
type Value[T any] struct {
	Field string // HostConfig.Privileged
	V     T
}

// At names an element of a list-valued setting: HostConfig.CapAdd[2].
func (v Value[T]) At(i int) string { return v.Field + "[" + strconv.Itoa(i) + "]" }

// Key names an entry of a map-valued setting: HostConfig.Sysctls[net.core.somaxconn].
func (v Value[T]) Key(k string) string { return v.Field + "[" + clip(k) + "]" }

// Has tells whether the door has this setting at all.
func (v Value[T]) Has() bool { return v.Field != "" }

// Keys returns the keys of a map, sorted, so that what is said about them is said in the same order each time.
func Keys[V any](m map[string]V) []string {
	if len(m) == 0 {
		return nil
	}
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

// Workload is the one view that rules judge. It holds what the Engine will do, in the Engine's terms: spellings folded, lists
// parsed, defaults left as they came. Zero values stand for what the Engine takes as absent.
type Workload struct {
	Door    Door
	Version Version

	Identity
	Isolation
	Files
	Limits
	Exposure

	// Connects is the container that a network connect attaches.
	Connects string
	// Judged maps the place of a reference to a container to the name of that container, if it has been looked up and is judged
	// beside this workload. The reference itself may be an ID: the Engine writes that in the place of a name.
	Judged map[string]string

	// ImageFacts is what was found out about the workload's image and those that it mounts, if anybody has looked. No request brings it.
	ImageFacts []*ImageFacts
}

// Identity is what runs and as whom.
type Identity struct {
	Image       Value[string]
	Platform    string        // query parameter of container create; "" is the Engine's choice
	Stored      StoredImage   // of a container that exists
	User        Value[string] // as given; "" is the image's, or root
	GroupAdd    Value[[]string]
	Env         Value[[]string]
	Labels      Value[map[string]string]
	Healthcheck Value[*Healthcheck]
}

// Healthcheck is a container's own health check. A nil one leaves the image's, if any.
type Healthcheck struct {
	Test          []string // empty: the image's; ["NONE"]: none
	Interval      int64    // nanoseconds; 0 is the image's or 30 s
	StartInterval int64    // nanoseconds, while the container starts; 0 is the image's or 5 s
}

// Isolation is what stands between the workload and the host's kernel.
type Isolation struct {
	Privileged Value[bool]
	CapAdd     Value[[]string] // upper case without CAP_, or "ALL"
	CapDrop    Value[[]string]

	PID        Value[Namespace]
	IPC        Value[Namespace]
	Network    Value[Namespace]
	UTS        Value[Namespace]
	UserNS     Value[Namespace]
	CgroupNS   Value[Namespace]
	CgroupJoin Value[Namespace] // HostConfig.Cgroup, without effect on Linux today

	SecurityOpt   Value[[]SecurityOpt]
	MaskedPaths   Value[[]string] // nil is the Engine's list; an empty list masks nothing
	ReadonlyPaths Value[[]string] // likewise
	Sysctls       Value[map[string]string]
	Annotations   Value[map[string]string]
	Runtime       Value[string]
	Technology    Value[string] // HostConfig.Isolation, of meaning on Windows only
}

// Files is what the workload sees of file systems and devices.
type Files struct {
	Mounts            []Mount
	VolumeDriver      Value[string]
	VolumesFrom       Value[[]string]
	ReadonlyRootfs    Value[bool]
	StorageOpt        Value[map[string]string]
	Devices           Value[[]Device]
	DeviceCgroupRules Value[[]string]
	DeviceRequests    Value[[]DeviceRequest]
}

// Device is a host device handed to the workload.
type Device struct {
	PathOnHost  string // cleaned
	Permissions string // of "rwm"; "" is the Engine's default, rwm
}

// DeviceRequest asks a driver (gpu, cdi) for devices.
type DeviceRequest struct {
	Driver       string
	Count        int
	DeviceIDs    []string
	Capabilities [][]string
	Options      map[string]string
}

// Limits is how much of the host the workload may use. Sizes are bytes.
type Limits struct {
	Memory            Value[int64] // 0 is unlimited
	MemorySwap        Value[int64] // memory plus swap; 0 is twice Memory, negative is unlimited
	MemoryReservation Value[int64]
	MemorySwappiness  Value[*int64]
	KernelMemory      Value[int64]
	KernelMemoryTCP   Value[int64]
	OomKillDisable    Value[*bool]
	OomScoreAdj       Value[int]

	NanoCPUs           Value[int64] // billionths of a CPU; 0 is unlimited
	CPUQuota           Value[int64] // microseconds per CPUPeriod; 0 and negative are unlimited
	CPUPeriod          Value[int64] // microseconds; 0 is 100 000
	CPUShares          Value[int64]
	CPURealtimePeriod  Value[int64]
	CPURealtimeRuntime Value[int64]
	CpusetCpus         Value[string]
	CpusetMems         Value[string]

	PidsLimit     Value[*int64] // nil, 0 and negative are unlimited
	Ulimits       Value[[]Ulimit]
	ShmSize       Value[int64] // 0 is the daemon's default, 64 MiB
	CgroupParent  Value[string]
	RestartPolicy Value[RestartPolicy]
	Log           Value[LogConfig]
}

// Ulimit is a resource limit of processes. -1 is unlimited.
type Ulimit struct {
	Name       string
	Soft, Hard int64
}

// RestartPolicy says when the Engine starts the workload again by itself.
type RestartPolicy struct {
	Name     string // "", no, always, unless-stopped, on-failure; of a service "", any, none, on-failure
	Retries  int    // of on-failure, and of any; 0 is without end
	Windowed bool   // service: the retries are counted anew in each window of time
}

// LogConfig names a log driver and its options.
type LogConfig struct {
	Driver  string // "" is the daemon's
	Options map[string]string
}

// Exposure is what the workload shares with networks.
type Exposure struct {
	Ports           []Port
	PublishAllPorts Value[bool]
	Endpoints       []Endpoint
	ExtraHosts      Value[[]string]
	Links           Value[[]string]
}
