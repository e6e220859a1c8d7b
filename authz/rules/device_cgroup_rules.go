package rules

import (
	"fmt"
	"regexp"
	"slices"

	"caisson/authz/request"
)

// DeviceCgroupRules says which classes of devices a container may open.
type DeviceCgroupRules struct {
	Allow []string `toml:"allow" comment:"rules that may be given, exactly as the client sends them, such as \"c 189:* rmw\""`
}

var _ = register(&Spec{
	ID:    "device-cgroup-rules",
	Title: "Only listed device cgroup rules",
	Why: "One rule opens all devices of a class. With the capability MKNOD, which every container has by default, it can then make " +
		"itself a node for the host's disk.",
	Fix:    "drop --device-cgroup-rule, or have the operator add the rule to rules.device-cgroup-rules.allow",
	Refs:   []string{"CIS 5.18"},
	Doors:  []request.Door{request.DoorCreate},
	Fields: []string{"HostConfig.DeviceCgroupRules"},

	Profiles: Everywhere,
	New:      func() Rule { return &DeviceCgroupRules{} },
})

// Source: moby daemon/pkg/oci/oci.go, deviceCgroupRuleRegex.
var deviceCgroupRule = regexp.MustCompile(`^[acb] ([0-9]+|\*):([0-9]+|\*) [rwm]{1,3}$`)

// Prepare implements [Preparer].
func (d *DeviceCgroupRules) Prepare() error {
	for _, a := range d.Allow {
		if !deviceCgroupRule.MatchString(a) {
			return fmt.Errorf("allow: %q is not of the form \"c 189:* rmw\"", a)
		}
	}
	return nil
}

// Check implements [Rule].
func (d *DeviceCgroupRules) Check(r *request.Request, out *Findings) {
	given := r.Workload.DeviceCgroupRules
	for i, rule := range given.V {
		if !slices.Contains(d.Allow, rule) {
			out.Add(given.At(i), "opens the devices "+quote(rule), listed(d.Allow))
		}
	}
}
