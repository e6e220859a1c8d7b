package rules

import (
	"fmt"

	"caisson/authz/request"
)

// ImageAge bounds how old an image may be.
type ImageAge struct {
	Max       Days   `toml:"max" comment:"oldest image, such as \"180d\", \"26w\" or \"1y\""`
	OnUnknown string `toml:"on_unknown" comment:"what happens to an image whose age nobody can tell: deny or allow"`
}

var _ = register(&Spec{
	ID:    "image-age",
	Title: "Images are not too old",
	Why: "An image stays as it was built, with the bugs that its programs had on that day. One that nobody has built anew for long is one " +
		"that nobody has patched. A signature says who made it, and stays good for such an image.",
	Fix:    "pull or build a newer version of the image",
	Refs:   []string{"CIS 4.4"},
	Doors:  []request.Door{request.DoorCreate, request.DoorService},
	Fields: []string{"Image", "HostConfig.Mounts", "TaskTemplate.ContainerSpec.Image", "TaskTemplate.ContainerSpec.Mounts"},
	Facts:  FactTrust | FactReports,

	// Off in all: without signatures or reports the only date is the builder's own, and many builders give none.
	New: func() Rule { return &ImageAge{Max: 180, OnUnknown: unknownDeny} },
})

// Prepare implements [Preparer].
func (a *ImageAge) Prepare() error {
	if a.Max <= 0 {
		return fmt.Errorf("max: a length of time above 0 is needed; switch the rule off if there is to be no bound")
	}
	return checkOnUnknown(a.OnUnknown)
}

// Check implements [Rule].
func (a *ImageAge) Check(r *request.Request, out *Findings) {
	for _, f := range imagesOf(r.Workload) {
		if !comesLater(r.Workload, f) {
			a.check(r.Workload, f, out)
		}
	}
}

func (a *ImageAge) check(w *request.Workload, f *request.ImageFacts, out *Findings) {
	why := unseen(w, f)
	if why == "" && !f.Age.Known {
		why = f.Age.Why
		if why == "" {
			why = "nobody has looked for it"
		}
	}
	if why != "" {
		if a.OnUnknown != unknownAllow {
			out.AddFix(f.Place, "is "+quote(f.Named)+", whose age is not known: "+why, a.allowed(),
				"use an image that is signed with a time, or have the operator set rules."+string(out.spec.ID)+".on_unknown")
			out.Unsettled()
		}
		return
	}
	if age := f.At.Sub(f.Age.Time); a.Max.Exceeded(age) {
		out.Add(f.Place, fmt.Sprintf("is %s, which is more than %s old by %s", quote(f.Named), inDays(age), f.Age.Source), a.allowed())
		if f.Trust.Unsettled { // a signature that could not be read may tell another date
			out.Unsettled()
		}
	}
}

// allowed words what would pass.
func (a *ImageAge) allowed() string { return "at most " + a.Max.String() }
