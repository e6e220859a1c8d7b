package rules

import (
	"caisson/authz/request"
)

// Annotations says which annotations a container may give to the runtime.
type Annotations struct {
	Allow []string `toml:"allow" comment:"keys that may be set, such as \"com.example.*\"; * and ** are wildcards"`
}

var _ = register(&Spec{
	ID:    "annotations",
	Title: "Only listed runtime annotations",
	Why: "Annotations go to the OCI runtime and its plugins as they are. Some set properties of the container's systemd unit, its limits " +
		"and devices among them, others change how a runtime isolates.",
	Fix:    "drop the --annotation, or use a label; or have the operator add the key to rules.annotations.allow",
	Doors:  []request.Door{request.DoorCreate},
	Fields: []string{"HostConfig.Annotations"},

	Profiles: Everywhere,
	New:      func() Rule { return &Annotations{} },
})

// Prepare implements [Preparer].
func (a *Annotations) Prepare() error { return checkGlobs("allow", a.Allow) }

// Check implements [Rule].
func (a *Annotations) Check(r *request.Request, out *Findings) {
	given := r.Workload.Annotations
	for _, key := range request.Keys(given.V) {
		if !matchAny(a.Allow, key) {
			out.Add(given.Key(key), "is set", listed(a.Allow))
		}
	}
}
