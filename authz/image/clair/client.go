package clair

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/golang-jwt/jwt/v4" // the version that notation-core-go brings along
	"github.com/opencontainers/go-digest"
)

// newClient makes a client that talks to one host, without the environment's proxies.
func newClient(base *url.URL, ca *x509.CertPool) *http.Client {
	return &http.Client{
		Transport: &http.Transport{
			DialContext:            (&net.Dialer{Timeout: 2 * time.Second}).DialContext,
			TLSClientConfig:        &tls.Config{RootCAs: ca, MinVersion: tls.VersionTLS12},
			TLSHandshakeTimeout:    2 * time.Second,
			MaxIdleConnsPerHost:    4,
			IdleConnTimeout:        time.Minute,
			MaxResponseHeaderBytes: 64 << 10,
			ForceAttemptHTTP2:      true,
		},
		CheckRedirect: func(req *http.Request, via []*http.Request) error {
			if req.URL.Scheme != base.Scheme || req.URL.Host != base.Host {
				return errors.New("it sends Caisson to another host")
			}
			if len(via) > 3 {
				return errors.New("it sends Caisson in circles")
			}
			return nil
		},
	}
}

// get asks for the report about a manifest.
func (r *Reporter) get(ctx context.Context, d digest.Digest) (*http.Response, error) {
	at := r.base.JoinPath("matcher", "api", "v1", "vulnerability_report", d.String())
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, at.String(), nil)
	if err != nil {
		return nil, err
	}
	req.Header.Set("Accept", "application/json")
	if len(r.key) > 0 {
		token, err := r.token()
		if err != nil {
			return nil, err
		}
		req.Header.Set("Authorization", "Bearer "+token)
	}
	return r.client.Do(req)
}

// skew is how much the clocks may differ; Clair itself forgives 15 seconds.
const skew = 30 * time.Second

// token makes a token for one question.
//
// Source: quay/clair middleware/auth/psk.go: HS256, a listed issuer, and exp, nbf and iat that hold now.
func (r *Reporter) token() (string, error) {
	now := r.now()
	claims := jwt.RegisteredClaims{
		Issuer: r.issuer, IssuedAt: jwt.NewNumericDate(now.Add(-skew)), NotBefore: jwt.NewNumericDate(now.Add(-skew)),
		ExpiresAt: jwt.NewNumericDate(now.Add(time.Minute + skew)),
	}
	return jwt.NewWithClaims(jwt.SigningMethodHS256, claims).SignedString(r.key)
}

// cause says what went wrong, without the address that the client puts in front.
func cause(err error) string {
	if u, ok := errors.AsType[*url.Error](err); ok {
		if u.Timeout() {
			return "it does not answer in time"
		}
		err = u.Err
	}
	return fmt.Sprintf("%.200v", err)
}

// maxLifetime is how long Clair itself lets a report be kept. Nothing makes Caisson believe one for longer.
const maxLifetime = 6 * time.Hour

// minLifetime keeps a report for a moment even if Clair says nothing about it, for the requests that come at once.
const minLifetime = 10 * time.Second

// lifetime is how long a report may be kept.
func lifetime(h http.Header) time.Duration {
	var age time.Duration
	for field := range strings.SplitSeq(h.Get("Cache-Control"), ",") {
		name, value, _ := strings.Cut(strings.ToLower(strings.TrimSpace(field)), "=")
		switch name {
		case "no-store", "no-cache":
			return minLifetime
		case "max-age":
			if n, err := strconv.ParseUint(value, 10, 31); err == nil {
				age = time.Duration(n) * time.Second
			}
		}
	}
	return min(max(age, minLifetime), maxLifetime)
}
