package notation

import (
	"bytes"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"time"

	"github.com/notaryproject/notation-go/verifier/trustpolicy"
	"github.com/notaryproject/notation-go/verifier/truststore"

	"caisson/authz/image/revocation"
)

// Options says whose signatures count. Certificates and one identity at least are needed.
type Options struct {
	// CA are roots of signers, or their own self-signed certificates. SigningAuthority are the same for the scheme notary.x509.signingAuthority,
	// in which the signer's word for the time of the signature is believed. TSA are roots of timestamping authorities.
	CA, SigningAuthority, TSA []*x509.Certificate

	// Identities are subjects of signers: "x509.subject: C=…, ST=…, O=…" matches a certificate that has all of these; "*" all under the roots.
	Identities []string

	Level      Level               // "" is Strict
	Revocation revocation.Mode     // the zero value is Require
	LastKnown  time.Duration       // with revocation.LastKnown; 0 is a day
	Answers    *revocation.Answers // where answers about revocations are kept; nil: in memory, for this verifier alone
	Timestamp  Timestamp           // "" is Always if there are TSA roots
}

// Level says which failed checks refuse a signature. Integrity and authenticity always do.
type Level string

// The levels.
const (
	Strict     Level = "strict"     // all
	Permissive Level = "permissive" // neither expiry, nor revocation, nor certificates whose time is up
)

// Timestamp says when a signature needs the word of a timestamping authority.
type Timestamp string

// The times.
const (
	Always          Timestamp = "always"
	AfterCertExpiry Timestamp = "after-cert-expiry" // and then only
)

// anyone is the identity that all certificates have.
const anyone = "*"

const subjectPrefix = "x509.subject:"

// systemRoots returns the roots that this machine trusts. A variable, for tests.
var systemRoots = x509.SystemCertPool

// check returns an error that says what is wrong with the options, and what to do.
func (o *Options) check() error {
	if len(o.CA)+len(o.SigningAuthority) == 0 {
		return errors.New("no certificates to trust; fix: give roots of signers (ca, or signing-authority)")
	}
	switch o.Level {
	case "":
		o.Level = Strict
	case Strict, Permissive:
	case "audit", "skip":
		return fmt.Errorf("level %q lets images pass that nobody vouches for; fix: take %q, and the policy's own mode = \"audit\" to refuse nothing", o.Level, Permissive)
	default:
		return fmt.Errorf("level %q is not known; fix: take %q or %q", o.Level, Strict, Permissive)
	}
	switch o.Timestamp {
	case "":
		if len(o.TSA) > 0 {
			o.Timestamp = Always
		}
	case Always, AfterCertExpiry:
		if len(o.TSA) == 0 {
			return fmt.Errorf("timestamp = %q asks for authorities, and none is trusted; fix: give their roots (tsa)", o.Timestamp)
		}
	default:
		return fmt.Errorf("timestamp %q is not known; fix: take %q or %q", o.Timestamp, Always, AfterCertExpiry)
	}
	if o.LastKnown == 0 {
		o.LastKnown = revocation.DefaultLastKnown
	}
	if o.Revocation > revocation.Ignore {
		return fmt.Errorf("revocation mode %d is not known", o.Revocation)
	}
	return errors.Join(o.checkIdentities(), o.checkCertificates())
}

func (o *Options) checkIdentities() error {
	if len(o.Identities) == 0 {
		return errors.New("no identities; fix: give subjects of signers (\"x509.subject: C=…, ST=…, O=…\"), or \"*\" for all under the roots")
	}
	for _, id := range o.Identities {
		if id != anyone && !strings.HasPrefix(id, subjectPrefix) {
			return fmt.Errorf("identity %q is of no kind that is known; fix: write \"x509.subject: C=…, ST=…, O=…\" or \"*\"", id)
		}
	}
	if !slices.Contains(o.Identities, anyone) {
		return nil
	}
	public, err := systemRoots()
	if err != nil {
		return nil //nolint:nilerr // a machine without roots of its own, such as a plugin's file system, has none to compare with
	}
	for _, c := range slices.Concat(o.CA, o.SigningAuthority) {
		if isPublic(c, public) {
			return fmt.Errorf("identity \"*\" with %q, which anybody can get certificates from; fix: name the signers (\"x509.subject: C=…, ST=…, O=…\")", c.Subject)
		}
	}
	return nil
}

// isPublic tells whether a certificate is a public root, or below one.
func isPublic(c *x509.Certificate, public *x509.CertPool) bool {
	_, err := c.Verify(x509.VerifyOptions{
		Roots: public, Intermediates: x509.NewCertPool(), CurrentTime: c.NotBefore.Add(time.Second), KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageAny},
	})
	return err == nil
}

// checkCertificates asks of the certificates what notation asks of those in its directories.
func (o *Options) checkCertificates() error {
	var errs []error
	for _, s := range o.stores() {
		if err := truststore.ValidateCertificates(s.certs); err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", s.kind, err))
		}
	}
	for _, c := range o.TSA {
		if !bytes.Equal(c.RawSubject, c.RawIssuer) || c.CheckSignatureFrom(c) != nil {
			errs = append(errs, fmt.Errorf("tsa: %q is not a root; fix: give the root above it, the certificates between are in the timestamps", c.Subject))
		}
	}
	return errors.Join(errs...)
}

type store struct {
	kind  truststore.Type
	certs []*x509.Certificate
}

// stores are those that hold certificates.
func (o *Options) stores() []store {
	all := []store{{truststore.TypeCA, o.CA}, {truststore.TypeSigningAuthority, o.SigningAuthority}, {truststore.TypeTSA, o.TSA}}
	return slices.DeleteFunc(all, func(s store) bool { return len(s.certs) == 0 })
}

// storeName is the name that the policy document gives to each of our stores.
const storeName = "caisson"

// document puts the options into the library's terms. Its one statement holds for whatever is verified: for which repositories it is asked is
// the caller's to decide.
func (o *Options) document() *trustpolicy.Document {
	p := trustpolicy.TrustPolicy{
		Name: storeName, RegistryScopes: []string{"*"}, TrustedIdentities: o.Identities,
		SignatureVerification: trustpolicy.SignatureVerification{VerificationLevel: string(o.Level)},
	}
	for _, s := range o.stores() {
		p.TrustStores = append(p.TrustStores, string(s.kind)+":"+storeName)
	}
	if o.Timestamp == AfterCertExpiry {
		p.SignatureVerification.VerifyTimestamp = trustpolicy.OptionAfterCertExpiry
	}
	if o.Timestamp == Always {
		p.SignatureVerification.VerifyTimestamp = trustpolicy.OptionAlways
	}
	if o.Revocation == revocation.Ignore {
		p.SignatureVerification.Override = map[trustpolicy.ValidationType]trustpolicy.ValidationAction{trustpolicy.TypeRevocation: trustpolicy.ActionSkip}
	}
	return &trustpolicy.Document{Version: "1.0", TrustPolicies: []trustpolicy.TrustPolicy{p}}
}

// fingerprint is different for options, certificates or libraries that could decide differently. The order of lists makes no difference.
func (o *Options) fingerprint() string {
	certs := map[string][]string{}
	for _, s := range o.stores() {
		for _, c := range s.certs {
			certs[string(s.kind)] = append(certs[string(s.kind)], thumbprint(c))
		}
		slices.Sort(certs[string(s.kind)])
	}
	libraries := []string{runtime.Version()}
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, d := range info.Deps {
			if strings.HasPrefix(d.Path, "github.com/notaryproject/") || d.Path == "github.com/veraison/go-cose" || d.Path == "golang.org/x/crypto" {
				libraries = append(libraries, d.Path+"@"+d.Version)
			}
		}
	}
	text, err := json.Marshal(struct {
		Kind                  string
		Certs                 map[string][]string
		Identities, Libraries []string
		Level, Timestamp      string
		Revocation            revocation.Mode
		LastKnown             time.Duration
	}{kind, certs, slices.Sorted(slices.Values(o.Identities)), libraries, string(o.Level), string(o.Timestamp), o.Revocation, o.LastKnown})
	if err != nil {
		panic(err) // strings and numbers can be written
	}
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:])
}

// thumbprint identifies a certificate.
func thumbprint(c *x509.Certificate) string {
	sum := sha256.Sum256(c.Raw)
	return "sha256:" + hex.EncodeToString(sum[:])
}
