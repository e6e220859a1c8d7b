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
func Sign(tb testing.TB, s Store, subject ocispec.Descriptor, o SignOptions) ocispec.Descriptor {
	tb.Helper()
	envelope := Envelope(tb, subject, o)
	mediaType := o.MediaType
	if mediaType == "" {
		mediaType = JWS
	}
	return Attach(tb, s, subject, Notation, false, s.PutBlob(tb, mediaType, envelope))
}

// Envelope makes a notation signature of a descriptor.
func Envelope(tb testing.TB, subject ocispec.Descriptor, o SignOptions) []byte {
	tb.Helper()
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
	must(tb, err)
	req := &signature.SignRequest{
		Payload: signature.Payload{
			ContentType: "application/vnd.cncf.notary.payload.v1+json",
			Content: marshal(tb, map[string]any{"targetArtifact": ocispec.Descriptor{
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
	must(tb, err)
	der, err := envelope.Sign(req)
	must(tb, err)
	return der
}
