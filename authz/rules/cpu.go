package rules

import (
	"fmt"
	"strconv"

	"caisson/authz/request"
)

// CPU asks for a CPU limit and bounds it.
type CPU struct {
	Required      bool    `toml:"required" comment:"refuse a container without a CPU limit"`
	SharesSuffice bool    `toml:"shares_suffice" comment:"take CPU shares, other than the default of 1024, for a limit"`
	Max           float64 `toml:"max" comment:"largest limit in CPUs, such as 2.5; 0 sets no bound"`
	MaxShares     int64   `toml:"max_shares" comment:"largest number of CPU shares; 0 sets no bound"`
	Cpuset        bool    `toml:"cpuset" comment:"allow the choice of CPUs and memory nodes (--cpuset-cpus, --cpuset-mems)"`
	Realtime      bool    `toml:"realtime" comment:"allow realtime scheduling (--cpu-rt-period, --cpu-rt-runtime)"`
}

var _ = register(&Spec{
	ID:    "cpu",
	Title: "CPU time is limited, realtime scheduling is off",
	Why: "Without a limit, one container can keep every CPU of the host busy. Realtime threads come before everything else on the host, " +
		"its own services included.",
	Fix:        "add a CPU limit, such as --cpus 1.5 (cpus: 1.5 in a compose file)",
	ServiceFix: "add a CPU limit, such as --limit-cpu 1.5 (deploy.resources.limits.cpus in a compose file)",
	Refs:       []string{"CIS 5.12"},
	Doors:      []request.Door{request.DoorCreate, request.DoorService},
	Fields: []string{
		"HostConfig.NanoCpus", "HostConfig.CpuQuota", "HostConfig.CpuPeriod", "HostConfig.CpuShares", "HostConfig.CpuRealtimePeriod",
		"HostConfig.CpuRealtimeRuntime", "HostConfig.CpusetCpus", "HostConfig.CpusetMems",
		"TaskTemplate.Resources.Limits.NanoCPUs",
	},

	// On everywhere for realtime scheduling, which few programs want and every host suffers from.
	Profiles: Profiles{
		Baseline: Default, Standard: Default,
		Restricted: With(func(c *CPU) { c.Required = true }),
		CIS:        With(func(c *CPU) { c.Required, c.SharesSuffice = true, true }), // 5.12 speaks of CPU shares
	},
	New: func() Rule { return &CPU{Cpuset: true} },
})

// defaultShares is what a container has that asks for none. To ask for as many is no limit, says the audit of CIS 5.12.
const defaultShares = 1024

// Prepare implements [Preparer].
func (c *CPU) Prepare() error {
	switch {
	case c.Max < 0 || c.Max > 1e6:
		return fmt.Errorf("max: %v is not a number of CPUs", c.Max)
	case c.MaxShares < 0:
		return fmt.Errorf("max_shares: %d is below 0", c.MaxShares)
	}
	return nil
}

// Check implements [Rule].
func (c *CPU) Check(r *request.Request, out *Findings) {
	w := r.Workload
	shares := c.SharesSuffice && w.CPUShares.V > 0 && w.CPUShares.V != defaultShares
	if needed := c.Max > 0 || c.Required && !shares; needed {
		switch quota := w.CPUQuota; {
		// A negative quota is no limit, and outweighs NanoCpus (moby daemon/daemon_unix.go, getCPUResources).
		case quota.V < 0:
			out.Add(quota.Field, fmt.Sprintf("is %d, which is no limit", quota.V), c.limits())
		case quota.V == 0 && w.NanoCPUs.V <= 0:
			out.Add(w.NanoCPUs.Field, "is not set", c.limits())
		}
	}
	// The two spellings of the limit. The Engine refuses both together, but this does not rely on it.
	c.checkMax(w.NanoCPUs.Field, float64(w.NanoCPUs.V)/1e9, out)
	c.checkMax(w.CPUQuota.Field, float64(w.CPUQuota.V)/float64(period(w)), out)
	if s := w.CPUShares; c.MaxShares > 0 && s.V > c.MaxShares {
		out.AddFix(s.Field, fmt.Sprintf("is %d", s.V), fmt.Sprintf("at most %d", c.MaxShares), "lower --cpu-shares")
	}
	for _, v := range []request.Value[int64]{w.CPURealtimePeriod, w.CPURealtimeRuntime} {
		if v.V != 0 && !c.Realtime {
			out.AddFix(v.Field, fmt.Sprintf("is %d", v.V), "0", "drop --cpu-rt-period and --cpu-rt-runtime")
		}
	}
	for _, v := range []request.Value[string]{w.CpusetCpus, w.CpusetMems} {
		if v.V != "" && !c.Cpuset {
			out.AddFix(v.Field, "is "+quote(v.V), "not set", "drop --cpuset-cpus and --cpuset-mems")
		}
	}
}

// period is the span that CPUQuota is a part of. The kernel's default stands in for one that is missing.
func period(w *request.Workload) int64 {
	if w.CPUPeriod.V > 0 {
		return w.CPUPeriod.V
	}
	return 100_000
}

// checkMax judges one spelling of the limit, in CPUs.
func (c *CPU) checkMax(field string, cpus float64, out *Findings) {
	if c.Max > 0 && cpus > c.Max {
		out.AddFix(field, "is "+formatCPUs(cpus)+" CPUs", c.limits(), out.Either("lower --cpus (or --cpu-quota)", "lower --limit-cpu"))
	}
}

// limits words what would pass.
func (c *CPU) limits() string {
	switch {
	case c.Max > 0:
		return "a limit of at most " + formatCPUs(c.Max) + " CPUs"
	case c.SharesSuffice:
		return "any limit above 0, or CPU shares"
	}
	return "any limit above 0"
}

// formatCPUs writes 2.5 as 2.5 and 2 as 2.
func formatCPUs(n float64) string { return strconv.FormatFloat(n, 'f', -1, 64) }
