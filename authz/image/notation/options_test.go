package notation

import (
	"crypto/x509"
	"errors"
	"strings"
	"testing"

	"caisson/authz/image/imagetest"
	"caisson/authz/image/revocation"
)

func TestOptionsAreRefused(t *testing.T) {
	pki := imagetest.NewPKI(t, imagetest.PKIOptions{})
	for text, change := range map[string]func(*Options){
		`no certificates to trust; fix: give roots of signers`:                  func(o *Options) { o.CA = nil },
		`level "audit" lets images pass that nobody vouches for`:                func(o *Options) { o.Level = "audit" },
		`level "skip" lets images pass that nobody vouches for`:                 func(o *Options) { o.Level = "skip" },
		`level "Strict" is not known; fix: take "strict" or "permissive"`:       func(o *Options) { o.Level = "Strict" },
		`timestamp = "always" asks for authorities, and none is trusted`:        func(o *Options) { o.Timestamp = Always },
		`timestamp "never" is not known; fix: take`:                             func(o *Options) { o.Timestamp = "never" },
		`revocation mode 3 is not known`:                                        func(o *Options) { o.Revocation = 3 },
		`a duration is negative`:                                                func(o *Options) { o.LastKnown = -1 },
		`no identities; fix: give subjects of signers`:                          func(o *Options) { o.Identities = nil },
		`identity "CN=release" is of no kind that is known`:                     func(o *Options) { o.Identities = []string{"CN=release"} },
		`identity "" is of no kind that is known`:                               func(o *Options) { o.Identities = []string{""} },
		`has no mandatory RDN attribute for "ST"`:                               func(o *Options) { o.Identities = []string{"x509.subject: C=DE, O=Caisson"} },
		`a wildcard identity cannot be used in conjunction with other values`:   func(o *Options) { o.Identities = []string{"*", imagetest.Identity} },
		`overlapping x509 trustedIdentities`:                                    func(o *Options) { o.Identities = []string{imagetest.Identity, imagetest.Identity + ", CN=x"} },
		`ca: certificate with subject "CN=release,O=Caisson,ST=Berlin,C=DE" is`: func(o *Options) { o.CA = []*x509.Certificate{pki.Leaf.Certificate} },
		`tsa: "CN=intermediate,O=Caisson,ST=Berlin,C=DE" is not a root; fix:`:   func(o *Options) { o.TSA = []*x509.Certificate{pki.Intermediate.Certificate} },
	} {
		o := Options{CA: []*x509.Certificate{pki.Root.Certificate}, Identities: []string{imagetest.Identity}}
		if _, err := New(o); err != nil {
			t.Fatal(err)
		}
		change(&o)
		if _, err := New(o); err == nil || !strings.Contains(err.Error(), text) {
			t.Errorf("got %v\nwant %s", err, text)
		}
	}
}

// "Anybody under the roots" is somebody only if not anybody can get under them.
func TestAnyoneUnderPublicRoots(t *testing.T) {
	pki := imagetest.NewPKI(t, imagetest.PKIOptions{})
	set := func(f func() (*x509.CertPool, error)) {
		old := systemRoots
		systemRoots = f
		t.Cleanup(func() { systemRoots = old })
	}
	o := Options{CA: []*x509.Certificate{pki.Root.Certificate}, Identities: []string{"*"}}
	if _, err := New(o); err != nil {
		t.Error(err)
	}
	set(func() (*x509.CertPool, error) {
		pool := x509.NewCertPool()
		pool.AddCert(pki.Root.Certificate)
		return pool, nil
	})
	for _, c := range []*x509.Certificate{pki.Root.Certificate, pki.Intermediate.Certificate} {
		for _, o := range []Options{{CA: []*x509.Certificate{c}}, {SigningAuthority: []*x509.Certificate{c}}} {
			o.Identities = []string{"*"}
			if _, err := New(o); err == nil || !strings.Contains(err.Error(), "which anybody can get certificates from; fix: name the signers") {
				t.Errorf("%s: %v", c.Subject, err)
			}
			o.Identities = []string{imagetest.Identity}
			if _, err := New(o); err != nil {
				t.Error(err)
			}
		}
	}
	set(func() (*x509.CertPool, error) { return nil, errors.New("no roots here") })
	if _, err := New(o); err != nil {
		t.Error(err)
	}
}

// Everything that decides is in the fingerprint, and nothing else.
func TestFingerprint(t *testing.T) {
	pki, other := imagetest.NewPKI(t, imagetest.PKIOptions{}), imagetest.NewPKI(t, imagetest.PKIOptions{})
	base := func() Options {
		return Options{
			CA: []*x509.Certificate{pki.Root.Certificate, other.Root.Certificate}, TSA: []*x509.Certificate{other.Root.Certificate},
			Identities: []string{"x509.subject: C=DE, ST=Berlin, O=A", "x509.subject: C=DE, ST=Berlin, O=B"},
		}
	}
	printOf := func(change func(*Options)) string {
		o := base()
		change(&o)
		v, err := New(o)
		if err != nil {
			t.Fatal(err)
		}
		return v.Fingerprint()
	}
	same := printOf(func(*Options) {})
	seen := map[string]string{same: "nothing"}
	for name, change := range map[string]func(*Options){
		"a root less":      func(o *Options) { o.CA = o.CA[:1] },
		"another root":     func(o *Options) { o.CA = o.CA[1:] },
		"other kind":       func(o *Options) { o.CA, o.SigningAuthority = nil, o.CA },
		"no TSA":           func(o *Options) { o.TSA = nil },
		"an identity less": func(o *Options) { o.Identities = o.Identities[:1] },
		"level":            func(o *Options) { o.Level = Permissive },
		"timestamp":        func(o *Options) { o.Timestamp = AfterCertExpiry },
		"revocation":       func(o *Options) { o.Revocation = revocation.Ignore },
		"last known":       func(o *Options) { o.LastKnown = 1 },
		"anybody":          func(o *Options) { o.Identities = []string{"*"} },
	} {
		p := printOf(change)
		if before, ok := seen[p]; ok {
			t.Errorf("%s: the same as %s", name, before)
		}
		seen[p] = name
	}
	for name, change := range map[string]func(*Options){
		"order of roots":      func(o *Options) { o.CA[0], o.CA[1] = o.CA[1], o.CA[0] },
		"order of identities": func(o *Options) { o.Identities[0], o.Identities[1] = o.Identities[1], o.Identities[0] },
		"defaults":            func(o *Options) { o.Level, o.Timestamp = Strict, Always },
	} {
		if printOf(change) != same {
			t.Errorf("%s changes the fingerprint", name)
		}
	}
}

// The caller's slices may change; what a verifier trusts may not.
func TestOptionsAreCopied(t *testing.T) {
	b := newBench(t)
	b.sign(imagetest.SignOptions{PKI: b.pki})
	roots := []*x509.Certificate{imagetest.NewPKI(t, imagetest.PKIOptions{}).Root.Certificate}
	v, err := New(Options{CA: roots, Identities: []string{imagetest.Identity}})
	if err != nil {
		t.Fatal(err)
	}
	roots[0] = b.pki.Root.Certificate
	if got := v.Verify(t.Context(), b.source, b.artifact()); got.Verified() {
		t.Error("a root was added from outside")
	}
}
