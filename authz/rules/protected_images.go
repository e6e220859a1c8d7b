package rules

import (
	"caisson/authz/request"
)

// ProtectedImages keeps names of images for the registries that they come from.
type ProtectedImages struct {
	Names      []string `toml:"names" comment:"repositories with their registry, such as \"docker.io/library/*\", whose names only a pull may give"`
	AllowLoad  bool     `toml:"allow_load" comment:"let docker load and docker import pass, which may bring any name where Caisson cannot see it"`
	AllowBuild bool     `toml:"allow_build" comment:"let builds pass, which may give any name where Caisson cannot see it; a name that shows is judged"`
}

var _ = register(&Spec{
	ID:    "protected-images",
	Title: "Names of trusted images are given by their registry only",
	Why: "A name without a digest means whatever image last got it, by a tag, a commit, an import, a load or a build. Whoever may give a " +
		"trusted name to an image of their own decides what the next container under that name runs.",
	Fix: "use a name of your own, or have the operator take the name out of rules.protected-images.names",
	Ops: []request.Operation{
		request.ImageTag, request.ImageCommit, request.ImageCreate, request.ImageLoad, request.ImageBuild, request.Session, request.BuildKit,
		request.ImageDelete, request.ImagePrune,
	},

	Profiles: Everywhere, // without names the rule has nothing to protect
	New:      func() Rule { return &ProtectedImages{} },
})

// Prepare implements [Preparer].
func (p *ProtectedImages) Prepare() error { return checkRepositories("names", p.Names) }

// Check implements [Rule].
func (p *ProtectedImages) Check(r *request.Request, out *Findings) {
	if len(p.Names) == 0 {
		return
	}
	images := r.Images
	for _, name := range images.Named {
		switch {
		case name.Name == nil: // the Engine does not take it
		case matchAny(p.Names, name.Name.Name()):
			out.Add(name.Field, "gives the name "+quote(name.Name.Name())+" to another image", p.allowed())
		}
	}
	switch {
	case (images.Load || images.Import && r.Concealed) && !p.AllowLoad:
		out.AddFix("body", "may bring protected names in an archive", "images from registries",
			"pull the image, or have the operator set rules.protected-images.allow_load")
	case r.Build != nil && !p.AllowBuild:
		out.AddFix("build", "may give protected names where Caisson cannot see it", "no builds on this host",
			"build on another host and pull the image, or have the operator set rules.protected-images.allow_build")
	case images.Prune, r.Operation == request.ImagePrune && r.Concealed:
		out.AddFix("query parameter filters", "removes unused images with their names, protected ones among them", "images without a name",
			"leave out --all, and remove other images by name")
	}
	p.checkDeleted(images.Deleted, out)
}

// checkDeleted judges a removal. One by ID takes all names of the image with it.
func (p *ProtectedImages) checkDeleted(image request.Image, out *Findings) {
	switch {
	case image.Field == "":
	case mayBeImageID(image.Raw):
		out.AddFix(image.Field, "is "+quote(image.Raw)+", which may be the ID of a protected image", p.allowed(), "remove the image by its name and tag")
	case image.Name != nil && matchAny(p.Names, image.Name.Name()):
		out.Add(image.Field, "removes "+quote(image.Name.Name()), p.allowed())
	}
}

func (p *ProtectedImages) allowed() string { return "names other than " + listed(p.Names) }
