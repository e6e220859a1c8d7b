package rules

import (
	"slices"

	"caisson/authz/request"
)

// SystemPaths refuses to unmask or make writable the parts of /proc and /sys that the Engine closes.
type SystemPaths struct{}

var _ = register(&Spec{
	ID:    "system-paths",
	Title: "Sensitive parts of /proc and /sys stay closed",
	Why: "The Engine masks kernel interfaces that show or change the host, such as /proc/kcore, and makes /proc/sys and /proc/sysrq-trigger " +
		"read-only. A container that gives its own list, or an empty one, opens them.",
	Fix:    "drop --security-opt systempaths=unconfined, and leave MaskedPaths and ReadonlyPaths out of API calls",
	Refs:   []string{"PSS baseline: /proc mount type"},
	Doors:  []request.Door{request.DoorCreate},
	Fields: []string{"HostConfig.MaskedPaths", "HostConfig.ReadonlyPaths"},

	Profiles: Everywhere,
	New:      func() Rule { return &SystemPaths{} },
})

// The Engine's lists. Both are those of 20.10: tools that copy a container send back the list that an inspect gave them, and that
// is the list of their Engine. Newer engines also mask /sys/devices/virtual/powercap (GHSA-jq35-85cj-fj4p), /proc/interrupts and
// the CPUs' thermal_throttle (GHSA-6fw5-f8r9-fgfm), through which a container can observe the host but not change it. To ask for
// those would refuse every copied container on an older Engine.
//
// Source: moby v20.10.24 oci/defaults.go; daemon/pkg/oci/defaults.go.
var (
	maskedPaths = []string{
		"/proc/acpi", "/proc/asound", "/proc/kcore", "/proc/keys", "/proc/latency_stats", "/proc/sched_debug", "/proc/scsi",
		"/proc/timer_list", "/proc/timer_stats", "/sys/firmware",
	}
	readonlyPaths = []string{"/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"}
)

// Check implements [Rule].
func (*SystemPaths) Check(r *request.Request, out *Findings) {
	checkPaths(r.Workload.MaskedPaths, maskedPaths, out)
	checkPaths(r.Workload.ReadonlyPaths, readonlyPaths, out)
}

// checkPaths wants all default paths in a list, letter by letter, unless the list is left to the Engine.
func checkPaths(list request.Value[[]string], defaults []string, out *Findings) {
	if list.V == nil {
		return
	}
	var missing []string
	for _, p := range defaults {
		if !slices.Contains(list.V, p) {
			missing = append(missing, p)
		}
	}
	if missing != nil {
		out.Add(list.Field, "leaves out "+listed(missing), "null, or a list that has the Engine's own paths")
	}
}
