package notation

import (
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode"

	"github.com/notaryproject/notation-core-go/signature"
	"github.com/notaryproject/notation-go/verifier"
	"github.com/notaryproject/notation-go/verifier/trustpolicy"
	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"caisson/authz/image"
	"caisson/authz/image/revocation"
)

func bad(detail string) image.Verdict {
	return image.Verdict{Reason: image.BadSignature, Detail: detail}
}

// shown prints what a signature is of. All of it may be an attacker's.
func shown(mediaType string, d digest.Digest) string {
	return fmt.Sprintf("%.100q %.100q", mediaType, d.String())
}

// refusal is the verdict on a signature that the library refuses, or that it lets pass without having found it authentic. The library's
// errors are texts; which check failed, and what the certificates and responders say, tells more, and is read from where it is kept.
func (l *look) refusal(d ocispec.Descriptor, err error) image.Verdict {
	failed := l.failed()
	if failed == nil {
		if signed, unreadable := target(l.outcome.EnvelopeContent.Payload.Content); l.authentic() && unreadable == nil && !same(signed, d) {
			return bad(fmt.Sprintf("has a signature by %s of something else: %s, %d bytes", l.name(), shown(signed.MediaType, signed.Digest), signed.Size))
		}
		if a, none := l.signer.ExtendedAttribute(verifier.HeaderVerificationPlugin); none == nil {
			return bad(fmt.Sprintf("has a signature that only the plugin %.100q of notation can verify; Caisson runs no such plugins. "+
				"fix: sign without a plugin for verification", fmt.Sprint(a.Value)))
		}
		return bad(fmt.Sprintf("has a signature that cannot be verified: %v", err))
	}
	switch failed.Type {
	case trustpolicy.TypeIntegrity:
		return bad("has a signature that is damaged")
	case trustpolicy.TypeAuthenticity:
		return image.Verdict{Reason: image.UntrustedSigner, Detail: fmt.Sprintf("is signed by %s, %s", l.name(), l.untrusted())}
	case trustpolicy.TypeExpiry:
		return image.Verdict{Reason: image.Expired, Detail: fmt.Sprintf("has a signature by %s that expired on %s", l.name(), day(l.signer.SignedAttributes.Expiry))}
	case trustpolicy.TypeAuthenticTimestamp:
		return l.untimely()
	case trustpolicy.TypeRevocation:
		return l.revoked(l.report.Signer, "whose certificate")
	default:
		return bad(fmt.Sprintf("has a signature that fails the check of %s", failed.Type))
	}
}

// failed is the check that refused the signature; nil if none did.
func (l *look) failed() *failure {
	for _, r := range l.outcome.VerificationResults {
		if r.Error != nil && (r.Action == trustpolicy.ActionEnforce || r.Type == trustpolicy.TypeIntegrity || r.Type == trustpolicy.TypeAuthenticity) {
			return &failure{r.Type, r.Error}
		}
	}
	return nil
}

type failure struct {
	Type trustpolicy.ValidationType
	Err  error
}

// same tells whether two descriptors are of the same thing, as the library compares them.
func same(a, b ocispec.Descriptor) bool {
	return a.MediaType == b.MediaType && a.Digest == b.Digest && a.Size == b.Size
}

// untrusted says what is wrong with the signer.
func (l *look) untrusted() string {
	roots := l.options.CA
	if l.signer.SignedAttributes.SigningScheme == signature.SigningSchemeX509SigningAuthority {
		roots = l.options.SigningAuthority
	}
	chain := l.signer.CertificateChain
	for _, c := range chain {
		if slices.ContainsFunc(roots, c.Equal) {
			return "whom the statement does not name"
		}
	}
	return "under the root " + clean(chain[len(chain)-1].Subject.String()) + ", which is not trusted"
}

// untimely is the verdict on a signature of which it is not certain that its certificates were valid when it was made.
func (l *look) untimely() image.Verdict {
	if l.report.TSA.Result == revocation.Revoked || l.report.TSA.Result == revocation.Unknown {
		return l.revoked(l.report.TSA, "with a timestamp whose certificate")
	}
	at, why := l.now, l.noTimestamp()
	if l.signer.SignedAttributes.SigningScheme == signature.SigningSchemeX509SigningAuthority {
		at, why = l.signer.SignedAttributes.SigningTime, ", before it signed on "+day(l.signer.SignedAttributes.SigningTime)
	}
	for _, c := range l.signer.CertificateChain {
		if at.After(c.NotAfter) {
			return image.Verdict{Reason: image.Expired, Detail: fmt.Sprintf(
				"is signed by %s, with the certificate %s that expired on %s%s", l.name(), clean(c.Subject.String()), day(c.NotAfter), why)}
		}
		if at.Before(c.NotBefore) {
			return image.Verdict{Reason: image.NotYetValid, Detail: fmt.Sprintf(
				"is signed by %s, with the certificate %s that is valid from %s; is the clock right?", l.name(), clean(c.Subject.String()), day(c.NotBefore))}
		}
	}
	return bad(fmt.Sprintf("is signed by %s%s", l.name(), why))
}

// noTimestamp says why a timestamp does not help; "" if none is asked for.
func (l *look) noTimestamp() string {
	switch {
	case len(l.options.TSA) == 0:
		return ""
	case len(l.signer.UnsignedAttributes.TimestampSignature) == 0:
		return ", without a timestamp"
	default:
		return ", with a timestamp that is not trusted, or of another time"
	}
}

// revoked is the verdict on a signature because of what responders say, or do not say.
func (l *look) revoked(f revocation.Finding, whose string) image.Verdict {
	if f.Result == revocation.Revoked {
		return image.Verdict{Reason: image.Revoked, Detail: fmt.Sprintf("is signed by %s, %s %s is revoked", l.name(), whose, clean(f.Subject))}
	}
	detail := fmt.Sprintf("is signed by %s, %s %s may be revoked", l.name(), whose, clean(f.Subject))
	if f.Why != "" {
		detail += ": " + f.Why
	}
	return image.Verdict{Reason: image.RevocationUnknown, Detail: detail}
}

// passed names the checks that failed and were passed over.
func (l *look) passed() string {
	var names []string
	for _, r := range l.outcome.VerificationResults {
		if r.Error == nil {
			continue
		}
		name := string(r.Type)
		if r.Type == trustpolicy.TypeRevocation && l.report.Signer.Result == revocation.Revoked {
			name = "the signer's certificate is revoked"
		}
		names = append(names, name)
	}
	return strings.Join(names, ", ")
}

func day(t time.Time) string { return t.UTC().Format(time.RFC3339) }

// clean makes a name fit to be shown, which its owner may have chosen for the terminal it ends up on.
func clean(name string) string {
	const most = 200
	short := []rune(strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return unicode.ReplacementChar
	}, name))
	if len(short) > most {
		return string(short[:most]) + "…"
	}
	return string(short)
}
