package rules

import (
	"github.com/distribution/reference"

	"caisson/authz/request"
)

// ImageMounts says which images may be mounted as files.
type ImageMounts struct {
	Allow []string `toml:"allow" comment:"images that may be mounted, as written or in full: \"registry.example.com/data/**\"; * and ** are wildcards"`
}

var _ = register(&Spec{
	ID:     "image-mounts",
	Title:  "Only listed images are mounted as files",
	Why:    "A mount of type image brings in the files of an image that no signature, registry or age rule has looked at, and pulls it if need be.",
	Fix:    "copy the files into the container's own image, or have the operator add the image to rules.image-mounts.allow",
	Doors:  []request.Door{request.DoorCreate, request.DoorService},
	Fields: []string{"HostConfig.Mounts", "TaskTemplate.ContainerSpec.Mounts"},

	Profiles: Profiles{Standard: Default, Restricted: Default, CIS: Default},
	New:      func() Rule { return &ImageMounts{} },
})

// Prepare implements [Preparer].
func (i *ImageMounts) Prepare() error { return checkGlobs("allow", i.Allow) }

// Check implements [Rule].
func (i *ImageMounts) Check(r *request.Request, out *Findings) {
	for n := range r.Workload.Mounts {
		m := &r.Workload.Mounts[n]
		if m.Type == request.MountImage && !matchAny(i.Allow, m.Source) && !matchAny(i.Allow, fullName(m.Source)) {
			out.Add(m.Field, "mounts the image "+quote(m.Source), listed(i.Allow))
		}
	}
}

// fullName spells an image as the Engine does, docker.io/library/busybox:latest. What is no name of an image stays as it is.
func fullName(image string) string {
	named, err := reference.ParseNormalizedNamed(image)
	if err != nil {
		return image
	}
	return reference.TagNameOnly(named).String()
}
