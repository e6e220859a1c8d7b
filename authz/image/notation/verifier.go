package notation

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	_ "github.com/notaryproject/notation-core-go/signature/cose" // registers its media type
	_ "github.com/notaryproject/notation-core-go/signature/jws"  // registers its media type
	notationgo "github.com/notaryproject/notation-go"
	"github.com/notaryproject/notation-go/registry"
	"github.com/notaryproject/notation-go/verifier"
	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"caisson/authz/image"
	"caisson/authz/image/revocation"
)

const kind = "notation"

// The media types of envelopes.
const (
	mediaTypeJWS  = "application/jose+json"
	mediaTypeCOSE = "application/cose"
)

// Verifier verifies signatures of notation. It implements [image.Verifier].
type Verifier struct {
	options     Options
	library     notationgo.Verifier
	fingerprint string
}

var _ image.Verifier = (*Verifier)(nil)

// New returns a verifier. An error names everything that is wrong with the options.
func New(o Options) (*Verifier, error) {
	// The caller may change its slices afterwards; what was checked may not change.
	o.CA, o.SigningAuthority, o.TSA = slices.Clone(o.CA), slices.Clone(o.SigningAuthority), slices.Clone(o.TSA)
	o.Identities = slices.Clone(o.Identities)
	if err := o.check(); err != nil {
		return nil, err
	}
	checker, err := revocation.New(revocation.Options{Mode: o.Revocation, LastKnown: o.LastKnown, Answers: o.Answers})
	if err != nil {
		return nil, err
	}
	certs := snapshot{}
	for _, s := range o.stores() {
		certs[s.kind] = s.certs
	}
	// Without a plugin manager, a signature that wants a plugin to be run is not verified.
	library, err := verifier.NewWithOptions(o.document(), certs, nil, verifier.VerifierOptions{
		RevocationCodeSigningValidator: checker.CodeSigning(), RevocationTimestampingValidator: checker.Timestamping(),
	})
	if err != nil {
		return nil, err
	}
	return &Verifier{options: o, library: library, fingerprint: o.fingerprint()}, nil
}

// Kind implements [image.Verifier].
func (v *Verifier) Kind() string { return kind }

// Fingerprint changes with everything that the verdict depends on besides the signature: options, certificates, versions of the libraries.
func (v *Verifier) Fingerprint() string { return v.fingerprint }

// Verify implements [image.Verifier]. The first signature that verifies wins; otherwise the verdict is that of the one that tells most.
func (v *Verifier) Verify(ctx context.Context, source image.Source, a image.Artifact) image.Verdict {
	list, err := source.Referrers(ctx, a.Repository, a.Descriptor, registry.ArtifactTypeNotation)
	if err != nil {
		return image.Unread(err, "the list of its signatures")
	}
	best := image.Verdict{Reason: image.Unsigned, Detail: "has no notation signature in " + a.Repository.Name()}
	for i, d := range list {
		if i == image.MaxAttempts {
			best.Detail += fmt.Sprintf(" (%d of %d signatures were looked at)", i, len(list))
			break
		}
		verdict := v.one(ctx, source, a, d)
		if verdict.Verified() {
			return verdict
		}
		if ctx.Err() != nil {
			// What is left unread may be good.
			return image.Unread(ctx.Err(), "")
		}
		best = image.Telling(best, verdict)
	}
	return best
}

// one looks at one signature.
func (v *Verifier) one(ctx context.Context, source image.Source, a image.Artifact, d ocispec.Descriptor) image.Verdict {
	m, err := source.Manifest(ctx, a.Repository, d.Digest)
	if err != nil {
		return image.Unread(err, "its signature "+d.Digest.String())
	}
	layer, err := envelopeOf(m, a.Descriptor.Digest)
	if err != nil {
		return image.Verdict{Reason: image.BadSignature, Detail: fmt.Sprintf("has the signature %s, which %v", d.Digest, err)}
	}
	envelope, err := source.Blob(ctx, a.Repository, layer, image.MaxEnvelope)
	if err != nil {
		return image.Unread(err, "its signature "+d.Digest.String())
	}
	verdict := v.envelope(ctx, a.Descriptor, layer.MediaType, envelope)
	if verdict.Verified() {
		verdict.Signature.Digest = d.Digest
	}
	return verdict
}

// envelopeOf returns where the envelope is that a signature's manifest holds. The error completes "which …".
func envelopeOf(m image.Manifest, subject digest.Digest) (ocispec.Descriptor, error) {
	if m.Descriptor.MediaType != ocispec.MediaTypeImageManifest {
		return ocispec.Descriptor{}, fmt.Errorf("is a %q and no image manifest", m.Descriptor.MediaType)
	}
	var s ocispec.Manifest
	if err := json.Unmarshal(m.Bytes, &s); err != nil {
		return ocispec.Descriptor{}, errors.New("cannot be read")
	}
	switch {
	case s.ArtifactType != registry.ArtifactTypeNotation && s.Config.MediaType != registry.ArtifactTypeNotation:
		return ocispec.Descriptor{}, errors.New("is not one of notation")
	case s.Subject == nil || s.Subject.Digest != subject:
		return ocispec.Descriptor{}, errors.New("belongs to something else")
	case len(s.Layers) != 1:
		return ocispec.Descriptor{}, fmt.Errorf("holds %d envelopes, not one", len(s.Layers))
	}
	layer := s.Layers[0]
	switch {
	case layer.MediaType != mediaTypeJWS && layer.MediaType != mediaTypeCOSE:
		return ocispec.Descriptor{}, fmt.Errorf("holds a %q, neither JWS nor COSE", layer.MediaType)
	case layer.Size > image.MaxEnvelope:
		return ocispec.Descriptor{}, fmt.Errorf("is %d bytes large; at most %d are read", layer.Size, int64(image.MaxEnvelope))
	}
	return layer, nil
}
