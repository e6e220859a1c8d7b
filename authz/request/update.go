package request

import (
	"strings"

	"github.com/moby/moby/api/types/container"
)

// updateBody is the body of container update.
//
// Source: moby api/types/container UpdateConfig; KernelMemory is from engines up to 20.10.
type updateBody struct {
	container.UpdateConfig
	KernelMemory    int64
	KernelMemoryTCP int64
}

func decodeUpdate(r *Request, body []byte) error {
	b, unknown, err := updateFormat.decode(body)
	if err != nil {
		return err
	}
	r.Unknown = unknown
	r.Update = &Update{*b}
	return nil
}

// Update is what a container update changes.
type Update struct{ body updateBody }

// Sets tells whether a place is one of the update's own body, and not of the container's configuration.
func (*Update) Sets(field string) bool {
	field, _, _ = strings.Cut(field, ".")
	switch field {
	case "Memory", "MemorySwap", "MemoryReservation", "MemorySwappiness", "KernelMemory", "KernelMemoryTCP", "NanoCpus", "CpuQuota", "CpuPeriod",
		"CpuShares", "CpuRealtimePeriod", "CpuRealtimeRuntime", "CpusetCpus", "CpusetMems", "PidsLimit", "RestartPolicy":
		return true
	}
	return false
}

// Apply gives the workload that a container has after the update, so that the rules can judge the outcome: an update may neither
// lift nor exceed what they ask of a new container. A zero or a missing value leaves a setting as it is, and settings that are not here
// cannot be updated.
//
// Source: moby daemon/container/container_unix.go, UpdateContainer.
func (u *Update) Apply(w *Workload) *Workload {
	after, b := *w, &u.body
	set := func(v *Value[int64], field string, n int64) {
		if n != 0 {
			*v = Value[int64]{field, n}
		}
	}
	set(&after.Memory, "Memory", b.Memory)
	if b.Memory != 0 {
		after.MemorySwap.Field = "MemorySwap" // the sum does not follow the memory limit, and can be given with it
	}
	set(&after.MemorySwap, "MemorySwap", b.MemorySwap)
	set(&after.MemoryReservation, "MemoryReservation", b.MemoryReservation)
	set(&after.KernelMemory, "KernelMemory", b.KernelMemory)
	set(&after.KernelMemoryTCP, "KernelMemoryTCP", b.KernelMemoryTCP)
	set(&after.NanoCPUs, "NanoCpus", b.NanoCPUs)
	set(&after.CPUQuota, "CpuQuota", b.CPUQuota)
	set(&after.CPUPeriod, "CpuPeriod", b.CPUPeriod)
	set(&after.CPUShares, "CpuShares", b.CPUShares)
	set(&after.CPURealtimePeriod, "CpuRealtimePeriod", b.CPURealtimePeriod)
	set(&after.CPURealtimeRuntime, "CpuRealtimeRuntime", b.CPURealtimeRuntime)
	if b.MemorySwappiness != nil {
		after.MemorySwappiness = Value[*int64]{"MemorySwappiness", b.MemorySwappiness}
	}
	if b.PidsLimit != nil {
		after.PidsLimit = Value[*int64]{"PidsLimit", b.PidsLimit}
	}
	if b.CpusetCpus != "" {
		after.CpusetCpus = Value[string]{"CpusetCpus", b.CpusetCpus}
	}
	if b.CpusetMems != "" {
		after.CpusetMems = Value[string]{"CpusetMems", b.CpusetMems}
	}
	if b.RestartPolicy.Name != "" {
		after.RestartPolicy = Value[RestartPolicy]{"RestartPolicy", RestartPolicy{Name: string(b.RestartPolicy.Name), Retries: b.RestartPolicy.MaximumRetryCount}}
	}
	return &after
}
