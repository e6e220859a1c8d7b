package rules

import (
	"slices"
	"strings"

	"caisson/authz/request"
)

// SecurityOpts refuses security options that no other rule judges.
type SecurityOpts struct {
	Allow []string `toml:"allow" comment:"options that pass, written exactly as the client sends them"`
}

var _ = register(&Spec{
	ID:         "security-opt",
	Title:      "No unknown security options",
	Why:        "Security options change how a container is confined. One that Caisson does not know may be one that a newer Engine acts on.",
	Fix:        "drop the --security-opt, or correct its spelling",
	ServiceFix: "leave it out of the service, or correct its spelling; --credential-spec is for Windows",
	Doors:      []request.Door{request.DoorCreate, request.DoorService},
	Fields:     []string{"HostConfig.SecurityOpt", "TaskTemplate.ContainerSpec.Privileges.CredentialSpec"},

	Profiles: Everywhere,
	New:      func() Rule { return &SecurityOpts{} },
})

// Check implements [Rule]. The message has the option's name only: a misspelled seccomp brings a whole profile along.
func (s *SecurityOpts) Check(r *request.Request, out *Findings) {
	for i, o := range r.Workload.SecurityOpt.V {
		if o.Key == "" && !slices.Contains(s.Allow, o.Raw) {
			name, _, _ := strings.Cut(o.Raw, "=")
			name, _, _ = strings.Cut(name, ":")
			out.Add(r.Workload.SecurityOptAt(i), "is the unknown option "+quote(name),
				listed(append([]string{out.Either("seccomp, apparmor, label, no-new-privileges, writable-cgroups", "modes that the API reference names")}, s.Allow...)))
		}
	}
}
