package cases

import (
	"bytes"
	"crypto/ed25519"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net/url"
	"strings"
	"time"
)

// certificate makes a client certificate from a line such as "cn=alice; ou=Ops; o=Example; dns=host; email=a@b; uri=spiffe://x". It
// gives the same bytes each time. Its signature proves nothing, and need not: dockerd has checked the real one.
func certificate(line string) (pemText []byte, commonName string, err error) {
	t := x509.Certificate{
		SerialNumber: big.NewInt(1), NotBefore: time.Unix(0, 0), NotAfter: time.Unix(1<<32, 0),
	}
	for part := range strings.SplitSeq(line, ";") {
		key, value, _ := strings.Cut(strings.TrimSpace(part), "=")
		switch key {
		case "cn":
			t.Subject.CommonName = value
		case "ou":
			t.Subject.OrganizationalUnit = append(t.Subject.OrganizationalUnit, value)
		case "o":
			t.Subject.Organization = append(t.Subject.Organization, value)
		case "dns":
			t.DNSNames = append(t.DNSNames, value)
		case "email":
			t.EmailAddresses = append(t.EmailAddresses, value)
		case "uri":
			u, err := url.Parse(value)
			if err != nil {
				return nil, "", fmt.Errorf("certificate: %w", err)
			}
			t.URIs = append(t.URIs, u)
		default:
			return nil, "", fmt.Errorf("certificate: %q is not one of cn, ou, o, dns, email, uri", key)
		}
	}
	key := ed25519.NewKeyFromSeed(make([]byte, ed25519.SeedSize))
	issuer := &x509.Certificate{Subject: pkix.Name{CommonName: "case"}}
	der, err := x509.CreateCertificate(bytes.NewReader(nil), &t, issuer, key.Public(), key)
	if err != nil {
		return nil, "", fmt.Errorf("certificate: %w", err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), t.Subject.CommonName, nil
}
