package plugin

import (
	"crypto/ed25519"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"fmt"
	"math/big"
	"strings"
	"testing"

	"github.com/docker/go-plugins-helpers/authorization"

	"caisson/authz/request"
)

// clientCertificate is a certificate of alice.
func clientCertificate(t *testing.T) *x509.Certificate {
	t.Helper()
	key := ed25519.NewKeyFromSeed(make([]byte, ed25519.SeedSize))
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "alice", OrganizationalUnit: []string{"Ops"}}}
	der, err := x509.CreateCertificate(strings.NewReader(""), template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return cert
}

// The certificate comes as dockerd's own types encode it, the client's own first.
func TestCertificate(t *testing.T) {
	leaf := authorization.PeerCertificate(*clientCertificate(t))
	other := leaf
	other.Raw = []byte("not parsed")
	text, err := json.Marshal(authorization.Request{
		User: "alice", UserAuthNMethod: "TLS", RequestMethod: "GET", RequestURI: "/_ping",
		RequestPeerCertificates: []*authorization.PeerCertificate{&leaf, &other},
	})
	if err != nil {
		t.Fatal(err)
	}
	call, err := DecodeCall(text)
	if err != nil {
		t.Fatal(err)
	}
	p, err := call.Principal(true)
	if err != nil || p.CommonName != "alice" || len(p.Units) != 1 || p.Units[0] != "Ops" {
		t.Errorf("%+v, %v", p, err)
	}
}

// What is no list of certificates is no reason to refuse a call, until somebody asks who it is. It never means that there is no
// certificate.
func TestBadCertificate(t *testing.T) {
	for _, none := range []string{`null`, `[]`, `[ ]`} {
		if call := callWith(t, none); call.Certificate != nil {
			t.Errorf("%s is a certificate", none)
		}
	}
	for _, bad := range []string{
		`""`, `"x"`, `1`, `{}`, `true`, `[null]`, `[""]`, `[1]`, `["!"]`, `[{}]`, `[[]]`, `["bm8gUEVN"]`,
		`["LS0tLS1CRUdJTiBDRVJUSUZJQ0FURS0tLS0tCi0tLS0tRU5EIENFUlRJRklDQVRFLS0tLS0K"]`, // an empty PEM block
		`["` + strings.Repeat("QUFB", 100<<10) + `"]`,
	} {
		call := callWith(t, bad)
		if call.Certificate == nil {
			t.Errorf("%.40s is no certificate", bad)
		}
		if p, err := call.Principal(true); err == nil {
			t.Errorf("%.40s is %s", bad, p)
		}
		call.User, call.AuthMethod = "", ""
		if p, err := call.Principal(false); err == nil {
			t.Errorf("%.40s without a user is %s", bad, p)
		}
	}
}

func callWith(t *testing.T, certificates string) request.Call {
	t.Helper()
	call, err := DecodeCall(fmt.Appendf(nil, `{"User":"alice","UserAuthNMethod":"TLS","RequestMethod":"GET","RequestUri":"/_ping","RequestPeerCertificates":%s}`, certificates))
	if err != nil {
		t.Fatalf("%.40s: %v", certificates, err)
	}
	return call
}
