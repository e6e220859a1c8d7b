package request_test

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"caisson/authz/request"
)

// certificatePEM signs a certificate with itself.
func certificatePEM(tb testing.TB, template *x509.Certificate) []byte {
	tb.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		tb.Fatal(err)
	}
	template.SerialNumber, template.NotAfter = big.NewInt(1), time.Date(2050, 1, 1, 0, 0, 0, 0, time.UTC)
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		tb.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
}

func alice(tb testing.TB) []byte {
	tb.Helper()
	return certificatePEM(tb, &x509.Certificate{
		Subject:  pkix.Name{CommonName: "alice", Organization: []string{"Example"}, OrganizationalUnit: []string{"Ops", "Dev"}},
		DNSNames: []string{"Host.Example"}, EmailAddresses: []string{"Alice@example"}, URIs: []*url.URL{{Scheme: "spiffe", Host: "example", Path: "/alice"}},
	})
}

func TestPrincipal(t *testing.T) {
	cert := alice(t)
	nameless := certificatePEM(t, &x509.Certificate{Subject: pkix.Name{OrganizationalUnit: []string{"Ops"}}})
	whole := request.Principal{
		CommonName: "alice", Organizations: []string{"Example"}, Units: []string{"Dev", "Ops"},
		DNSNames: []string{"host.example"}, Emails: []string{"Alice@example"}, URIs: []string{"spiffe://example/alice"},
	}
	for name, tt := range map[string]struct {
		call  request.Call
		whole bool
		want  request.Principal
	}{
		"local":               {request.Call{}, true, request.Principal{Local: true}},
		"name":                {request.Call{User: "alice", AuthMethod: "TLS", Certificate: cert}, false, request.Principal{CommonName: "alice"}},
		"name of a bad one":   {request.Call{User: "alice", AuthMethod: "TLS", Certificate: []byte("x")}, false, request.Principal{CommonName: "alice"}},
		"whole":               {request.Call{User: "alice", AuthMethod: "TLS", Certificate: cert}, true, whole},
		"without common name": {request.Call{AuthMethod: "TLS", Certificate: nameless}, true, request.Principal{Units: []string{"Ops"}}},
		"headers do not count": {request.Call{Headers: map[string]string{
			"User": "alice", "X-User": "alice", "X-Forwarded-User": "alice", "X-Client-Cert": string(cert),
		}}, true, request.Principal{Local: true}},
	} {
		got, err := tt.call.Principal(tt.whole)
		if diff := cmp.Diff(tt.want, got); diff != "" || err != nil {
			t.Errorf("%s: %v %s", name, err, diff)
		}
	}
}

func TestUnknownPrincipal(t *testing.T) {
	cert := alice(t)
	const notPEM = "it is not a certificate in PEM"
	for name, tt := range map[string]struct {
		call request.Call
		want string
	}{
		"no certificate":    {request.Call{User: "alice", AuthMethod: "TLS"}, "the call does not hold it"},
		"of somebody else":  {request.Call{User: "bob", AuthMethod: "TLS", Certificate: cert}, `it names "alice", and dockerd names "bob"`},
		"of nobody":         {request.Call{AuthMethod: "TLS", Certificate: cert}, `it names "alice", and dockerd names ""`},
		"user without TLS":  {request.Call{User: "alice"}, "the call names a user or a certificate, but not TLS as the way it was checked"},
		"another way":       {request.Call{User: "alice", AuthMethod: "Basic", Certificate: cert}, "the call names a user or a certificate, but not TLS as the way it was checked"},
		"certificate alone": {request.Call{Certificate: cert}, "the call names a user or a certificate, but not TLS as the way it was checked"},
		"not PEM":           {request.Call{User: "alice", AuthMethod: "TLS", Certificate: []byte(`["x"]`)}, notPEM},
		"of another kind":   {request.Call{User: "alice", AuthMethod: "TLS", Certificate: bytes.ReplaceAll(cert, []byte("CERTIFICATE"), []byte("X509 CRL"))}, notPEM},
		"two":               {request.Call{User: "alice", AuthMethod: "TLS", Certificate: append(bytes.Clone(cert), cert...)}, notPEM},
		"not DER":           {request.Call{User: "alice", AuthMethod: "TLS", Certificate: pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: []byte("x")})}, "it cannot be parsed: x509: malformed certificate"},
		"large":             {request.Call{User: "alice", AuthMethod: "TLS", Certificate: bytes.Repeat(cert, 200)}, "it is larger than 64 KiB"},
	} {
		got, err := tt.call.Principal(true)
		if err == nil || !strings.HasPrefix(err.Error(), "client certificate: "+tt.want+"; fix: ") || got.Local || got.CommonName != "" {
			t.Errorf("%s: %+v, %v", name, got, err)
		}
	}
}

func TestPrincipalText(t *testing.T) {
	for _, tt := range []struct {
		p    request.Principal
		want string
	}{
		{request.Principal{Local: true}, "the local socket"},
		{request.Principal{}, "a client certificate without a common name"},
		{request.Principal{CommonName: "alice"}, `"alice" (CN)`},
		{request.Principal{CommonName: "a\" (CN)\n"}, `"a\" (CN)\n" (CN)`},
		{request.Principal{CommonName: strings.Repeat("é", 100)}, `"` + strings.Repeat("é", 60) + `…" (CN)`},
	} {
		if got := tt.p.String(); got != tt.want {
			t.Errorf("got %s, want %s", got, tt.want)
		}
	}
}

// FuzzPrincipal checks that no certificate makes the program panic, and that none makes somebody of anybody.
func FuzzPrincipal(f *testing.F) {
	cert := alice(f)
	block, _ := pem.Decode(cert)
	f.Add("alice", "TLS", cert, false)
	f.Add("alice", "TLS", block.Bytes, true)
	f.Add("", "", []byte(nil), false)
	f.Fuzz(func(t *testing.T, user, method string, cert []byte, der bool) {
		if der { // past the PEM, to the parser
			cert = pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: cert})
		}
		call := request.Call{User: user, AuthMethod: method, Certificate: cert}
		p, err := call.Principal(true)
		if err == nil && (p.CommonName != user || p.Local != (method == "")) || err != nil && (p.Local || p.CommonName != "") {
			t.Errorf("%q %q: %+v, %v", user, method, p, err)
		}
	})
}
