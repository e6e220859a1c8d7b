package imagetest

import (
	"crypto/x509"
	"testing"
	"time"

	"github.com/notaryproject/notation-core-go/signature"
	_ "github.com/notaryproject/notation-core-go/signature/cose" // registers its media type
	_ "github.com/notaryproject/notation-core-go/signature/jws"  // registers its media type
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

// The media types of envelopes, and the artifact type of signatures.
const (
	JWS      = "application/jose+json"
	COSE     = "application/cose"
	Notation = "application/vnd.cncf.notary.signature"
)

// SignOptions says how a notation signature looks.
type SignOptions struct {
	PKI              *PKI
	MediaType        string    // of the envelope; "" is JWS
	SigningTime      time.Time // zero: now
	Expiry           time.Time // zero: none
	SigningAuthority bool      // the scheme notary.x509.signingAuthority, not notary.x509
	TSA              *TSA      // who puts a timestamp on it; nil: nobody
	Attributes       []signature.Attribute
	Payload          *ocispec.Descriptor // what is signed, if it is not the image's own descriptor
}

// Sign puts a notation signature of a manifest into a store and describes the signature's manifest.
func Sign(t testing.TB, s Store, subject ocispec.Descriptor, o SignOptions) ocispec.Descriptor {
	t.Helper()
	envelope := Envelope(t, subject, o)
	mediaType := o.MediaType
	if mediaType == "" {
		mediaType = JWS
	}
	return Attach(t, s, subject, Notation, false, s.PutBlob(t, mediaType, envelope))
}

// Envelope makes a notation signature of a descriptor.
func Envelope(t testing.TB, subject ocispec.Descriptor, o SignOptions) []byte {
	t.Helper()
	if o.Payload != nil {
		subject = *o.Payload
	}
	if o.MediaType == "" {
		o.MediaType = JWS
	}
	if o.SigningTime.IsZero() {
		o.SigningTime = time.Now()
	}
	signer, err := signature.NewLocalSigner(o.PKI.Chain(), o.PKI.Leaf.Key)
	must(t, err)
	req := &signature.SignRequest{
		Payload: signature.Payload{
			ContentType: "application/vnd.cncf.notary.payload.v1+json",
			Content: marshal(t, map[string]any{"targetArtifact": ocispec.Descriptor{
				MediaType: subject.MediaType, Digest: subject.Digest, Size: subject.Size, Annotations: subject.Annotations,
			}}),
		},
		Signer: signer, SigningTime: o.SigningTime, Expiry: o.Expiry, SigningScheme: signature.SigningSchemeX509,
		ExtendedSignedAttributes: o.Attributes, SigningAgent: "imagetest",
	}
	if o.SigningAuthority {
		req.SigningScheme = signature.SigningSchemeX509SigningAuthority
	}
	if o.TSA != nil {
		req.Timestamper, req.TSARootCAs = o.TSA, x509.NewCertPool()
		req.TSARootCAs.AddCert(o.TSA.PKI.Root.Certificate)
	}
	envelope, err := signature.NewEnvelope(o.MediaType)
	must(t, err)
	der, err := envelope.Sign(req)
	must(t, err)
	return der
}
