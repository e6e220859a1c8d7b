package rules

import (
	"slices"

	"caisson/authz/request"
)

// ImagePush says where images may be pushed to.
type ImagePush struct {
	Registries []string `toml:"registries" comment:"repositories with their registry that may be pushed to, such as \"registry.example.com/team/**\"; \"**\" is every one"`
}

var _ = register(&Spec{
	ID:    "image-push",
	Title: "Images are pushed to listed registries",
	Why: "A push carries an image, and with it whatever was committed from a container, to any host that a name can spell, past what the " +
		"network allows the client.",
	Fix: "push to a registry that is allowed, or have the operator add the repository to rules.image-push.registries",
	Ops: []request.Operation{request.ImagePush},

	Profiles: Profiles{
		Baseline: Default, Standard: Default, CIS: Default, // with its defaults the rule lets every push pass
		// Hosts that are locked down run images and publish none.
		Restricted: With(func(p *ImagePush) { p.Registries = nil }),
	},
	New: func() Rule { return &ImagePush{Registries: []string{"**"}} },
})

// Prepare implements [Preparer].
func (p *ImagePush) Prepare() error { return checkRepositories("registries", p.Registries) }

// Check implements [Rule].
func (p *ImagePush) Check(r *request.Request, out *Findings) {
	pushed := r.Images.Pushed
	if pushed.Name == nil {
		if !slices.Contains(p.Registries, "**") {
			out.Add(pushed.Field, "is "+quote(pushed.Raw)+", which is no name of an image", listed(p.Registries))
		}
		return
	}
	if !matchAny(p.Registries, pushed.Name.Name()) {
		out.Add(pushed.Field, "goes to "+quote(pushed.Name.Name()), listed(p.Registries))
	}
}
