package rules

import (
	"caisson/authz/request"
)

// ImagePull says which images may be pulled. Its options are those of [ImageReference].
type ImagePull struct {
	Registries    []string `toml:"registries" comment:"repositories with their registry that may be pulled, such as \"docker.io/library/*\"; \"**\" is every one"`
	RequireDigest bool     `toml:"require_digest" comment:"refuse a pull without a digest (name@sha256:…)"`
	DenyTags      []string `toml:"deny_tags" comment:"tags that are refused unless a digest comes with them"`
}

var _ = register(&Spec{
	ID:    "image-pull",
	Title: "Images are pulled from listed registries",
	Why: "A pull makes the daemon connect to any host that a name can spell, from the host's own network, and fills its disk with what " +
		"that host sends. The rule image-reference says which of the images here may run.",
	Fix:  "pull an image that is allowed, by its name with a digest if one is asked for",
	Refs: []string{"CIS 4.2"},
	Ops:  []request.Operation{request.ImageCreate},

	Profiles: Everywhere, // with its defaults the rule lets every pull pass
	New:      func() Rule { return &ImagePull{Registries: []string{"**"}} },
})

// Prepare implements [Preparer].
func (p *ImagePull) Prepare() error { return checkRepositories("registries", p.Registries) }

// Check implements [Rule].
func (p *ImagePull) Check(r *request.Request, out *Findings) {
	limits := (*ImageReference)(p)
	pulled := r.Images.Pulled
	if limits.open() && !p.RequireDigest && len(p.DenyTags) == 0 {
		return
	}
	switch {
	case r.Images.Import && r.Concealed:
		out.AddFix("body", "is not shown to Caisson, so this may be a pull", "pulls that show what they pull, and imports without a body",
			"bring the archive in with docker load, or have the operator of this host import it")
	case pulled.Field == "":
	case pulled.Name == nil:
		out.Add(pulled.Field, "is "+quote(pulled.Raw)+", which is no name of an image", limits.allowed())
	default:
		limits.checkName(pulled.Field, pulled.Raw, pulled.Name, out)
	}
}
