package attached

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"strings"

	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"caisson/authz/image"
)

// Keys are static keys that sign DSSE envelopes, as "cosign attest --key" does. It is safe for concurrent use.
type Keys interface {
	// Signed tells whether one of the keys made a signature of a message, and which one.
	Signed(message, signature []byte) (key string, ok bool)
}

// envelope is a DSSE envelope.
//
// Source: secure-systems-lab/dsse envelope.md.
type envelope struct {
	Payload    string `json:"payload"` // base64
	Type       string `json:"payloadType"`
	Signatures []struct {
		Sig string `json:"sig"` // base64
	} `json:"signatures"`
}

// inToto is the type of what envelopes are read for.
const inToto = "application/vnd.in-toto+json"

// Media types of files that are envelopes, or sigstore bundles with one in them.
const (
	dsseType   = "application/vnd.dsse.envelope.v1+json"
	bundleType = "application/vnd.dev.sigstore.bundle." // and a version
)

func isEnvelope(l ocispec.Descriptor) bool {
	return l.MediaType == dsseType || strings.HasPrefix(l.MediaType, bundleType)
}

// content is what is in an envelope.
func (e *envelope) content() ([]byte, error) {
	if e.Type != inToto {
		return nil, errors.New("it is an envelope around something else than an in-toto statement")
	}
	text, err := base64.StdEncoding.DecodeString(e.Payload)
	if err != nil {
		return nil, errors.New("it is an envelope whose content is not base64")
	}
	return text, nil
}

// maxSignatures bounds how many signatures of an envelope are tried.
const maxSignatures = 8

// signedBy tells which key signed the content of an envelope.
//
// Source: secure-systems-lab/dsse protocol.md, PAE.
func (e *envelope) signedBy(keys Keys, content []byte) (string, bool) {
	message := fmt.Appendf(nil, "DSSEv1 %d %s %d %s", len(e.Type), e.Type, len(content), content)
	for _, s := range e.Signatures[:min(len(e.Signatures), maxSignatures)] {
		sig, err := base64.StdEncoding.DecodeString(s.Sig)
		if err != nil {
			continue
		}
		if key, ok := keys.Signed(message, sig); ok {
			return key, true
		}
	}
	return "", false
}

// tagged looks at the envelopes that cosign before version 3 keeps under a tag of their own, all in one manifest.
//
// Source: sigstore/cosign specs/SIGNATURE_SPEC.md, specs/ATTESTATION_SPEC.md.
func (f *finding) tagged(ctx context.Context, subject ocispec.Descriptor) error {
	m, err := f.source.Tagged(ctx, f.artifact.Repository, strings.Replace(subject.Digest.String(), ":", "-", 1)+".att")
	switch {
	case errors.Is(err, image.ErrNotFound):
		return nil
	case err != nil:
		return err
	}
	var manifest ocispec.Manifest
	if err := unmarshal(m.Bytes, &manifest); err != nil {
		return fmt.Errorf("what cosign attached to it cannot be read: %w", err)
	}
	return f.enveloped(ctx, manifest.Layers)
}

// enveloped takes the statements of envelopes that a key signed, from a manifest that nobody vouches for: whoever can push may have put it
// together. So others in it are as good as absent, and statements about other images are not for here.
func (f *finding) enveloped(ctx context.Context, layers []ocispec.Descriptor) error {
	layers = slices.DeleteFunc(layers, func(l ocispec.Descriptor) bool { return !isEnvelope(l) })
	if f.envelopes += len(layers); f.envelopes > image.MaxAttempts {
		return fmt.Errorf("more than %d envelopes are attached to it, which is too much to look at", image.MaxAttempts)
	}
	for _, l := range layers {
		text, err := f.blob(ctx, l)
		if err != nil {
			return fmt.Errorf("the envelope %s cannot be fetched: %w", short(l.Digest), err)
		}
		if err := f.envelope(text); err != nil {
			return fmt.Errorf("the signed envelope %s cannot be read: %w", short(l.Digest), err)
		}
	}
	return nil
}

// envelope takes the statement of one.
func (f *finding) envelope(text []byte) error {
	content, verdict := f.reader.open(text)
	if !verdict.Verified() {
		f.reject(verdict)
		return nil
	}
	f.found.signed++
	if err := f.take(content, &verdict); !errors.Is(err, errOther) {
		return err
	}
	return nil
}

// open takes the content out of an envelope, and tells who signed it.
func (r *Reader) open(text []byte) ([]byte, image.Verdict) {
	var e struct {
		envelope
		Bundled *envelope `json:"dsseEnvelope"`
	}
	err := unmarshal(text, &e)
	if e.Bundled != nil {
		e.envelope = *e.Bundled
	}
	var content []byte
	if err == nil {
		content, err = e.content()
	}
	if err != nil {
		return nil, image.Verdict{Reason: image.BadSignature, Detail: "is an envelope that cannot be read"}
	}
	key, ok := e.signedBy(r.keys, content)
	if !ok {
		return nil, image.Verdict{Reason: image.UntrustedSigner, Detail: "is an envelope that none of the keys signed"}
	}
	return content, image.Verdict{Reason: image.Verified, Signature: image.Signature{Signer: key}}
}
