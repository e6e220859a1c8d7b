package identity

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	imagetypes "github.com/moby/moby/api/types/image"

	"caisson/authz/image"
)

const kind = "engine-identity"

// freshness is how long an answer of the Engine is relied on. It renews what it shows at least every two days.
const freshness = 24 * time.Hour

// Options says whose signatures count. One signer at least is needed, and one that matches is enough.
type Options struct {
	Signers []Signer
}

// Verifier goes by what the Engine found out about an image. It implements [image.Verifier].
type Verifier struct {
	signers     []Signer
	fingerprint string
}

var _ image.Verifier = (*Verifier)(nil)

// New returns a verifier. An error names everything that is wrong with the options.
func New(o Options) (*Verifier, error) {
	if len(o.Signers) == 0 {
		return nil, errors.New("no signers to trust; fix: give an issuer and a subject")
	}
	v := &Verifier{signers: slices.Clone(o.Signers)}
	var errs []error
	var all []string
	for _, s := range v.signers {
		errs = append(errs, s.check())
		all = append(all, fmt.Sprintf("%q", []string{s.Known, s.Issuer, s.Subject, s.SourceRepository}))
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	slices.Sort(all)
	sum := sha256.Sum256(fmt.Appendf(nil, "%s %q", kind, all))
	v.fingerprint = hex.EncodeToString(sum[:])
	return v, nil
}

// Kind implements [image.Verifier].
func (v *Verifier) Kind() string { return kind }

// Fingerprint changes with everything that the verdict depends on besides what the Engine says.
func (v *Verifier) Fingerprint() string { return v.fingerprint }

// Verify implements [image.Verifier]. Of the artifact, the subject counts; the source is not asked.
func (v *Verifier) Verify(_ context.Context, _ image.Source, a image.Artifact) image.Verdict {
	s := a.Subject
	if s == nil || len(s.Identity) == 0 {
		return image.Verdict{Reason: image.Unsigned, Detail: "has no signature that the Engine knows of (it takes Engine 29.2 with the containerd image store, and an index with signed provenance)"}
	}
	var found imagetypes.Identity
	if err := json.Unmarshal(s.Identity, &found); err != nil {
		return image.Verdict{Reason: image.BadSignature, Detail: "has an identity that the Engine shows in a way that is not understood"}
	}
	if len(found.Signature) == 0 {
		return image.Verdict{Reason: image.Unsigned, Detail: "has no signature that the Engine knows of"}
	}
	// What the Engine says is about one manifest. Another one under the same index may be anybody's.
	if s.Manifest == "" || s.IdentityOf != s.Manifest || a.Descriptor.Digest != s.ID && a.Descriptor.Digest != s.Manifest {
		return image.Verdict{Reason: image.Unbound, Detail: "has a signature that the Engine knows of, and it is not certain that it is one of the manifest that will run"}
	}
	var best image.Verdict
	for _, f := range found.Signature {
		best = image.Telling(best, v.judge(f))
	}
	return best
}

// judge is the verdict on one signature.
func (v *Verifier) judge(found imagetypes.SignatureIdentity) image.Verdict {
	if found.Error != "" {
		return image.Verdict{Reason: image.BadSignature, Detail: fmt.Sprintf("has a signature that the Engine finds wrong: %.300q", found.Error)}
	}
	name := "nobody"
	switch {
	case found.KnownSigner != "":
		name = string(found.KnownSigner)
	case found.Signer != nil:
		name = found.Signer.SubjectAlternativeName
	}
	if !slices.ContainsFunc(v.signers, func(s Signer) bool { return s.matches(found) }) {
		return image.Verdict{Reason: image.UntrustedSigner, Detail: fmt.Sprintf("is signed by %.200q, whom the statement does not name", name)}
	}
	verdict := image.Verdict{
		Reason: image.Verified, Detail: fmt.Sprintf("is signed by %.200q, as the Engine found out", name),
		Signature:  image.Signature{Verifier: kind, Signer: name, Timestamp: earliest(found.Timestamps)},
		ValidUntil: time.Now().Add(freshness),
	}
	if len(found.Warnings) > 0 {
		verdict.Detail += fmt.Sprintf("; it warns: %.300q", found.Warnings[0])
	}
	return verdict
}

// earliest is the first time at which the signature is known to have been there.
func earliest(stamps []imagetypes.SignatureTimestamp) time.Time {
	var first time.Time
	for _, s := range stamps {
		if first.IsZero() || s.Timestamp.Before(first) {
			first = s.Timestamp
		}
	}
	return first
}
