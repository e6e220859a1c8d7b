package imagetest

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"math/big"
	"testing"
	"time"
)

// Cert is a certificate with its key.
type Cert struct {
	*x509.Certificate
	Key *ecdsa.PrivateKey
}

// PKI is a root, an intermediate and a leaf, all on P-256.
type PKI struct {
	Root, Intermediate, Leaf *Cert
}

// PKIOptions says how the leaf looks. The root and the intermediate are valid from ten years ago for twenty years.
type PKIOptions struct {
	Subject   pkix.Name // zero: C=DE, ST=Berlin, O=Caisson, CN=release
	NotBefore time.Time // zero: a day ago
	NotAfter  time.Time // zero: in a day
	OCSP      string    // URL of the responder, written into the leaf and the intermediate; "" for none
	CRL       string    // URL under which the lists are; "" for none
	TSA       bool      // the leaf signs timestamps, not code
}

// Identity is the trusted identity that the leaf of the zero options has.
const Identity = "x509.subject: C=DE, ST=Berlin, O=Caisson"

// NewPKI makes a root of its own, an intermediate and a leaf.
func NewPKI(tb testing.TB, o PKIOptions) *PKI {
	tb.Helper()
	start := time.Now().AddDate(-10, 0, 0)
	ca := func(name string, pathLen int) *x509.Certificate {
		return &x509.Certificate{
			Subject:   pkix.Name{Country: []string{"DE"}, Province: []string{"Berlin"}, Organization: []string{"Caisson"}, CommonName: name},
			NotBefore: start, NotAfter: start.AddDate(20, 0, 0),
			BasicConstraintsValid: true, IsCA: true, MaxPathLen: pathLen, MaxPathLenZero: pathLen == 0,
			KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageCRLSign,
		}
	}
	p := &PKI{Root: issue(tb, ca("root", 1), nil)}
	intermediate := ca("intermediate", 0)
	o.responders(intermediate, "root")
	p.Intermediate = issue(tb, intermediate, p.Root)
	p.Leaf = p.Issue(tb, o).Leaf
	return p
}

// Issue makes another leaf under the same intermediate.
func (p *PKI) Issue(tb testing.TB, o PKIOptions) *PKI {
	tb.Helper()
	leaf := &x509.Certificate{
		Subject: o.Subject, NotBefore: o.NotBefore, NotAfter: o.NotAfter,
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageCodeSigning},
	}
	if o.TSA {
		// RFC 3161 wants the extension to be critical, which crypto/x509 does not make it by itself.
		usage, err := asn1.Marshal([]asn1.ObjectIdentifier{{1, 3, 6, 1, 5, 5, 7, 3, 8}})
		must(tb, err)
		leaf.ExtKeyUsage = nil
		leaf.ExtraExtensions = []pkix.Extension{{Id: asn1.ObjectIdentifier{2, 5, 29, 37}, Critical: true, Value: usage}}
	}
	if o.Subject.CommonName == "" {
		leaf.Subject = pkix.Name{Country: []string{"DE"}, Province: []string{"Berlin"}, Organization: []string{"Caisson"}, CommonName: "release"}
	}
	if leaf.NotBefore.IsZero() {
		leaf.NotBefore = time.Now().AddDate(0, 0, -1)
	}
	if leaf.NotAfter.IsZero() {
		leaf.NotAfter = time.Now().AddDate(0, 0, 1)
	}
	o.responders(leaf, "intermediate")
	return &PKI{Root: p.Root, Intermediate: p.Intermediate, Leaf: issue(tb, leaf, p.Intermediate)}
}

// Chain returns the certificates from the leaf to the root.
func (p *PKI) Chain() []*x509.Certificate {
	return []*x509.Certificate{p.Leaf.Certificate, p.Intermediate.Certificate, p.Root.Certificate}
}

// responders writes the URLs into a certificate of an issuer.
func (o PKIOptions) responders(c *x509.Certificate, issuer string) {
	if o.OCSP != "" {
		c.OCSPServer = []string{o.OCSP}
	}
	if o.CRL != "" {
		c.CRLDistributionPoints = []string{o.CRL + "/" + issuer}
	}
}

// issue signs a certificate by its issuer, or by itself if there is none.
func issue(tb testing.TB, template *x509.Certificate, issuer *Cert) *Cert {
	tb.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(tb, err)
	template.SerialNumber, err = rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 120))
	must(tb, err)
	parent, signer := template, key
	if issuer != nil {
		parent, signer = issuer.Certificate, issuer.Key
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, key.Public(), signer)
	must(tb, err)
	c, err := x509.ParseCertificate(der)
	must(tb, err)
	return &Cert{Certificate: c, Key: key}
}

func must(tb testing.TB, err error) {
	tb.Helper()
	if err != nil {
		tb.Fatal(err)
	}
}
