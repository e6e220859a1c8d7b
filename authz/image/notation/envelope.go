package notation

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/notaryproject/notation-core-go/signature"
	notationgo "github.com/notaryproject/notation-go"
	"github.com/notaryproject/notation-go/verifier/trustpolicy"
	"github.com/notaryproject/tspclient-go"
	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"caisson/authz/image"
	"caisson/authz/image/revocation"
)

// VerifyEnvelope verifies a signature of a digest that is at hand, for images that come from no registry: the digest is the image's ID as the
// Engine gives it, and the media types are what the Engine takes it for (a configuration in the older stores, a manifest or index in
// containerd's).
//
// The Engine tells no size of a configuration, so the signer's word is taken for it. That loses nothing: a digest stands for one content, and
// so for one size. Verified means that a trusted signer signed this digest, as something of one of these media types.
func (v *Verifier) VerifyEnvelope(ctx context.Context, id digest.Digest, mediaTypes []string, envelope []byte) image.Verdict {
	if len(envelope) > image.MaxEnvelope {
		return bad(fmt.Sprintf("has a signature of %d bytes; at most %d are read", len(envelope), int64(image.MaxEnvelope)))
	}
	mediaType := mediaTypeCOSE
	if bytes.HasPrefix(envelope, []byte("{")) {
		mediaType = mediaTypeJWS
	}
	parsed, err := signature.ParseEnvelope(mediaType, envelope)
	if err != nil {
		return bad("has a signature that cannot be read")
	}
	content, err := parsed.Content()
	if err != nil {
		return bad("has a signature that cannot be read")
	}
	signed, err := target(content.Payload.Content)
	if err != nil {
		return bad("has a signature that cannot be read")
	}
	if signed.Digest != id || !slices.Contains(mediaTypes, signed.MediaType) {
		return bad("has a signature of something else: " + shown(signed.MediaType, signed.Digest))
	}
	return v.envelope(ctx, signed, mediaType, envelope)
}

// anywhere is the repository that the library is told. Our statement holds for all, and the library's own grammar for names knows fewer than
// registries have.
const anywhere = "image.invalid/id"

// envelope verifies a signature of a descriptor.
func (v *Verifier) envelope(ctx context.Context, d ocispec.Descriptor, mediaType string, envelope []byte) image.Verdict {
	var report revocation.Report
	outcome, err := v.library.Verify(revocation.WithReport(ctx, &report),
		ocispec.Descriptor{MediaType: d.MediaType, Digest: d.Digest, Size: d.Size}, envelope,
		notationgo.VerifierVerifyOptions{ArtifactReference: anywhere + "@" + d.Digest.String(), SignatureMediaType: mediaType})
	if outcome == nil || outcome.EnvelopeContent == nil {
		return bad("has a signature that is damaged, or none of notation's")
	}
	look := &look{options: &v.options, outcome: outcome, signer: &outcome.EnvelopeContent.SignerInfo, report: report, now: time.Now()}
	if err != nil || !look.authentic() {
		verdict := look.refusal(d, err)
		// A responder that did not answer because the time was up is not the reason.
		if ctx.Err() != nil && verdict.Reason == image.RevocationUnknown {
			return image.Unread(ctx.Err(), "")
		}
		return verdict
	}
	if what := look.unknownAttribute(); what != "" {
		return bad(fmt.Sprintf("is signed by %s, who demands that the attribute %q be understood; it is not", look.name(), what))
	}
	return look.verified()
}

// look is one verification by the library, and what came of it.
type look struct {
	options *Options
	outcome *notationgo.VerificationOutcome
	signer  *signature.SignerInfo
	report  revocation.Report
	now     time.Time
}

// result returns what came of a check; nil if it was not reached.
func (l *look) result(t trustpolicy.ValidationType) *notationgo.ValidationResult {
	for _, r := range l.outcome.VerificationResults {
		if r.Type == t {
			return r
		}
	}
	return nil
}

// authentic tells whether integrity and authenticity were checked and found in order.
func (l *look) authentic() bool {
	for _, t := range []trustpolicy.ValidationType{trustpolicy.TypeIntegrity, trustpolicy.TypeAuthenticity} {
		if r := l.result(t); r == nil || r.Error != nil || r.Action != trustpolicy.ActionEnforce {
			return false
		}
	}
	return true
}

// unknownAttribute returns a critical attribute, which only those may pass over who know what it means. The library leaves them to plugins.
func (l *look) unknownAttribute() string {
	for _, a := range l.signer.SignedAttributes.ExtendedAttributes {
		if a.Critical {
			return fmt.Sprint(a.Key)
		}
	}
	return ""
}

func (l *look) name() string { return clean(l.signer.CertificateChain[0].Subject.String()) }

// verified is the verdict on a signature that counts.
func (l *look) verified() image.Verdict {
	attributes := l.signer.SignedAttributes
	s := image.Signature{
		Verifier: kind, Signer: l.name(), Thumbprint: thumbprint(l.signer.CertificateChain[0]),
		Signed: attributes.SigningTime, Timestamp: l.timestamp(), Expires: attributes.Expiry,
	}
	v := image.Verdict{Reason: image.Verified, Detail: "is signed by " + s.Signer, Signature: s}
	if passed := l.passed(); passed != "" {
		v.Detail += "; passed over at level permissive: " + passed
	}
	if l.options.Level == Strict {
		v.ValidUntil = l.bound(s)
	}
	return v
}

// bound is when the signature has to be looked at again.
func (l *look) bound(s image.Signature) time.Time {
	bound := earlier(s.Expires, earlier(l.report.Signer.Until, l.report.TSA.Until))
	if !s.Timestamp.IsZero() || l.signer.SignedAttributes.SigningScheme == signature.SigningSchemeX509SigningAuthority {
		return bound
	}
	for _, c := range l.signer.CertificateChain {
		bound = earlier(bound, c.NotAfter)
	}
	return bound
}

// timestamp is what a timestamping authority testifies; zero if none was asked, or none is believed.
func (l *look) timestamp() time.Time {
	r := l.result(trustpolicy.TypeAuthenticTimestamp)
	asked := len(l.options.TSA) > 0 && l.signer.SignedAttributes.SigningScheme == signature.SigningSchemeX509 &&
		(l.options.Timestamp == Always || l.expired())
	if !asked || r == nil || r.Error != nil {
		return time.Time{}
	}
	token, err := tspclient.ParseSignedToken(l.signer.UnsignedAttributes.TimestampSignature)
	if err != nil {
		return time.Time{}
	}
	info, err := token.Info()
	if err != nil {
		return time.Time{}
	}
	stamp, err := info.Validate(l.signer.Signature)
	if err != nil {
		return time.Time{}
	}
	return stamp.Value
}

// expired tells whether the time of a certificate of the chain is up.
func (l *look) expired() bool {
	for _, c := range l.signer.CertificateChain {
		if l.now.After(c.NotAfter) {
			return true
		}
	}
	return false
}

// target returns what a payload says is signed.
func target(payload []byte) (ocispec.Descriptor, error) {
	var p struct {
		TargetArtifact ocispec.Descriptor `json:"targetArtifact"`
	}
	err := json.Unmarshal(payload, &p)
	return p.TargetArtifact, err
}

// earlier returns the earlier one of two times, of which zero is none.
func earlier(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}
