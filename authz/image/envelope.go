package image

import (
	"context"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

// envelopeVerifier is a [Verifier] that can verify a signature of an image's ID, without a manifest and a registry.
type envelopeVerifier interface {
	VerifyEnvelope(ctx context.Context, id digest.Digest, mediaTypes []string, envelope []byte) Verdict
}

// What an image's ID is the digest of: a configuration in the older stores, a manifest or an index in containerd's.
var (
	configTypes   = []string{"application/vnd.docker.container.image.v1+json", ocispec.MediaTypeImageConfig}
	manifestTypes = []string{ocispec.MediaTypeImageIndex, ocispec.MediaTypeImageManifest, MediaTypeDockerIndex, MediaTypeDockerManifest}
)

// loose looks for a signature of the image's own ID that was put beside the evidence: for images that were built or loaded on this host.
func (p *Policy) loose(ctx context.Context, e Evidence, s *Subject, only *Statement) Verdict {
	types := configTypes
	if s.Descriptor != nil {
		types = manifestTypes
	}
	var best Verdict
	for _, envelope := range e.Envelopes(s.ID) {
		for _, st := range p.statementsFor(nil, only) {
			verifier, ok := st.Verifier.(envelopeVerifier)
			if !ok {
				continue
			}
			v := verifier.VerifyEnvelope(ctx, s.ID, types, envelope.Bytes)
			v.Statement, v.Artifact = st.Name, Artifact{Descriptor: ocispec.Descriptor{Digest: s.ID}, Subject: s}
			if v.Verified() {
				return v
			}
			best = Telling(best, v)
		}
	}
	return best
}
