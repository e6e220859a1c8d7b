package registry

import (
	"bytes"
	"context"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/distribution/reference"
	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"caisson/authz/image"
)

// status answers everything alike.
func status(code int) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(code) }
}

// content answers everything with the same bytes, as of an image's manifest.
func content(b string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", ocispec.MediaTypeImageManifest)
		_, _ = w.Write([]byte(b))
	}
}

// Each fault comes back in words. Those that hang end with the question only, so that an answer shows that there is a bound.
func TestFaults(t *testing.T) {
	hang := func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }
	slow := func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", ocispec.MediaTypeImageManifest)
		w.Header().Set("Content-Length", "1000")
		for r.Context().Err() == nil {
			_, _ = w.Write([]byte(" "))
			w.(http.Flusher).Flush()
			time.Sleep(50 * time.Millisecond)
		}
	}
	cut := func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", ocispec.MediaTypeImageManifest)
		w.Header().Set("Content-Length", "1000")
		_, _ = w.Write([]byte("{"))
		w.(http.Flusher).Flush()
		panic(http.ErrAbortHandler)
	}
	loop := func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, r.URL.Path+"x?X-Amz-Signature=secret", http.StatusTemporaryRedirect)
	}
	to := func(u string) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, u, http.StatusTemporaryRedirect) }
	}
	huge := func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", ocispec.MediaTypeImageManifest)
		b := bytes.Repeat([]byte(" "), 1<<20)
		for range 6 {
			_, _ = w.Write(b)
		}
	}
	challenge := func(realm string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("WWW-Authenticate", `Bearer realm="`+realm+`",service="x"`)
			w.WriteHeader(http.StatusUnauthorized)
		}
	}
	basic := func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("WWW-Authenticate", `Basic realm="x"`)
		w.WriteHeader(http.StatusUnauthorized)
	}
	for _, c := range []struct {
		name    string
		handler http.HandlerFunc
		why     string // "" is not found
		denied  bool
	}{
		{"hang", hang, "does not answer within 2 s", false},
		{"slow body", slow, "does not finish its answer within 5 s", false},
		{"cut", cut, "breaks off its answer", false},
		{"400", status(400), "answers 400 Bad Request", false},
		{"401", status(401), "wants credentials, and Caisson has none for it (401)", true},
		{"401 basic", basic, "wants credentials, and Caisson has none for it (401)", true},
		{"403", status(403), "does not let Caisson read team/app (403)", true},
		{"404", status(404), "", false},
		{"429", status(429), "answers 429 Too Many Requests", false},
		{"500", status(500), "answers 500 Internal Server Error", false},
		{"503", status(503), "answers 503 Service Unavailable", false},
		{"204", status(204), "answers 204 No Content", false},
		{"wrong bytes", content(`{"config":{},"layers":[]}`), "gives an answer that ", false},
		{"too large", huge, "gives an answer that cannot be used: there are more than 4194304 bytes of it", false},
		{"redirects", loop, "sends Caisson from one address to the next, more than 3 times", false},
		{"metadata", to("http://169.254.169.254/latest"), "sends Caisson to an address that only this machine or its cloud may use", false},
		{"this machine", to("http://localhost:1/"), "sends Caisson to an address that only this machine or its cloud may use", false},
		{"token from the metadata service", challenge("http://169.254.169.254/token"), "names a token service that Caisson does not go to", false},
		{"token from a file", challenge("file:///etc/passwd"), "names a token service that Caisson does not go to", false},
		{"token from nowhere", challenge("http://127.0.0.1:1/token"), "cannot be connected to: connection refused", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			client, repo := served(t, c.handler)
			d := digest.FromString("wanted")
			for name, ask := range map[string]func() error{
				"manifest": func() error { return second(client.Manifest(t.Context(), repo, d)) },
				"tag":      func() error { return second(client.Tagged(t.Context(), repo, "sha256-"+d.Encoded()+".sig")) },
				"blob": func() error {
					return second(client.Blob(t.Context(), repo, ocispec.Descriptor{Digest: d, Size: 1000}, 1000))
				},
				"referrers": func() error {
					return second(client.Referrers(t.Context(), repo, ocispec.Descriptor{Digest: d}, signatureType))
				},
			} {
				if c.name == "slow body" && (name == "tag" || name == "referrers") || c.name == "wrong bytes" && name != "manifest" || c.name == "too large" && (name == "blob" || name == "referrers") || c.name == "400" && name == "referrers" {
					continue
				}
				client.only().breaker = newBreaker(openFor)
				err := ask()
				if c.why == "" {
					if name == "referrers" && err != nil || name != "referrers" && !errors.Is(err, image.ErrNotFound) {
						t.Errorf("%s: %v", name, err)
					}
					continue
				}
				u, ok := errors.AsType[*image.UnavailableError](err)
				if !ok || u.Host != reference.Domain(repo) || u.Denied != c.denied || !strings.HasPrefix(u.Why, c.why) {
					t.Errorf("%s: %#v, want %q", name, err, c.why)
				}
				if strings.Contains(err.Error(), "secret") {
					t.Errorf("%s: the error gives a signature away: %v", name, err)
				}
			}
		})
	}
}

func TestWrongBytes(t *testing.T) {
	for name, handler := range map[string]http.HandlerFunc{
		"without a header": content(`{"config":{},"layers":[]}`),
		"with the digest in the header": func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Docker-Content-Digest", r.URL.Path[strings.LastIndex(r.URL.Path, "/")+1:])
			content(`{"config":{},"layers":[]}`)(w, r)
		},
	} {
		c, repo := served(t, handler)
		m, err := c.Manifest(t.Context(), repo, digest.FromString("x"))
		if _, ok := errors.AsType[*image.UnavailableError](err); !ok || m.Bytes != nil {
			t.Errorf("%s: %v", name, err)
		}
		b, err := c.Blob(t.Context(), repo, ocispec.Descriptor{Digest: digest.FromString("x"), Size: 25}, 100)
		if _, ok := errors.AsType[*image.UnavailableError](err); !ok || b != nil {
			t.Errorf("%s: blob %q %v", name, b, err)
		}
	}
	c, repo := served(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Docker-Content-Digest", digest.FromString("other").String())
		content(`{"config":{},"layers":[]}`)(w, r)
	}))
	if m, err := c.Tagged(t.Context(), repo, "v1"); err == nil || m.Bytes != nil {
		t.Error("a tag with another digest in its header")
	}
}

func TestMediaTypeOfHeader(t *testing.T) {
	b := `{"mediaType":"` + ocispec.MediaTypeImageIndex + `","manifests":[]}`
	c, repo := served(t, content(b))
	_, err := c.Manifest(t.Context(), repo, digest.FromString(b))
	if err == nil || !strings.Contains(err.Error(), "says of itself that it is") {
		t.Error(err)
	}
}

func TestConnections(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	closed := l.Addr().String()
	l.Close()
	for _, c := range []struct {
		host, why string
	}{
		{closed, "cannot be connected to: connection refused"},
		{"no-such-host.invalid", "cannot be found: "},
	} {
		client, repo := clientOf(t, Config{Host: c.host})
		_, err := client.Manifest(t.Context(), repo, digest.FromString("x"))
		if u, ok := errors.AsType[*image.UnavailableError](err); !ok || u.Host != c.host || !strings.HasPrefix(u.Why, c.why) {
			t.Errorf("%s: %v", c.host, err)
		}
	}
}

// A listener whose queue is full does not accept, as a host behind a firewall that drops.
func TestBlackHole(t *testing.T) {
	address := fullListener(t)
	client, repo := clientOf(t, Config{Host: address, PlainHTTP: true})
	_, err := client.Manifest(t.Context(), repo, digest.FromString("x"))
	if u, ok := errors.AsType[*image.UnavailableError](err); !ok || u.Why != "does not accept a connection within 1 s" {
		t.Error(err)
	}
}

func TestTLS(t *testing.T) {
	s := httptest.NewTLSServer(newRegistry(true))
	defer s.Close()
	s.Config.ErrorLog = nil
	host := strings.TrimPrefix(s.URL, "https://")
	ca := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.Certificate().Raw})

	c, repo := clientOf(t, Config{Host: host, CA: ca})
	if _, err := c.Manifest(t.Context(), repo, digest.FromString("x")); !errors.Is(err, image.ErrNotFound) {
		t.Errorf("own CA: %v", err)
	}
	c, repo = clientOf(t, Config{Host: host})
	_, err := c.Manifest(t.Context(), repo, digest.FromString("x"))
	if u, ok := errors.AsType[*image.UnavailableError](err); !ok || u.Why != "has a certificate that is not trusted: x509: certificate signed by unknown authority" {
		t.Errorf("other CA: %v", err)
	}
	plain := httptest.NewServer(newRegistry(true))
	defer plain.Close()
	c, repo = clientOf(t, Config{Host: strings.TrimPrefix(plain.URL, "http://")})
	_, err = c.Manifest(t.Context(), repo, digest.FromString("x"))
	if u, ok := errors.AsType[*image.UnavailableError](err); !ok || u.Why != "does not speak TLS; if that is meant, list it as one for plain HTTP" {
		t.Errorf("plain HTTP: %v", err)
	}
	down := httptest.NewTLSServer(http.RedirectHandler(plain.URL+"/x", http.StatusTemporaryRedirect))
	defer down.Close()
	c, repo = clientOf(t, Config{Host: strings.TrimPrefix(down.URL, "https://"), CA: pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: down.Certificate().Raw})})
	_, err = c.Manifest(t.Context(), repo, digest.FromString("x"))
	if u, ok := errors.AsType[*image.UnavailableError](err); !ok || u.Why != errDowngrade.Error() {
		t.Errorf("redirect to plain HTTP: %v", err)
	}
}

// Ten thousand referrers, on one page or each on its own, are read up to the bound.
func TestManyReferrers(t *testing.T) {
	for name, pageSize := range map[string]int{"one page": 10000, "many pages": 1} {
		var requests atomic.Int32
		c, repo := served(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			n := int(requests.Add(1)) - 1
			w.Header().Set("Content-Type", ocispec.MediaTypeImageIndex)
			w.Header().Set("Link", fmt.Sprintf(`<%s?page=%d>; rel="next"`, r.URL.Path, n))
			var index ocispec.Index
			for i := range pageSize {
				index.Manifests = append(index.Manifests, ocispec.Descriptor{
					MediaType: ocispec.MediaTypeImageManifest, ArtifactType: signatureType, Digest: digest.FromString(fmt.Sprint(n, i)), Size: 500,
				})
			}
			_ = json.NewEncoder(w).Encode(index)
		}))
		l, err := c.Referrers(t.Context(), repo, ocispec.Descriptor{Digest: digest.FromString("x")}, signatureType)
		if err != nil || len(l) != min(image.MaxReferrers, maxPages*pageSize) {
			t.Errorf("%s: %d, %v", name, len(l), err)
		}
		if n := requests.Load(); n > maxPages {
			t.Errorf("%s: %d requests", name, n)
		}
	}
}

// Whoever can push referrers must not be able to shut Caisson off from the registry.
func TestListTooLong(t *testing.T) {
	c, repo := served(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", ocispec.MediaTypeImageIndex)
		_, _ = w.Write([]byte(`{"manifests":[{"annotations":{"x":"` + strings.Repeat("x", image.MaxManifest) + `"}}]}`))
	}))
	for range tripAfter + 1 {
		_, err := c.Referrers(t.Context(), repo, ocispec.Descriptor{Digest: digest.FromString("x")}, signatureType)
		if u, ok := errors.AsType[*image.UnavailableError](err); !ok || u.Why != "gives an answer that cannot be used: the list of referrers is too long" {
			t.Fatal(err)
		}
	}
}

func TestWordsForOthers(t *testing.T) {
	c, _ := clientOf(t, Config{Host: "registry.example.com:5000"})
	for _, x := range []struct {
		s      statusError
		why    string
		denied bool
	}{
		{statusError{host: "registry.example.com", path: "team/app", code: 403}, "does not let Caisson read team/app (403)", true},
		{statusError{host: "auth.example.com", token: true, known: true, code: 401}, "refuses the credentials of Caisson (401)", true},
		{statusError{host: "auth.example.com", token: true, code: 503}, "sends Caisson to auth.example.com, which answers 503 Service Unavailable", false},
		{statusError{host: "storage.example.com", known: true, code: 403}, "sends Caisson to storage.example.com, which answers 403 Forbidden", false},
	} {
		u, ok := errors.AsType[*image.UnavailableError](c.only().status(&x.s).err)
		if !ok || u.Why != x.why || u.Denied != x.denied {
			t.Errorf("%+v: %+v", x.s, u)
		}
	}
}

func TestAsked(t *testing.T) {
	var told []string
	c, err := New([]Config{{Host: "registry.example.com", PlainHTTP: true}}, Options{
		UserAgent: "caisson/test",
		Asked: func(host string, took time.Duration, err error) {
			told = append(told, fmt.Sprint(host, " ", took > 0, " ", err))
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	c.only().http.Transport = roundTripper(func(r *http.Request) (*http.Response, error) {
		if r.UserAgent() != "caisson/test" {
			t.Errorf("user agent %q", r.UserAgent())
		}
		return &http.Response{StatusCode: 500, Body: http.NoBody, Request: r}, nil
	})
	repo, _ := reference.ParseNamed("registry.example.com/team/app")
	for range tripAfter + 1 {
		_, _ = c.Manifest(t.Context(), repo, digest.FromString("x"))
	}
	want := "registry.example.com true the registry registry.example.com answers 500 Internal Server Error"
	if len(told) != tripAfter+1 || told[0] != want || !strings.HasPrefix(told[tripAfter], "registry.example.com false the registry registry.example.com is not asked") {
		t.Errorf("%q", told)
	}
}

func TestBreaker(t *testing.T) {
	var code, requests atomic.Int32
	code.Store(503)
	c, repo := served(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		requests.Add(1)
		w.WriteHeader(int(code.Load()))
	}))
	c.only().breaker = newBreaker(200 * time.Millisecond)
	ask := func() string {
		_, err := c.Manifest(t.Context(), repo, digest.FromString("x"))
		if u, ok := errors.AsType[*image.UnavailableError](err); ok {
			return u.Why
		}
		return err.Error()
	}
	for range tripAfter {
		if why := ask(); why != "answers 503 Service Unavailable" {
			t.Fatal(why)
		}
	}
	if why := ask(); why != "is not asked for another 1 s, because it answers 503 Service Unavailable" || requests.Load() != tripAfter {
		t.Fatalf("%s after %d requests", why, requests.Load())
	}
	time.Sleep(250 * time.Millisecond)
	if why := ask(); why != "answers 503 Service Unavailable" { // one is tried
		t.Fatal(why)
	}
	if why := ask(); !strings.HasPrefix(why, "is not asked") {
		t.Fatal(why)
	}
	time.Sleep(250 * time.Millisecond)
	code.Store(404) // an answer: the host works
	for range 5 {
		if why := ask(); why != image.ErrNotFound.Error() {
			t.Fatal(why)
		}
	}
	code.Store(401) // refused credentials are no failure of the host
	for range 5 {
		if why := ask(); !strings.HasPrefix(why, "wants credentials") {
			t.Fatal(why)
		}
	}
}

func TestRetryAfter(t *testing.T) {
	now := time.Date(2026, 11, 1, 12, 0, 0, 0, time.UTC)
	for v, want := range map[string]time.Duration{
		"": 0, "7": 7 * time.Second, "100000000000": time.Minute, "-5": 0, "soon": 0,
		now.Add(30 * time.Second).Format(http.TimeFormat): 30 * time.Second, now.Add(time.Hour).Format(http.TimeFormat): time.Minute, now.Add(-time.Hour).Format(http.TimeFormat): 0,
	} {
		if got := retryAfter(v, now); got != want {
			t.Errorf("%q: %v", v, got)
		}
	}
	var requests atomic.Int32
	c, repo := served(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		requests.Add(1)
		w.Header().Set("Retry-After", "30")
		w.WriteHeader(http.StatusTooManyRequests)
	}))
	_, _ = c.Manifest(t.Context(), repo, digest.FromString("x"))
	_, err := c.Manifest(t.Context(), repo, digest.FromString("x"))
	if want := "the registry " + reference.Domain(repo) + " is not asked for another 30 s, because it answers 429 Too Many Requests"; err == nil || err.Error() != want || requests.Load() != 1 {
		t.Errorf("%v after %d requests", err, requests.Load())
	}
}

// tokens is a registry that wants a bearer token, the service that gives it out, and a storage that has the blobs.
type tokens struct {
	registry, service, storage *httptest.Server
	user, pass                 string
	issued                     atomic.Int32
	leaked                     atomic.Bool
}

func newTokens(t *testing.T) *tokens {
	t.Helper()
	k := &tokens{user: "robot", pass: "hunter2"}
	k.storage = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "" {
			k.leaked.Store(true)
		}
		w.Header().Set("Accept-Ranges", "bytes")
		_, _ = w.Write([]byte("envelope"))
	}))
	t.Cleanup(k.storage.Close)
	k.service = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if u, p, _ := r.BasicAuth(); u != k.user || p != k.pass || r.URL.Query().Get("scope") != "repository:team/app:pull" {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		k.issued.Add(1)
		_, _ = w.Write([]byte(`{"token":"t0ken"}`))
	}))
	t.Cleanup(k.service.Close)
	k.registry = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.Header.Get("Authorization") != "Bearer t0ken":
			w.Header().Set("WWW-Authenticate", `Bearer realm="`+k.service.URL+`/token",service="registry",scope="repository:team/app:pull"`)
			w.WriteHeader(http.StatusUnauthorized)
		case strings.Contains(r.URL.Path, "/blobs/"):
			http.Redirect(w, r, k.storage.URL+"/x?X-Amz-Signature=secret", http.StatusTemporaryRedirect)
		default:
			w.WriteHeader(http.StatusNotFound)
		}
	}))
	t.Cleanup(k.registry.Close)
	return k
}

// config writes credentials, and sets the time of the file so that a change is always seen.
func (k *tokens) config(t *testing.T, path, user, pass string, version int) {
	t.Helper()
	b := fmt.Sprintf(`{"auths":{"%s":{"username":%q,"password":%q}}}`, strings.TrimPrefix(k.registry.URL, "http://"), user, pass)
	if err := os.WriteFile(path, []byte(b), 0o600); err != nil {
		t.Fatal(err)
	}
	when := time.Unix(int64(1700000000+version), 0)
	if err := os.Chtimes(path, when, when); err != nil {
		t.Fatal(err)
	}
}

func TestTokens(t *testing.T) {
	k := newTokens(t)
	path := filepath.Join(t.TempDir(), "config.json")
	k.config(t, path, k.user, k.pass, 0)
	c, repo := clientOf(t, Config{Host: strings.TrimPrefix(k.registry.URL, "http://"), PlainHTTP: true, Credentials: path})
	blob := ocispec.Descriptor{Digest: digest.FromString("envelope"), Size: 8}
	for range 3 {
		if b, err := c.Blob(t.Context(), repo, blob, image.MaxEnvelope); err != nil || string(b) != "envelope" {
			t.Fatalf("%q %v", b, err)
		}
	}
	if n := k.issued.Load(); n != 1 {
		t.Errorf("%d tokens for one repository", n)
	}
	if k.leaked.Load() {
		t.Error("the token went to the storage")
	}

	fresh, _ := clientOf(t, Config{Host: reference.Domain(repo), PlainHTTP: true, Credentials: path})
	var wg sync.WaitGroup
	for range 50 {
		wg.Go(func() {
			if b, err := fresh.Blob(t.Context(), repo, blob, image.MaxEnvelope); err != nil || string(b) != "envelope" {
				t.Errorf("%q %v", b, err)
			}
		})
	}
	wg.Wait()
	if n := k.issued.Load(); n > 20 {
		t.Errorf("%d tokens for 50 questions at once", n)
	}

	k.config(t, path, k.user, "wr0ng", 1) // and the file is read again
	_, err := c.Manifest(t.Context(), repo, blob.Digest)
	if u, ok := errors.AsType[*image.UnavailableError](err); !ok || !u.Denied || u.Why != "refuses the credentials of Caisson (401)" {
		t.Errorf("wrong password: %v", err)
	}
	for _, secret := range []string{"wr0ng", "hunter2", "t0ken"} {
		if strings.Contains(err.Error(), secret) {
			t.Errorf("the error holds %q", secret)
		}
	}
	if err := os.WriteFile(path, []byte(`{"auths": wr0ng`), 0o600); err != nil { // half a file changes nothing
		t.Fatal(err)
	}
	if _, err := c.Manifest(t.Context(), repo, blob.Digest); err == nil || !strings.Contains(err.Error(), "refuses the credentials") {
		t.Errorf("broken file: %v", err)
	}
	if _, err := New([]Config{{Host: "registry.example.com", Credentials: path}}, Options{}); err == nil || strings.Contains(err.Error(), "wr0ng") {
		t.Errorf("broken file at the start: %v", err)
	}
	k.config(t, path, k.user, k.pass, 2)
	if _, err := c.Manifest(t.Context(), repo, blob.Digest); !errors.Is(err, image.ErrNotFound) {
		t.Errorf("right again: %v", err)
	}

	c, repo = clientOf(t, Config{Host: strings.TrimPrefix(k.registry.URL, "http://"), PlainHTTP: true})
	_, err = c.Manifest(t.Context(), repo, blob.Digest)
	if u, ok := errors.AsType[*image.UnavailableError](err); !ok || !u.Denied {
		t.Errorf("as nobody: %v", err)
	}
}

func TestCredentialHelper(t *testing.T) {
	k := newTokens(t)
	dir := t.TempDir()
	t.Setenv("PATH", dir+":"+os.Getenv("PATH"))
	helper := filepath.Join(dir, "docker-credential-test")
	write := func(script string) {
		t.Helper()
		if err := os.WriteFile(helper, []byte("#!/bin/sh\n"+script+"\n"), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	path := filepath.Join(dir, "config.json")
	if err := os.WriteFile(path, []byte(`{"credsStore":"test"}`), 0o600); err != nil {
		t.Fatal(err)
	}
	host := strings.TrimPrefix(k.registry.URL, "http://")
	write(`cat >/dev/null; echo 'hunter2 is locked'; exit 1`)
	c, repo := clientOf(t, Config{Host: host, PlainHTTP: true, Credentials: path})
	_, err := c.Manifest(t.Context(), repo, digest.FromString("x"))
	if want := "the registry " + host + " is not asked, because the credential helper named in " + path + " fails"; err == nil || err.Error() != want {
		t.Error(err)
	}
	write(`cat >/dev/null; echo '{"Username":"robot","Secret":"hunter2"}'`)
	if _, err := c.Manifest(t.Context(), repo, digest.FromString("x")); !errors.Is(err, image.ErrNotFound) {
		t.Error(err)
	}
}

func TestProxy(t *testing.T) {
	var through atomic.Int32
	proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Host == "registry.example.com" {
			through.Add(1)
		}
		w.WriteHeader(http.StatusNotFound)
	}))
	defer proxy.Close()
	t.Setenv("HTTP_PROXY", proxy.URL)
	c, repo := clientOf(t, Config{Host: "registry.example.com", PlainHTTP: true, Proxy: proxy.URL})
	if _, err := c.Manifest(t.Context(), repo, digest.FromString("x")); !errors.Is(err, image.ErrNotFound) || through.Load() != 1 {
		t.Errorf("%v, %d requests through the proxy", err, through.Load())
	}
	c, _ = clientOf(t, Config{Host: "registry.example.com", PlainHTTP: true})
	if c.only().http.Transport.(*http.Transport).Proxy != nil {
		t.Error("the environment's proxy is used")
	}
}

func TestDockerHub(t *testing.T) {
	c, _ := clientOf(t, Config{Host: "docker.io"})
	repo, _ := reference.ParseNormalizedNamed("nginx")
	var asked string
	c.only().http.Transport = roundTripper(func(r *http.Request) (*http.Response, error) {
		asked = r.URL.String()
		return nil, context.DeadlineExceeded
	})
	d := digest.FromString("x")
	_, _ = c.Manifest(t.Context(), repo, d)
	if want := "https://registry-1.docker.io/v2/library/nginx/manifests/" + d.String(); asked != want || !c.Listed("docker.io") {
		t.Errorf("asked %s", asked)
	}
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }
