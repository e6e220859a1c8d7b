package rules

import "caisson/authz/request"

// UnknownField refuses parts of a body that Caisson does not know.
type UnknownField struct {
	Allow []string `toml:"allow" comment:"places that pass, such as \"HostConfig.NewThing\"; * stands for anything"`
}

var _ = register(&Spec{
	ID:    "unknown-field",
	Title: "Every field of a request is known",
	Why: "An Engine newer than Caisson may act on a field that no rule here has heard of. What such a field does cannot be judged, so it is " +
		"refused like anything else that is not understood.",
	Fix:   "drop the field, or upgrade Caisson to a version that knows it",
	Doors: []request.Door{request.DoorCreate, request.DoorExec, request.DoorVolume, request.DoorConnect, request.DoorService},
	Ops:   []request.Operation{request.NetworkCreate, request.ContainerUpdate},

	Profiles: Everywhere,
	New:      func() Rule { return &UnknownField{} },
})

// Prepare implements [Preparer].
func (u *UnknownField) Prepare() error { return checkGlobs("allow", u.Allow) }

// Check implements [Rule]. Only the place is shown: the value may be a secret.
func (u *UnknownField) Check(r *request.Request, out *Findings) {
	for _, f := range r.Unknown {
		if !matchAny(u.Allow, f.Field) {
			out.Add(f.Field, "is not known to this version of Caisson", "fields of the Engine API up to "+request.NewestVersion.String())
		}
	}
}
