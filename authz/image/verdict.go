package image

import (
	"fmt"
	"time"

	"github.com/opencontainers/go-digest"
)

// Reason is the outcome of a look for somebody who vouches for an image. It is part of the audit log and of metrics.
type Reason string

// The reasons. Only Verified lets an image run. The order in which they stand is that of how much they tell: of several looks that
// failed, the first in this order is reported.
const (
	Verified Reason = "verified"

	DigestDenied        Reason = "digest-denied"        // the policy names the image as one that may not run
	Revoked             Reason = "revoked"              // the signer's certificate, or one above it, is revoked
	Expired             Reason = "expired"              // the signature, or the certificate at the time that counts, has expired
	NotYetValid         Reason = "not-yet-valid"        // the certificate is of the future, or the clock is wrong
	RevocationUnknown   Reason = "revocation-unknown"   // nobody could say whether the certificate is revoked, and the statement wants to know
	UntrustedSigner     Reason = "untrusted-signer"     // somebody signed whom the statement does not name
	BadSignature        Reason = "bad-signature"        // it is not one, or is one of something else
	Unsigned            Reason = "unsigned"             // there is no signature of the kind that the statement asks for
	RegistryDenied      Reason = "registry-denied"      // the registry wants other credentials (401, 403)
	RegistryUnavailable Reason = "registry-unavailable" // the registry cannot be asked, or not now
	Timeout             Reason = "timeout"              // the proof takes longer than the request may wait; it goes on in the background
	Unbound             Reason = "unbound"              // no manifest is known of which the Engine's image is made
	Mutable             Reason = "mutable"              // it is named in a way that may mean another image by the time that it runs
	NoStatement         Reason = "no-statement"         // the policy has no statement for the repository
	RegistryNotListed   Reason = "registry-not-listed"  // the policy does not list the registry, so it is not asked

	Unknown Reason = "" // nobody has looked
)

// Verdict is what was found out about one artifact, or about an image of which no artifact could be found. The zero value vouches for
// nothing.
type Verdict struct {
	Reason    Reason
	Detail    string    // what exactly was found, for people: completes "the image …". Holds no secrets.
	Statement string    // name of the statement that it is about; "" if none applies
	Artifact  Artifact  // what was verified, or would have been
	Signature Signature // of a verified one

	// unread is the reason of one of the looks that the verdict stands for, if that one is to be told as well, as it passes.
	unread Reason

	// ValidUntil is when a verified one has to be verified again: the signature or its certificate expires, or what is known of revocations grows
	// stale. Zero is no bound of its own.
	ValidUntil time.Time
}

// Verified tells whether somebody vouches for the image.
func (v Verdict) Verified() bool { return v.Reason == Verified }

// Unsettled tells whether another look in a moment may vouch for the image, with nothing changed about it: somebody did not answer, or a clock is
// wrong. Of several signatures, it takes only one of which nobody could tell.
func (v Verdict) Unsettled() bool {
	switch v.Reason {
	case RevocationUnknown, RegistryDenied, RegistryUnavailable, Timeout, NotYetValid, Unknown:
		return true
	case Verified:
		return false
	default:
		return v.unread != ""
	}
}

// Signature is who vouches, and when.
type Signature struct {
	Verifier   string        // notation, cosign-key or engine-identity
	Signer     string        // subject of the certificate, or name of the key
	Thumbprint string        // "sha256:…" of the leaf certificate, or of the public key
	Digest     digest.Digest // of the signature's manifest; "" if it has none
	Signed     time.Time     // as the signer says; zero if it does not
	Timestamp  time.Time     // as a timestamping authority proves; zero if none does
	Expires    time.Time     // of the signature itself; zero if it does not expire
}

// rank orders reasons by how much they tell; lower tells more.
var rank = map[Reason]int{
	Verified: 0, DigestDenied: 1, Revoked: 2, Expired: 3, NotYetValid: 4, RevocationUnknown: 5, UntrustedSigner: 6, BadSignature: 7,
	RegistryDenied: 8, RegistryUnavailable: 9, Timeout: 10, Unsigned: 11, Unbound: 12, Mutable: 13, NoStatement: 14,
	RegistryNotListed: 15, Unknown: 16,
}

// Telling returns the one of two verdicts that is to be reported: a verified one, or else the one that tells more. If it is settled and the other
// one is not, it says so: what nobody could look at may be good.
func Telling(a, b Verdict) Verdict {
	if rank[b.Reason] < rank[a.Reason] {
		a, b = b, a
	}
	if a.Verified() || a.Unsettled() || b.Reason == Unknown || !b.Unsettled() {
		return a
	}
	if a.unread = b.unread; a.unread == "" {
		a.unread = b.Reason
	}
	a.Detail += fmt.Sprintf("; something else that may vouch for it could not be looked at (%s)", a.unread)
	return a
}
