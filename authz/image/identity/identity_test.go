package identity

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	imagetypes "github.com/moby/moby/api/types/image"
	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"caisson/authz/image"
)

const (
	issuer = "https://token.actions.githubusercontent.com"
	owner  = "https://github.com/example/"
	repo   = owner + "app"
	san    = repo + "/.github/workflows/release.yml@refs/tags/v1.2.3"
)

var stamped = time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)

func signature(change func(*imagetypes.SignatureIdentity)) imagetypes.SignatureIdentity {
	s := imagetypes.SignatureIdentity{
		Timestamps: []imagetypes.SignatureTimestamp{{Timestamp: stamped.Add(time.Second)}, {Timestamp: stamped}},
		Signer: &imagetypes.SignerIdentity{
			CertificateIssuer: "CN=sigstore-intermediate,O=sigstore.dev", SubjectAlternativeName: san, Issuer: issuer, SourceRepositoryURI: repo,
		},
	}
	if change != nil {
		change(&s)
	}
	return s
}

// artifact is an image of which the Engine knows some signatures.
func artifact(t *testing.T, list ...imagetypes.SignatureIdentity) image.Artifact {
	t.Helper()
	b, err := json.Marshal(imagetypes.Identity{Signature: list, Pull: []imagetypes.PullIdentity{{Repository: "registry.example.com/app"}}})
	if err != nil {
		t.Fatal(err)
	}
	index, manifest := digest.FromString("index"), digest.FromString("manifest")
	return image.Artifact{
		Descriptor: ocispec.Descriptor{Digest: index},
		Subject:    &image.Subject{ID: index, Manifest: manifest, IdentityOf: manifest, Identity: b},
	}
}

func verify(t *testing.T, s Signer, a image.Artifact) image.Verdict {
	t.Helper()
	v, err := New(Options{Signers: []Signer{{Issuer: "https://other", Subject: "a@example.com"}, s}})
	if err != nil {
		t.Fatal(err)
	}
	return v.Verify(t.Context(), nil, a)
}

func TestSigners(t *testing.T) {
	dhi := signature(func(s *imagetypes.SignatureIdentity) {
		s.Signer, s.Timestamps, s.KnownSigner = nil, nil, imagetypes.KnownSignerDHI
	})
	for name, c := range map[string]struct {
		signer Signer
		found  imagetypes.SignatureIdentity
		reason image.Reason
	}{
		"exact":                    {Signer{Issuer: issuer, Subject: san}, signature(nil), image.Verified},
		"pattern":                  {Signer{Issuer: issuer, Subject: owner + "*/.github/workflows/release.yml@refs/tags/*"}, signature(nil), image.Verified},
		"deep pattern":             {Signer{Issuer: issuer, Subject: owner + "**"}, signature(nil), image.Verified},
		"repository":               {Signer{Issuer: issuer, SourceRepository: repo}, signature(nil), image.Verified},
		"both":                     {Signer{Issuer: issuer, Subject: san, SourceRepository: repo}, signature(nil), image.Verified},
		"other issuer":             {Signer{Issuer: "https://gitlab.com", Subject: san}, signature(nil), image.UntrustedSigner},
		"other repository":         {Signer{Issuer: issuer, SourceRepository: repo + "2"}, signature(nil), image.UntrustedSigner},
		"only the repository":      {Signer{Issuer: issuer, Subject: owner + "tool/**", SourceRepository: repo}, signature(nil), image.UntrustedSigner},
		"star is one part":         {Signer{Issuer: issuer, Subject: owner + "*"}, signature(nil), image.UntrustedSigner},
		"prefix of an owner":       {Signer{Issuer: issuer, Subject: "https://github.com/exam/**"}, signature(nil), image.UntrustedSigner},
		"no certificate":           {Signer{Issuer: issuer, Subject: san}, signature(func(s *imagetypes.SignatureIdentity) { s.Signer = nil }), image.UntrustedSigner},
		"no timestamp":             {Signer{Issuer: issuer, Subject: san}, signature(func(s *imagetypes.SignatureIdentity) { s.Timestamps = nil }), image.UntrustedSigner},
		"certificate's own issuer": {Signer{Issuer: "CN=sigstore-intermediate,O=sigstore.dev", Subject: san}, signature(nil), image.UntrustedSigner},
		"error":                    {Signer{Issuer: issuer, Subject: san}, signature(func(s *imagetypes.SignatureIdentity) { s.Error = "no" }), image.BadSignature},
		"known":                    {Signer{Known: "DHI"}, dhi, image.Verified},
		"known, not named":         {Signer{Issuer: issuer, Subject: san}, dhi, image.UntrustedSigner},
		"known with a certificate": {Signer{Issuer: issuer, Subject: san}, signature(func(s *imagetypes.SignatureIdentity) { s.KnownSigner = "DHI" }), image.UntrustedSigner},
		"not the known one":        {Signer{Known: "DHI"}, signature(nil), image.UntrustedSigner},
		"nothing":                  {Signer{Known: "DHI"}, imagetypes.SignatureIdentity{}, image.UntrustedSigner},
	} {
		if got := verify(t, c.signer, artifact(t, c.found)); got.Reason != c.reason {
			t.Errorf("%s: got %q (the image %s), want %q", name, got.Reason, got.Detail, c.reason)
		}
	}
}

func TestVerdict(t *testing.T) {
	wrong := signature(func(s *imagetypes.SignatureIdentity) { s.Error = "no" })
	warned := signature(func(s *imagetypes.SignatureIdentity) { s.Warnings = []string{"old roots"} })
	got := verify(t, Signer{Issuer: issuer, Subject: san}, artifact(t, wrong, warned))
	want := `is signed by "` + san + `", as the Engine found out; it warns: "old roots"`
	if got.Reason != image.Verified || got.Detail != want || got.Signature.Signer != san || !got.Signature.Timestamp.Equal(stamped) {
		t.Errorf("%+v", got)
	}
	if left := time.Until(got.ValidUntil); left <= 0 || left > freshness {
		t.Errorf("valid for %v", left)
	}
}

// What the Engine says counts for the manifest that it says it of, and for no other one.
func TestBinding(t *testing.T) {
	other := digest.FromString("other")
	for name, c := range map[string]struct {
		change func(*image.Artifact)
		reason image.Reason
	}{
		"the manifest itself":  {func(a *image.Artifact) { a.Descriptor.Digest = a.Subject.Manifest }, image.Verified},
		"other platform runs":  {func(a *image.Artifact) { a.Subject.Manifest = other }, image.Unbound},
		"unknown platform":     {func(a *image.Artifact) { a.Subject.Manifest = "" }, image.Unbound},
		"of nobody knows what": {func(a *image.Artifact) { a.Subject.IdentityOf = "" }, image.Unbound},
		"nothing is known":     {func(a *image.Artifact) { a.Subject.IdentityOf, a.Subject.Manifest = "", "" }, image.Unbound},
		"of the index":         {func(a *image.Artifact) { a.Subject.IdentityOf = a.Subject.ID }, image.Unbound},
		"other artifact":       {func(a *image.Artifact) { a.Descriptor.Digest = other }, image.Unbound},
		"no subject":           {func(a *image.Artifact) { a.Subject = nil }, image.Unsigned},
		"no identity":          {func(a *image.Artifact) { a.Subject.Identity = nil }, image.Unsigned},
		"null":                 {func(a *image.Artifact) { a.Subject.Identity = []byte("null") }, image.Unsigned},
		"pulled, not signed":   {func(a *image.Artifact) { a.Subject.Identity = []byte(`{"Pull":[{"Repository":"x"}]}`) }, image.Unsigned},
		"not understood":       {func(a *image.Artifact) { a.Subject.Identity = []byte(`{"Signature":{}}`) }, image.BadSignature},
	} {
		a := artifact(t, signature(nil))
		c.change(&a)
		if got := verify(t, Signer{Issuer: issuer, Subject: san}, a); got.Reason != c.reason {
			t.Errorf("%s: got %q (the image %s), want %q", name, got.Reason, got.Detail, c.reason)
		}
	}
}

func TestOptionsAreRefused(t *testing.T) {
	if _, err := New(Options{}); err == nil {
		t.Error("nobody is trusted, and that passed")
	}
	for text, signers := range map[string][]Signer{
		"is one that no Engine knows; fix: take \"DHI\"": {{Known: "Docker"}},
		"fix: give it alone":                             {{Known: "DHI", Issuer: issuer}},
		"a signer has no issuer":                         {{}, {Subject: san}, {SourceRepository: repo}},
		"anybody can get a certificate":                  {{Issuer: issuer}},
		"only the subject can be a pattern":              {{Issuer: "https://*", Subject: san}, {Issuer: issuer, SourceRepository: owner + "*"}},
		"is no pattern":                                  {{Issuer: issuer, Subject: owner + "[*"}},
		"matches strangers; fix: write the host and the owner": {
			{Issuer: issuer, Subject: "*"},
			{Issuer: issuer, Subject: "**"},
			{Issuer: issuer, Subject: "https://github.com/**"},
			{Issuer: issuer, Subject: "https://github.com/exam*/**"},
			{Issuer: issuer, Subject: "https://*.com/example/**"},
			{Issuer: issuer, Subject: "*://github.com/example/**"},
			{Issuer: issuer, Subject: "https://github.com/*"},
			{Issuer: issuer, Subject: "**/app/release.yml"},
			{Issuer: issuer, Subject: "me@*.com"},
			{Issuer: issuer, Subject: "{a,b}@{a,b}.com"},
			{Issuer: issuer, Subject: "https://github.com/{a,b}/c"},
		},
	} {
		for _, s := range signers {
			if _, err := New(Options{Signers: []Signer{s}}); err == nil || !strings.Contains(err.Error(), text) {
				t.Errorf("%+v: got %v\nwant %s", s, err, text)
			}
		}
	}
	for _, s := range []Signer{{Issuer: issuer, Subject: "*@example.com"}, {Issuer: issuer, Subject: "**", SourceRepository: repo}, {Known: "DHI"}} {
		if _, err := New(Options{Signers: []Signer{s}}); err != nil {
			t.Errorf("%+v: %v", s, err)
		}
	}
}

func TestFingerprint(t *testing.T) {
	of := func(s ...Signer) string {
		v, err := New(Options{Signers: s})
		if err != nil {
			t.Fatal(err)
		}
		return v.Fingerprint()
	}
	a, b := Signer{Issuer: issuer, Subject: san}, Signer{Issuer: issuer, SourceRepository: san}
	if of(a, b) != of(b, a) {
		t.Error("the order changes it")
	}
	if of(a) == of(b) || of(a) == of(a, b) {
		t.Error("signers do not change it")
	}
}
