package imagetest

import (
	"crypto/rand"
	"crypto/x509"
	"encoding/base64"
	"io"
	"math/big"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/crypto/ocsp"
)

// Answer is what a responder says.
type Answer int

// The answers. They are about leaves; intermediates are good as long as the responder speaks at all.
const (
	Good Answer = iota
	Revoked
	Unknown // OCSP: "unknown"; CRL: there is none (404)
	Refuse  // the connection is closed
	Hang    // nothing is said until the client gives up
)

// Responder answers OCSP requests and serves CRLs on 127.0.0.1.
type Responder struct {
	server *httptest.Server
	stop   chan struct{}

	mu       sync.Mutex
	pki      *PKI
	ocsp     Answer
	crl      Answer
	validity time.Duration
	signer   *Cert
	requests int
}

// NewResponder starts a responder, which ends with the test. It answers for a PKI once that is given to [Responder.Serve].
func NewResponder(tb testing.TB) *Responder {
	tb.Helper()
	r := &Responder{validity: time.Hour, stop: make(chan struct{})}
	r.server = httptest.NewServer(r)
	tb.Cleanup(func() {
		close(r.stop)
		r.server.Close()
	})
	return r
}

// OCSP is the URL to write into certificates.
func (r *Responder) OCSP() string { return r.server.URL + "/ocsp" }

// CRL is the URL below which the lists are.
func (r *Responder) CRL() string { return r.server.URL + "/crl" }

// Serve says for whose certificates the responder speaks.
func (r *Responder) Serve(p *PKI) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.pki = p
}

// Set says what it answers from now on.
func (r *Responder) Set(ocsp, crl Answer) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.ocsp, r.crl = ocsp, crl
}

// SetValidity says how long from now its answers are valid; an hour if it is not called.
func (r *Responder) SetValidity(d time.Duration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.validity = d
}

// SetSigner makes it sign OCSP answers with another certificate, which it encloses.
func (r *Responder) SetSigner(c *Cert) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.signer = c
}

// Requests tells how many requests there were.
func (r *Responder) Requests() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.requests
}

func (r *Responder) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	r.mu.Lock()
	r.requests++
	isOCSP := strings.HasPrefix(req.URL.Path, "/ocsp")
	answer := r.crl
	if isOCSP {
		answer = r.ocsp
	}
	pki, validity, signer := r.pki, r.validity, r.signer
	r.mu.Unlock()

	switch answer {
	case Good, Revoked, Unknown:
	case Refuse:
		panic(http.ErrAbortHandler)
	case Hang:
		select {
		case <-req.Context().Done():
		case <-r.stop:
		}
		return
	}
	var body []byte
	var err error
	if isOCSP {
		body, err = answerOCSP(req, pki, answer, validity, signer)
	} else {
		body, err = list(path.Base(req.URL.Path), pki, answer, validity)
	}
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	if body == nil {
		http.NotFound(w, req)
		return
	}
	w.Header().Set("Content-Type", "application/octet-stream")
	_, _ = w.Write(body) //nolint:gosec // G705: what is answered is signed, and no page
}

func answerOCSP(req *http.Request, pki *PKI, answer Answer, validity time.Duration, signer *Cert) ([]byte, error) {
	der, err := io.ReadAll(io.LimitReader(req.Body, 1<<16))
	if err != nil {
		return nil, err
	}
	if req.Method == http.MethodGet {
		escaped, err := url.PathUnescape(strings.TrimPrefix(req.URL.EscapedPath(), "/ocsp/"))
		if err != nil {
			return nil, err
		}
		if der, err = base64.StdEncoding.DecodeString(escaped); err != nil {
			return nil, err
		}
	}
	asked, err := ocsp.ParseRequest(der)
	if err != nil {
		return nil, err
	}
	issuer, status := pki.Intermediate, map[Answer]int{Good: ocsp.Good, Revoked: ocsp.Revoked, Unknown: ocsp.Unknown}[answer]
	if asked.SerialNumber.Cmp(pki.Intermediate.SerialNumber) == 0 {
		issuer, status = pki.Root, ocsp.Good
	}
	now := time.Now()
	template := ocsp.Response{
		Status: status, SerialNumber: asked.SerialNumber, RevokedAt: now.Add(-time.Hour), RevocationReason: ocsp.KeyCompromise,
		ThisUpdate: now.Add(-time.Minute), NextUpdate: now.Add(validity),
	}
	if signer == nil || issuer != pki.Intermediate {
		return ocsp.CreateResponse(issuer.Certificate, issuer.Certificate, template, issuer.Key)
	}
	template.Certificate = signer.Certificate
	return ocsp.CreateResponse(issuer.Certificate, signer.Certificate, template, signer.Key)
}

// list makes the CRL of an issuer.
func list(issuer string, pki *PKI, answer Answer, validity time.Duration) ([]byte, error) {
	now := time.Now()
	template := &x509.RevocationList{Number: big.NewInt(now.UnixNano()), ThisUpdate: now.Add(-time.Minute), NextUpdate: now.Add(validity)}
	by := pki.Root
	if issuer == "intermediate" {
		by = pki.Intermediate
		if answer == Unknown {
			return nil, nil
		}
		if answer == Revoked {
			template.RevokedCertificateEntries = []x509.RevocationListEntry{
				{SerialNumber: pki.Leaf.SerialNumber, RevocationTime: now.Add(-time.Hour), ReasonCode: 1},
			}
		}
	}
	return x509.CreateRevocationList(rand.Reader, template, by.Certificate, by.Key)
}

// OCSPSigner makes a certificate by which the intermediate lets somebody else sign OCSP answers.
func (p *PKI) OCSPSigner(tb testing.TB) *Cert {
	tb.Helper()
	return issue(tb, &x509.Certificate{
		Subject: p.Leaf.Subject, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageOCSPSigning},
	}, p.Intermediate)
}
