package rules

import (
	"fmt"

	"caisson/authz/request"
)

// ImageSignature lets only images run that somebody vouches for whom the policy names. Who that is, stands in the policy's image_trust
// tables: it is the same for all rules and users.
type ImageSignature struct {
	RemoveUnverified    bool `toml:"remove_unverified" comment:"remove a container, before it ever ran, that turned out to be made of an image that nobody vouches for, as when a tag was moved meanwhile"`
	StartRequiresFullID bool `toml:"start_requires_full_id" comment:"refuse to start and restart containers by name, as names can be moved from one container to another at any moment"`
}

var _ = register(&Spec{
	ID:    "image-signature",
	Title: "Somebody vouches for every image",
	Why: "The name of an image can be given to any image, and a registry serves what was last pushed to it. Only a signature says that what is going to " +
		"run is what somebody made who is trusted. It is looked for by the image's own digest, and never by its name.",
	Fix:    "use an image that is signed for this host",
	Refs:   []string{"CIS 4.5"},
	Doors:  []request.Door{request.DoorCreate, request.DoorService},
	Ops:    []request.Operation{request.ContainerStart, request.ContainerRestart},
	Fields: []string{"Image", "HostConfig.Mounts", "TaskTemplate.ContainerSpec.Image", "TaskTemplate.ContainerSpec.Mounts"},
	Facts:  FactTrust,

	Profiles: Profiles{Standard: Default, Restricted: Default},
	New:      func() Rule { return &ImageSignature{RemoveUnverified: true} },
})

// Check implements [Rule].
func (i *ImageSignature) Check(r *request.Request, out *Findings) {
	if r.Workload == nil {
		i.checkStart(r, out)
		return
	}
	if image := r.Workload.Image; image.V == "" {
		out.AddFix(image.Field, "is not set", "an image that somebody vouches for", "name an image")
	} else if own := factsAt(r.Workload, image.Field, image.V); !comesLater(r.Workload, own) {
		checkTrust(r.Workload, own, out)
	}
	for _, m := range r.Workload.Mounts {
		if m.Type == request.MountImage {
			checkTrust(r.Workload, factsAt(r.Workload, m.Field, m.Source), out)
		}
	}
}

// checkStart judges how a container is named that is to be started.
func (i *ImageSignature) checkStart(r *request.Request, out *Findings) {
	if target, ok := r.Target(); ok && i.StartRequiresFullID && !request.IsFullID(target.Name) {
		out.AddFix(target.Field, "is named "+quote(target.Name), "its whole ID",
			"start it by its ID: docker start $(docker inspect --format {{.Id}} NAME)")
	}
}

func checkTrust(w *request.Workload, f *request.ImageFacts, out *Findings) {
	if why := unseen(w, f); why != "" {
		out.AddFix(f.Place, "is "+quote(f.Named)+", of which nobody can tell who vouches for it: "+why, vouched, "try again; if this stays so, ask the operator of this host")
		out.Unsettled()
		return
	}
	if f.Trust.Verified {
		return
	}
	reason, detail, fix, unsettled := f.Trust.Reason, f.Trust.Detail, reasons[f.Trust.Reason], f.Trust.Unsettled
	if reason == "" {
		reason, detail, unsettled = "unknown", "nobody has looked at", true
	}
	if fix == "" {
		fix = out.spec.Fix
	}
	out.AddFix(f.Place, fmt.Sprintf("is %s, which %s (%s)", quote(f.Named), detail, reason), vouched, fix)
	if unsettled {
		out.Unsettled()
	}
}

const vouched = "images that a statement of the policy vouches for"

// reasons say what to do about each reason of package image for not vouching.
var reasons = map[string]string{
	"digest-denied":        "use another version of the image",
	"revoked":              "have the image signed anew, with a certificate that is not revoked",
	"expired":              "have the image signed anew",
	"not-yet-valid":        "look at this host's clock; if it is right, use the image once its certificate is valid",
	"untrusted-signer":     "have the image signed by a signer whom the policy names, or have the operator of this host add the signer to the statement",
	"revocation-unknown":   "try again when the certificate authority's responder answers",
	"bad-signature":        "have the image signed anew; if it was signed rightly, somebody has changed the image or its signature",
	"unsigned":             "sign the image in its registry (such as with notation sign NAME@DIGEST), or use one that is signed",
	"registry-denied":      "have the operator of this host give Caisson credentials for the registry that are good",
	"registry-unavailable": "try again when the registry answers; for hosts without a network, evidence can be brought along: caisson image evidence add",
	"timeout":              "try again in a moment",
	"unbound":              "push the image to a registry of the policy, sign it there and pull it by that name",
	"no-statement":         "use an image of a repository that the policy has a statement for, or have the operator of this host add one to image_trust.statements",
	"registry-not-listed":  "use an image of a registry that the policy lists, or have the operator of this host add it to image_trust.registries",
	"mutable":              "name it by its whole ID or by name@sha256:…",
}
