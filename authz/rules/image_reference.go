package rules

import (
	"fmt"
	"slices"
	"strings"

	"github.com/distribution/reference"

	"caisson/authz/request"
)

// ImageReference says how a container's image must be named.
type ImageReference struct {
	Registries    []string `toml:"registries" comment:"repositories with their registry, such as \"docker.io/library/*\"; \"**\" is every one"`
	RequireDigest bool     `toml:"require_digest" comment:"refuse an image without a digest (name@sha256:…), as tags can be moved to other images"`
	DenyTags      []string `toml:"deny_tags" comment:"tags that are refused unless a digest comes with them; an image without a tag is latest"`
}

var _ = register(&Spec{
	ID:    "image-reference",
	Title: "Images are named by registry and digest",
	Why: "The name of an image decides what code runs. A name without a digest can be given to any image, by a pull, a build or a load; a " +
		"container without an image runs programs of whatever is mounted into it.",
	Fix:    "name the image in full, with its digest: docker image ls --digests shows it",
	Refs:   []string{"CIS 5.28"},
	Doors:  []request.Door{request.DoorCreate, request.DoorService},
	Fields: []string{"Image", "TaskTemplate.ContainerSpec.Image"},

	Profiles: Profiles{
		Baseline: Default, Standard: Default, CIS: Default, // with its defaults the rule wants no more than a name
		Restricted: With(func(i *ImageReference) { i.RequireDigest = true }),
	},
	New: func() Rule { return &ImageReference{Registries: []string{"**"}} },
})

// Prepare implements [Preparer].
func (i *ImageReference) Prepare() error { return checkRepositories("registries", i.Registries) }

// checkRepositories checks patterns for repositories. One without a registry would match nothing, as the Engine's names have one.
func checkRepositories(option string, patterns []string) error {
	for _, p := range patterns {
		if first, _, ok := strings.Cut(p, "/"); p != "**" && (!ok || !strings.ContainsAny(first, ".:*") && first != "localhost") {
			return fmt.Errorf("%s: %q does not begin with a registry; write docker.io/library/busybox for busybox", option, p)
		}
	}
	return checkGlobs(option, patterns)
}

// Check implements [Rule].
func (i *ImageReference) Check(r *request.Request, out *Findings) {
	image := r.Workload.Image
	if image.V == "" {
		out.AddFix(image.Field, "is not set", "the name of an image", "name an image")
		return
	}
	if mayBeImageID(image.V) {
		// An ID is as good as a digest for what it names, but it names no registry, and may be the ID of anything that was built here.
		if !i.open() || i.RequireDigest {
			out.Add(image.Field, "is "+quote(image.V)+", which is or may be an ID and tells nothing of where the image is from",
				i.allowed())
		}
		return
	}
	named, err := request.ParseImage(image.V)
	if err != nil {
		out.Add(image.Field, "is "+quote(image.V)+", which is no name of an image", i.allowed())
		return
	}
	i.checkName(image.Field, image.V, named, out)
}

// checkName judges a name as the Engine reads it. One without a tag stands for all of them.
func (i *ImageReference) checkName(field, raw string, named reference.Named, out *Findings) {
	if !i.open() && !matchAny(i.Registries, named.Name()) {
		out.AddFix(field, "is from "+quote(named.Name()), listed(i.Registries),
			"use an image from an allowed registry, or have the operator add it to rules."+string(out.spec.ID)+".registries")
	}
	if _, ok := named.(reference.Digested); ok { // the Engine then ignores the tag
		return
	}
	if i.RequireDigest {
		out.Add(field, "is "+quote(raw)+" without a digest", i.allowed())
	}
	tagged, ok := named.(reference.Tagged)
	switch {
	case len(i.DenyTags) == 0:
	case !ok:
		out.AddFix(field, "is "+quote(raw)+" with every tag", "other tags than "+listed(i.DenyTags), "name a version of the image")
	case slices.Contains(i.DenyTags, tagged.Tag()):
		out.AddFix(field, "has the tag "+quote(tagged.Tag()), "other tags than "+listed(i.DenyTags), "name a version of the image")
	}
}

func (i *ImageReference) open() bool { return slices.Contains(i.Registries, "**") }

// mayBeImageID tells whether the Engine could take a text for an ID, whole or shortened, with or without the algorithm. sha256:ab12
// reads like the tag ab12 of an image called sha256, but every engine finds the ID.
//
// Source: v20.10.24 image/store.go, Search; moby daemon/containerd/image.go, checkTruncatedID.
func mayBeImageID(s string) bool { return mayBeID(strings.TrimPrefix(s, "sha256:")) }

// allowed words what would pass.
func (i *ImageReference) allowed() string {
	if i.RequireDigest {
		return "a name with a digest, name@sha256:…"
	}
	if i.open() {
		return "a name such as docker.io/library/busybox:1.36"
	}
	return "a name of " + listed(i.Registries)
}
