package image

import (
	"context"

	"github.com/opencontainers/go-digest"
)

// Evidence is what is kept of earlier proofs, so that they can be made again without a registry. It is a Source like any other: what it
// returns is verified anew.
type Evidence interface {
	Source

	// Leading lists the manifests and indexes of which an image ID is known to be made: the one of that digest, those whose configuration has
	// it, and the indexes that hold these. A nil Repository says that it is not known where one came from.
	Leading(ctx context.Context, id digest.Digest) []Artifact

	// Envelopes lists signatures that were put beside the evidence for an image ID. That they are there says nothing yet.
	Envelopes(id digest.Digest) []Envelope
}

// Keeper is evidence to which more can be added.
type Keeper interface {
	Evidence

	// Record returns a source that passes on what another one gives, and a function that keeps what proves a verdict.
	Record(from Source) (recorded Source, keep func(Verdict) error)
}
