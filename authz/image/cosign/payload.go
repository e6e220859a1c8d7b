package cosign

import (
	"encoding/base64"
	"errors"
	"fmt"
	"strconv"

	"github.com/distribution/reference"
	"github.com/opencontainers/go-digest"
)

// The types of what is signed.
const (
	payloadType   = "cosign container image signature"
	statementType = "application/vnd.in-toto+json"
	signPredicate = "https://sigstore.dev/cosign/sign/v1"
)

// errAttestation says that a statement is about the image, and does not say that it may run.
var errAttestation = errors.New("is an attestation")

// checkPayload checks what a key signed, in the format "simple signing". The error completes "a signature that …".
func checkPayload(payload []byte, d digest.Digest, repository reference.Named) error {
	v, err := decode(payload)
	if err != nil {
		return fmt.Errorf("cannot be read: %w", err)
	}
	switch {
	case text(v, "critical", "type") != payloadType:
		return fmt.Errorf("is of the type %.100q, not %q", text(v, "critical", "type"), payloadType)
	case !only(v, []string{"identity", "image", "type"}, "critical"),
		!only(v, []string{"docker-manifest-digest"}, "critical", "image"),
		!only(v, []string{"docker-reference"}, "critical", "identity"):
		return errors.New("has something critical in it that is not understood")
	case text(v, "critical", "image", "docker-manifest-digest") != d.String():
		return fmt.Errorf("is of something else: %.100q", text(v, "critical", "image", "docker-manifest-digest"))
	}
	if repository == nil {
		return nil
	}
	claimed := text(v, "critical", "identity", "docker-reference")
	named, err := reference.ParseNormalizedNamed(claimed)
	if err != nil || named.Name() != repository.Name() {
		return fmt.Errorf("is of the repository %.200q", claimed)
	}
	return nil
}

// envelope is a DSSE envelope: a signed statement.
type envelope struct {
	payloadType string
	payload     []byte
	signature   []byte
}

// openBundle returns the envelope that a bundle holds. Nothing of it is known to be true.
func openBundle(bundle []byte) (envelope, error) {
	v, err := decode(bundle)
	if err != nil {
		return envelope{}, fmt.Errorf("cannot be read: %w", err)
	}
	switch {
	case text(v, "mediaType") != mediaTypeBundle:
		return envelope{}, fmt.Errorf("is a %.100q, not a bundle of version 0.3", text(v, "mediaType"))
	case at(v, "messageSignature") != nil:
		return envelope{}, errors.New("is of bytes, as \"cosign sign-blob\" makes it, not of an image")
	case at(v, "dsseEnvelope") == nil:
		return envelope{}, errors.New("holds no statement")
	}
	e := envelope{payloadType: text(v, "dsseEnvelope", "payloadType")}
	if e.payload, err = base64.StdEncoding.DecodeString(text(v, "dsseEnvelope", "payload")); err != nil {
		return envelope{}, errors.New("holds a statement that is not base64")
	}
	list, _ := at(v, "dsseEnvelope", "signatures").([]any)
	if len(list) != 1 {
		return envelope{}, fmt.Errorf("holds %d signatures, not one", len(list))
	}
	if e.signature, err = base64.StdEncoding.DecodeString(text(list[0], "sig")); err != nil {
		return envelope{}, errors.New("holds a signature that is not base64")
	}
	return e, nil
}

// message is what the signature of an envelope is of: DSSE's pre-authentication encoding.
func (e envelope) message() []byte {
	return []byte("DSSEv1 " + strconv.Itoa(len(e.payloadType)) + " " + e.payloadType + " " + strconv.Itoa(len(e.payload)) + " " + string(e.payload))
}

// checkStatement checks what a key signed, as an in-toto statement. The error completes "a signature that …".
func checkStatement(e envelope, d digest.Digest) error {
	if e.payloadType != statementType {
		return fmt.Errorf("is of a %.100q, not of an in-toto statement", e.payloadType)
	}
	v, err := decode(e.payload)
	if err != nil {
		return fmt.Errorf("cannot be read: %w", err)
	}
	if t := text(v, "_type"); t != "https://in-toto.io/Statement/v1" && t != "https://in-toto.io/Statement/v0.1" {
		return fmt.Errorf("is of a %.100q, not of an in-toto statement", t)
	}
	if p := text(v, "predicateType"); p != signPredicate {
		return fmt.Errorf("%w (%.100q)", errAttestation, p)
	}
	subjects, _ := at(v, "subject").([]any)
	for _, s := range subjects {
		if text(s, "digest", d.Algorithm().String()) == d.Encoded() {
			return nil
		}
	}
	return errors.New("is of something else")
}
