package identity

import (
	"errors"
	"fmt"
	"strings"

	"github.com/bmatcuk/doublestar/v4"
	imagetypes "github.com/moby/moby/api/types/image"
)

// Signer is somebody whose signatures count. Everything that it names has to match.
type Signer struct {
	// Known is a signer that the Engine knows by name and verifies by a key of its own: "DHI", Docker's hardened images. It stands alone.
	Known string

	// Issuer is who gave the signer its identity, as it stands in the certificate: "https://token.actions.githubusercontent.com".
	Issuer string

	// Subject is the certificate's subject alternative name: an e-mail address, or the URI of a workflow. "*" stands for any part of a name
	// without a slash, "**" for any number of parts.
	Subject string

	// SourceRepository is the URI of the repository that the image was built from: "https://github.com/example/app".
	SourceRepository string
}

// check returns an error that says what is wrong, and what to do.
func (s Signer) check() error {
	switch {
	case s.Known != "":
		if s.Known != string(imagetypes.KnownSignerDHI) {
			return fmt.Errorf("known signer %q is one that no Engine knows; fix: take %q", s.Known, imagetypes.KnownSignerDHI)
		}
		if s != (Signer{Known: s.Known}) {
			return fmt.Errorf("known signer %q has no issuer, subject or source repository; fix: give it alone", s.Known)
		}
		return nil
	case s.Issuer == "":
		return errors.New("a signer has no issuer, and anybody can be issuer of any name; fix: give the issuer")
	case s.Subject == "" && s.SourceRepository == "":
		return fmt.Errorf("anybody can get a certificate of the issuer %q; fix: give a subject, or a source repository", s.Issuer)
	case strings.ContainsRune(s.Issuer+s.SourceRepository, '*'):
		return errors.New("only the subject can be a pattern; fix: give issuer and source repository in full")
	case !doublestar.ValidatePattern(s.Subject):
		return fmt.Errorf("subject %q is no pattern", s.Subject)
	case s.SourceRepository == "" && loose(s.Subject):
		return fmt.Errorf("subject %q matches strangers; fix: write the host and the owner in full, or give a source repository", s.Subject)
	}
	return nil
}

// loose tells whether a pattern leaves open who somebody is: the host or the owner in a URI, the domain of an address.
func loose(pattern string) bool {
	if !strings.ContainsAny(pattern, meta) {
		return false
	}
	_, rest, uri := strings.Cut(pattern, "://")
	if !uri {
		return strings.ContainsAny(pattern[strings.LastIndexByte(pattern, '@')+1:], meta)
	}
	host, path, _ := strings.Cut(rest, "/")
	owner, _, more := strings.Cut(path, "/")
	return strings.ContainsAny(host+owner, meta) || !more || strings.ContainsAny(pattern[:len(pattern)-len(rest)], meta)
}

// meta are the signs of which patterns are made.
const meta = "*?[{\\"

// matches tells whether a signature that the Engine verified is of this signer.
func (s Signer) matches(found imagetypes.SignatureIdentity) bool {
	if s.Known != "" {
		return string(found.KnownSigner) == s.Known
	}
	by := found.Signer
	switch {
	// The Engine verifies a known signer by other means, and demands neither a certificate nor a timestamp of it.
	case by == nil || found.KnownSigner != "" || len(found.Timestamps) == 0, by.Issuer != s.Issuer:
		return false
	case s.SourceRepository != "" && by.SourceRepositoryURI != s.SourceRepository:
		return false
	case s.Subject == "" || by.SubjectAlternativeName == s.Subject:
		return true
	}
	ok, err := doublestar.Match(s.Subject, by.SubjectAlternativeName)
	return err == nil && ok
}
