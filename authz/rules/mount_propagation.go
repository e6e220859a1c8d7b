package rules

import (
	"fmt"
	"slices"

	"caisson/authz/request"
)

// MountPropagation bounds how mounts travel between container and host.
type MountPropagation struct {
	Allow []string `toml:"allow" comment:"modes that may be asked for, of private, rprivate, slave, rslave, shared, rshared; asking for none always passes"`
}

var _ = register(&Spec{
	ID:    "mount-propagation",
	Title: "Mounts made in a container stay there",
	Why: "With shared propagation a mount made inside the container appears on the host, and hides what is there. With slave " +
		"propagation the host's later mounts appear in the container.",
	Fix:    "drop the propagation option, or ask for rprivate",
	Refs:   []string{"CIS 5.20"},
	Doors:  []request.Door{request.DoorCreate, request.DoorService},
	Fields: []string{"HostConfig.Binds", "HostConfig.Mounts", "TaskTemplate.ContainerSpec.Mounts"},

	Profiles: Profiles{
		Baseline: Default, Standard: Default,
		Restricted: With(privateOnly), CIS: With(privateOnly),
	},
	New: func() Rule { return &MountPropagation{Allow: []string{"private", "rprivate", "slave", "rslave"}} },
})

func privateOnly(m *MountPropagation) { m.Allow = []string{"private", "rprivate"} }

// Prepare implements [Preparer].
func (m *MountPropagation) Prepare() error {
	for _, a := range m.Allow {
		if !slices.Contains([]string{"private", "rprivate", "slave", "rslave", "shared", "rshared"}, a) {
			return fmt.Errorf("allow: %q is no propagation mode", a)
		}
	}
	return nil
}

// Check implements [Rule]. The type of the mount does not matter: engines drop the option from some, or refuse it.
func (m *MountPropagation) Check(r *request.Request, out *Findings) {
	for i := range r.Workload.Mounts {
		mount := &r.Workload.Mounts[i]
		if p := mount.Propagation; p != "" && !slices.Contains(m.Allow, p) {
			out.Add(mount.Field, "asks for the propagation "+quote(p), listed(m.Allow))
		}
	}
}
