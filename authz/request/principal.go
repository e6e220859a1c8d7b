package request

import (
	"bytes"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"strconv"
	"strings"
)

// maxCertificate bounds the certificate that is parsed, in PEM. Real ones have a few KiB.
const maxCertificate = 64 << 10

// Principal is who asks, as the TLS client certificate says that dockerd has verified.
//
// Nothing of it comes from the request's headers: a client writes there what it likes, and dockerd neither checks nor removes
// headers such as X-User or X-Forwarded-User.
type Principal struct {
	// Local says that there is no certificate. That is the Unix socket, and besides every other way to the Engine that asks for none.
	Local bool

	CommonName    string
	Organizations []string
	Units         []string // organisational units
	DNSNames      []string // subject alternative names, lower case
	Emails        []string
	URIs          []string
}

// Principal reads who asks. dockerd gives the common name as the user; the rest is in the certificate, which is parsed only if
// the caller needs it. An error means that it is not known who asks.
//
// Source: moby pkg/authorization middleware.go (User is the common name of the first peer certificate), authz.go, api.go.
func (c *Call) Principal(whole bool) (Principal, error) {
	switch {
	case c.User == "" && c.AuthMethod == "" && c.Certificate == nil:
		return Principal{Local: true}, nil
	case c.AuthMethod != "TLS":
		return Principal{}, certificateError("the call names a user or a certificate, but not TLS as the way it was checked")
	case !whole:
		return Principal{CommonName: c.User}, nil
	}
	cert, err := parseCertificate(c.Certificate)
	if err != nil {
		return Principal{}, err
	}
	if cert.Subject.CommonName != c.User {
		return Principal{}, certificateError(fmt.Sprintf("it names %s, and dockerd names %s", quoteName(cert.Subject.CommonName), quoteName(c.User)))
	}
	p := Principal{
		CommonName: cert.Subject.CommonName, Organizations: cert.Subject.Organization, Units: cert.Subject.OrganizationalUnit,
		Emails: cert.EmailAddresses,
	}
	for _, name := range cert.DNSNames {
		p.DNSNames = append(p.DNSNames, strings.ToLower(name))
	}
	for _, u := range cert.URIs {
		p.URIs = append(p.URIs, u.String())
	}
	return p, nil
}

// parseCertificate reads the one PEM block that dockerd makes of a certificate.
func parseCertificate(text []byte) (*x509.Certificate, error) {
	switch {
	case len(text) == 0:
		return nil, certificateError("the call does not hold it")
	case len(text) > maxCertificate:
		return nil, certificateError(fmt.Sprintf("it is larger than %d KiB", maxCertificate>>10))
	}
	block, rest := pem.Decode(text)
	if block == nil || block.Type != "CERTIFICATE" || len(bytes.TrimSpace(rest)) > 0 {
		return nil, certificateError("it is not a certificate in PEM")
	}
	cert, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		return nil, certificateError("it cannot be parsed: " + clip(err.Error()))
	}
	return cert, nil
}

func certificateError(reason string) error {
	return &Error{"client certificate", reason, "use another certificate, or have the operator name principals by their common names only"}
}

// String names the principal in a message: "alice" (CN).
func (p Principal) String() string {
	switch {
	case p.Local:
		return "the local socket"
	case p.CommonName == "":
		return "a client certificate without a common name"
	}
	return quoteName(p.CommonName) + " (CN)"
}

// quoteName makes a name from a certificate printable, so that it cannot pretend to be the rest of the message.
func quoteName(s string) string {
	const limit = 120
	if len(s) > limit {
		s = strings.ToValidUTF8(s[:limit], "") + "…"
	}
	return strconv.Quote(s)
}
