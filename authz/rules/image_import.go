package rules

import (
	"caisson/authz/request"
)

// ImageImport says whether archives may become images, and what the daemon may fetch for that.
type ImageImport struct {
	Import bool     `toml:"import" comment:"let docker import make images of archives; the Engine does not show all that such a request asks for, so a URL cannot be ruled out then"`
	Load   bool     `toml:"load" comment:"let docker load bring images in, under any names"`
	URLs   []string `toml:"urls" comment:"what docker import may make the daemon fetch, such as \"https://files.example.com/images/**\""`
}

var _ = register(&Spec{
	ID:    "image-import",
	Title: "The daemon fetches no archives from URLs",
	Why: "docker import with a URL makes the daemon fetch it from the host's own network, and the answer can be read out of the image. " +
		"Archives that clients send bring in images that no registry has seen.",
	Fix: "download the archive, then docker import it from a file; or have the operator add the URL to rules.image-import.urls",
	Ops: []request.Operation{request.ImageCreate, request.ImageLoad},

	Profiles: Profiles{
		Baseline: Default, Standard: Default, CIS: Default,
		Restricted: With(func(i *ImageImport) { i.Import, i.Load = false, false }), // images come from registries, with a digest
	},
	New: func() Rule { return &ImageImport{Import: true, Load: true} },
})

// Prepare implements [Preparer].
func (i *ImageImport) Prepare() error { return checkGlobs("urls", i.URLs) }

// Check implements [Rule]. The daemon follows redirects, so a listed server has a say in what is fetched.
func (i *ImageImport) Check(r *request.Request, out *Findings) {
	const fromRegistry = "pull the image from a registry"
	switch url := r.Images.URL; {
	case r.Images.Load && !i.Load:
		out.AddFix("body", "brings images in an archive", "images from registries", fromRegistry)
	case !r.Images.Import:
	case url.Field != "":
		if !allowsURL(i.URLs, url) {
			out.Add(url.Field, fetches(url), listed(i.URLs))
		}
	case !i.Import:
		out.AddFix("query parameter fromSrc", "makes an image of an archive", "images from registries", fromRegistry)
	}
}
