package registry

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"syscall"
	"time"

	"oras.land/oras-go/v2/registry/remote/auth"
)

// Redirects lead from a registry to the storage that has its blobs, or to a mirror near by.
const maxRedirects = 3

var (
	errRedirects = fmt.Errorf("sends Caisson from one address to the next, more than %d times", maxRedirects)
	errDowngrade = errors.New("sends Caisson to an address without TLS")
	errBlocked   = errors.New("sends Caisson to an address that only this machine or its cloud may use")
)

// checkRedirect follows a few redirects. That credentials stay behind is oras-go's doing; see [auth.Client].
func checkRedirect(req *http.Request, via []*http.Request) error {
	if len(via) > maxRedirects {
		return errRedirects
	}
	if via[0].URL.Scheme == "https" && req.URL.Scheme != "https" {
		return errDowngrade
	}
	return nil
}

// newTransport makes connections for one registry.
func newTransport(c Config) (*http.Transport, error) {
	t := &http.Transport{
		TLSClientConfig:        &tls.Config{MinVersion: tls.VersionTLS12},
		TLSHandshakeTimeout:    headerTimeout,
		ResponseHeaderTimeout:  headerTimeout,
		MaxResponseHeaderBytes: 64 << 10,
		MaxConnsPerHost:        8,
		MaxIdleConnsPerHost:    4,
		IdleConnTimeout:        30 * time.Second,
		DisableCompression:     true, // a small answer stays small, and what is hashed is what was sent
		ForceAttemptHTTP2:      true,
	}
	known := endpoint(c.Host)
	if c.Proxy != "" {
		p, err := url.Parse(c.Proxy)
		if err != nil || p.Host == "" || p.Scheme != "http" && p.Scheme != "https" {
			return nil, errors.New("the proxy is not of the form http://proxy.example.com:3128")
		}
		t.Proxy, known = http.ProxyURL(p), p.Hostname()
	}
	if c.CA != nil {
		pool, err := x509.SystemCertPool()
		if err != nil {
			pool = x509.NewCertPool() // a system without certificates
		}
		if !pool.AppendCertsFromPEM(c.CA) {
			return nil, errors.New("the CA holds no certificate in PEM form")
		}
		t.TLSClientConfig.RootCAs = pool
	}
	direct := &net.Dialer{Timeout: dialTimeout}
	guarded := &net.Dialer{Timeout: dialTimeout, Control: guard}
	t.DialContext = func(ctx context.Context, network, address string) (net.Conn, error) {
		if strings.EqualFold(hostname(address), known) {
			return direct.DialContext(ctx, network, address)
		}
		return guarded.DialContext(ctx, network, address)
	}
	return t, nil
}

// guard keeps a registry from sending Caisson to services of this machine, or to its cloud's metadata. It looks at the address that is connected
// to, so a name that changes its address does not help.
func guard(_, address string, _ syscall.RawConn) error {
	ap, err := netip.ParseAddrPort(address)
	if err != nil {
		return errBlocked
	}
	for _, p := range auth.DefaultBlockedRealmPrefixes() {
		if p.Contains(ap.Addr().Unmap().WithZone("")) {
			return errBlocked
		}
	}
	return nil
}

// endpoint is the host, without a port, at which a registry is reached.
func endpoint(registry string) string {
	if registry == "docker.io" {
		return "registry-1.docker.io"
	}
	return hostname(registry)
}

// hostname is a host without its port.
func hostname(hostport string) string {
	if h, _, err := net.SplitHostPort(hostport); err == nil {
		return h
	}
	return strings.Trim(hostport, "[]")
}
