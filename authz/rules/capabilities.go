package rules

import (
	"fmt"
	"slices"
	"strings"

	"github.com/agnivade/levenshtein"
	"github.com/moby/sys/capability"

	"caisson/authz/request"
)

// Capabilities bounds what a container may add to its capabilities, and can ask it to drop the default ones.
type Capabilities struct {
	Allow          []string `toml:"allow" comment:"capabilities that may be added, with or without CAP_; \"ALL\" must be named to pass"`
	RequireDropAll bool     `toml:"require_drop_all" comment:"refuse a container that does not drop ALL first"`
}

var _ = register(&Spec{
	ID:    "capabilities",
	Title: "No capabilities beyond the Engine's default set",
	Why: "Many capabilities are the host's root by another name: SYS_ADMIN mounts, SYS_MODULE loads kernel code, SYS_PTRACE, BPF and " +
		"DAC_READ_SEARCH read what is not the container's.",
	Fix:   "drop the --cap-add that is not allowed; if the program cannot work without it, have the operator add it to rules.capabilities.allow",
	Refs:  []string{"CIS 5.4", "CVE-2022-0185", "PSS baseline: capabilities", "PSS restricted: capabilities"},
	Doors: []request.Door{request.DoorCreate, request.DoorService},
	Fields: []string{
		"HostConfig.CapAdd", "HostConfig.CapDrop",
		"TaskTemplate.ContainerSpec.CapabilityAdd", "TaskTemplate.ContainerSpec.CapabilityDrop",
	},

	Profiles: Profiles{
		Baseline: Default, Standard: Default, CIS: Default,
		Restricted: With(func(c *Capabilities) { c.Allow, c.RequireDropAll = []string{"NET_BIND_SERVICE"}, true }),
	},
	New: func() Rule { return &Capabilities{Allow: defaultCapabilities()} },
})

// defaultCapabilities is what the Engine gives a container that asks for nothing. To add one of these changes nothing, or brings
// back what the container dropped.
//
// Source: moby daemon/pkg/oci/caps/defaults.go, the same in 20.10.
func defaultCapabilities() []string {
	return []string{
		"AUDIT_WRITE", "CHOWN", "DAC_OVERRIDE", "FOWNER", "FSETID", "KILL", "MKNOD", "NET_BIND_SERVICE", "NET_RAW", "SETFCAP",
		"SETGID", "SETPCAP", "SETUID", "SYS_CHROOT",
	}
}

// Prepare implements [Preparer]. It spells the names as a [request.Workload] does.
func (c *Capabilities) Prepare() error {
	known := []string{"ALL"}
	for _, k := range capability.ListKnown() {
		known = append(known, strings.ToUpper(k.String()))
	}
	names := make([]string, 0, len(c.Allow))
	for _, a := range c.Allow {
		name := strings.TrimPrefix(strings.ToUpper(a), "CAP_")
		if !slices.Contains(known, name) {
			return fmt.Errorf("allow: %q is no capability; did you mean %q?", a, nearestName(name, known))
		}
		names = append(names, name)
	}
	if c.RequireDropAll && slices.Contains(names, "ALL") {
		// An added ALL outweighs a dropped ALL (moby daemon/pkg/oci/caps/utils.go, TweakCapabilities).
		return fmt.Errorf("allow: \"ALL\" makes require_drop_all meaningless; name the capabilities instead")
	}
	c.Allow = names
	return nil
}

// nearestName returns the name that was cut short, or the one that takes the fewest edits to reach.
func nearestName(name string, names []string) string {
	for _, n := range names {
		if strings.HasPrefix(n, name) {
			return n
		}
	}
	return slices.MinFunc(names, func(a, b string) int {
		return levenshtein.ComputeDistance(name, a) - levenshtein.ComputeDistance(name, b)
	})
}

// Check implements [Rule].
func (c *Capabilities) Check(r *request.Request, out *Findings) {
	add, drop := r.Workload.CapAdd, r.Workload.CapDrop
	for i, name := range add.V {
		if !slices.Contains(c.Allow, name) && !slices.Contains(c.Allow, "ALL") {
			out.Add(add.At(i), "adds "+quote(name), listed(c.Allow))
		}
	}
	if c.RequireDropAll && !slices.Contains(drop.V, "ALL") {
		out.AddFix(drop.Field, "does not drop ALL", "ALL", "add --cap-drop=ALL (cap_drop: [ALL] in a compose file), then --cap-add what the program needs")
	}
}
