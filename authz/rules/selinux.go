package rules

import "caisson/authz/request"

// SELinux refuses SELinux labels of the client's choice.
type SELinux struct {
	Allow []string `toml:"allow" comment:"label options a container may use, such as \"level:s0:*\"; * is a wildcard"`
}

var _ = register(&Spec{
	ID:    "selinux",
	Title: "The Engine chooses SELinux labels",
	Why: "The Engine gives every container a confined type and a level of its own. Another type, such as spc_t, switches the confinement off; " +
		"another container's level opens that container's files.",
	Fix:        "drop --security-opt label=…; if the program needs the label, have the operator add it to rules.selinux.allow",
	ServiceFix: "leave Privileges.SELinuxContext out of the service; if the program needs the label, have the operator add it to rules.selinux.allow",
	Refs:       []string{"CIS 5.3", "PSS baseline: SELinux"},
	Doors:      []request.Door{request.DoorCreate, request.DoorService},
	Fields:     []string{"HostConfig.SecurityOpt", "TaskTemplate.ContainerSpec.Privileges.SELinuxContext"},

	Profiles: Everywhere,
	New:      func() Rule { return &SELinux{} },
})

// Prepare implements [Preparer].
func (s *SELinux) Prepare() error { return checkGlobs("allow", s.Allow) }

// Check implements [Rule]. Every label option is judged, also one that today's Engine would not understand.
func (s *SELinux) Check(r *request.Request, out *Findings) {
	for field, label := range securityOpts(r.Workload, "label") {
		if !matchAny(s.Allow, label) {
			out.Add(field, "is the SELinux label option "+quote(label), listed(s.Allow))
		}
	}
}
