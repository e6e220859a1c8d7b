package image

import (
	"context"
	"encoding/json"
	"time"

	"github.com/distribution/reference"
	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

// Statement says who has to vouch for the images of some repositories.
type Statement struct {
	Name     string
	Prefixes []string // repositories with their registry; "registry.example.com/team" stands for itself and all that is below it
	Verifier Verifier
}

// Verifier finds out whether somebody whom it trusts vouches for an artifact. It is safe for concurrent use.
type Verifier interface {
	// Kind is notation, cosign-key or engine-identity.
	Kind() string

	// Verify looks for a signature on exactly the artifact's digest, media type and size. It always returns a verdict: what it cannot find
	// out is a reason too. The verdict's Artifact and Statement are filled in by the caller.
	Verify(ctx context.Context, source Source, a Artifact) Verdict
}

// Subject is an image as the Engine has it, which is what it will run.
type Subject struct {
	ID digest.Digest // graph drivers: of the configuration; containerd store: of the manifest or index that the name stands for

	// Manifest is the manifest that was or will be selected from an index, in the containerd store; "" if that is not known.
	Manifest    digest.Digest
	Descriptor  *ocispec.Descriptor   // of what ID stands for, where the Engine tells; nil if not
	Platform    ocispec.Platform      // of the image that the Engine shows
	RepoDigests []reference.Canonical // where it may have come from: a hint for where to look, and no evidence
	Created     time.Time             // by the builder's clock; zero if it says nothing
	Labels      map[string]string     // those that anybody here looks at
	Identity    json.RawMessage       // what Engine 29.2 and later found out about signatures; nil if it says nothing

	// IdentityOf is the manifest that Identity is about: the ID that the Engine gives if it is asked for one platform of the image. "" is not
	// known.
	IdentityOf digest.Digest
}

// Artifact is a manifest or index in a repository that a subject is bound to: the subject is made of what this digest stands for.
type Artifact struct {
	Repository reference.Named
	Descriptor ocispec.Descriptor
	Subject    *Subject
}
