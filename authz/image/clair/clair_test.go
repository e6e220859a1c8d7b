package clair

import (
	"bytes"
	"context"
	"crypto/x509"
	"encoding/base64"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/distribution/reference"
	"github.com/golang-jwt/jwt/v4"
	"github.com/google/go-cmp/cmp"
	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"caisson/authz/image"
)

// app is the manifest that testdata/report.json is about.
const app = "sha256:a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1"

var artifact = image.Artifact{Descriptor: ocispec.Descriptor{MediaType: ocispec.MediaTypeImageManifest, Digest: app, Size: 3}}

const (
	issuer = "caisson"
	secret = "a secret between the two"
)

// fake is a Clair that answers every question in the same way, if it comes with a token.
type fake struct {
	*httptest.Server
	asked  atomic.Int32
	answer http.HandlerFunc
}

func newFake(t *testing.T, answer http.HandlerFunc) *fake {
	t.Helper()
	f := &fake{answer: answer}
	f.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		f.asked.Add(1)
		if r.Method != http.MethodGet || !strings.HasPrefix(r.URL.Path, "/matcher/api/v1/vulnerability_report/sha256:") {
			t.Errorf("asked %s %s", r.Method, r.URL)
		}
		// As Clair checks it: the algorithm, the issuer, and all three times.
		claims := &jwt.RegisteredClaims{}
		token := strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")
		_, err := jwt.ParseWithClaims(token, claims, func(*jwt.Token) (any, error) { return []byte(secret), nil }, jwt.WithValidMethods([]string{"HS256"}))
		if err != nil || claims.Issuer != issuer || claims.ExpiresAt == nil || claims.IssuedAt == nil || claims.NotBefore == nil {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		f.answer(w, r)
	}))
	t.Cleanup(f.Close)
	return f
}

func (f *fake) options() Options {
	return Options{URL: f.URL, Key: base64.StdEncoding.EncodeToString([]byte(secret)), Issuer: issuer, Timeout: time.Minute}
}

func newReporter(t *testing.T, o Options) *Reporter {
	t.Helper()
	r, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(r.client.CloseIdleConnections)
	return r
}

func reportText(t *testing.T) []byte {
	t.Helper()
	text, err := os.ReadFile("testdata/report.json")
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func TestReport(t *testing.T) {
	f := newFake(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/vnd.clair.index_report.v1+json") // as Clair says by mistake
		w.Header().Set("Cache-Control", "max-age=21600")
		w.Write(reportText(t))
	})
	r := newReporter(t, f.options())
	want := image.Report{Source: "Clair at " + f.URL, Found: []image.Vulnerability{
		{ID: "CVE-2026-1003", Package: "bash 5.2"},
		{ID: "CVE-2026-1001", Package: "libssl3 3.0.11-1", Severity: image.SeverityHigh, FixedIn: "3.0.13-1"},
		{ID: "CVE-2026-1001", Package: "openssl 3.0.11-1", Severity: image.SeverityHigh, FixedIn: "3.0.13-1"},
		{ID: "CVE-2026-1002", Package: "libssl3 3.0.11-1", Severity: image.SeverityMedium},
	}}
	for range 3 {
		if diff := cmp.Diff(want, r.Report(t.Context(), nil, artifact)); diff != "" {
			t.Error(diff)
		}
	}
	if n := f.asked.Load(); n != 1 {
		t.Errorf("asked %d times", n)
	}
}

func TestUnknown(t *testing.T) {
	whole := string(reportText(t))
	status := func(code int) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(code) }
	}
	text := func(body string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, body) }
	}
	for name, c := range map[string]struct {
		answer http.HandlerFunc
		want   string
	}{
		"no data":          {status(http.StatusAccepted), "has no data about vulnerabilities yet"},
		"not indexed":      {status(http.StatusNotFound), "has not indexed " + app},
		"credentials":      {status(http.StatusUnauthorized), "refuses the credentials (401)"},
		"forbidden":        {status(http.StatusForbidden), "refuses the credentials (403)"},
		"broken":           {status(http.StatusInternalServerError), "answers 500"},
		"no content":       {status(http.StatusNoContent), "answers 204"},
		"empty":            {text(""), "no JSON"},
		"nothing":          {text("{}"), "about another manifest"},
		"no environment":   {text(strings.Replace(whole, `"environments": {`, `"other": {`, 1)), `does not know the distribution that "bash 5.2" is of (3 of 3 packages)`},
		"no distribution":  {text(strings.Replace(whole, `"distribution_id": "1"`, `"distribution_id": ""`, 1)), `that "libssl3 3.0.11-1" is of (1 of 3 packages)`},
		"other manifest":   {text(strings.Replace(whole, app, "sha256:"+strings.Repeat("b2", 32), 1)), "about another manifest"},
		"cut":              {text(whole[:len(whole)-10]), "no JSON"},
		"no vulnerability": {text(strings.Replace(whole, `"101": {`, `"999": {`, 1)), `vulnerability "101" is not in it`},
		"no package":       {text(strings.Replace(whole, `"12": {`, `"99": {`, 1)), `package "12" is not in it`},
		"large": {func(w http.ResponseWriter, _ *http.Request) {
			w.Write(make([]byte, image.MaxReport+1))
		}, "more than 8 MiB"},
		"broken off": {func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "1000")
			fmt.Fprint(w, "{")
		}, "breaks off its answer"},
		"other host": {func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "http://127.0.0.2:1/x", http.StatusFound)
		}, "sends Caisson to another host"},
		"circles": {func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, r.URL.Path, http.StatusFound)
		}, "in circles"},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFake(t, c.answer)
			got := newReporter(t, f.options()).Report(t.Context(), nil, artifact)
			if !strings.Contains(got.Unknown, c.want) || !strings.HasPrefix(got.Unknown, "Clair at "+f.URL) || (got.Source != "") != (got.Found != nil) {
				t.Errorf("got %+v, want it unknown: …%s…", got, c.want)
			}
		})
	}
}

func TestSlow(t *testing.T) {
	release := make(chan struct{})
	f := newFake(t, func(w http.ResponseWriter, r *http.Request) {
		select {
		case <-release:
			w.Write(reportText(t))
		case <-r.Context().Done():
		}
	})
	o := f.options()
	o.Timeout = 100 * time.Millisecond
	if got := newReporter(t, o).Report(t.Context(), nil, artifact); !strings.Contains(got.Unknown, "does not answer in time") {
		t.Errorf("got %+v", got)
	}
	// Whoever cannot wait leaves the answer to the next one.
	r := newReporter(t, f.options())
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if got := r.Report(ctx, nil, artifact); !strings.Contains(got.Unknown, "longer to answer than the request may wait") {
		t.Errorf("got %+v", got)
	}
	for f.asked.Load() < 2 { // the question of the one who left is on its way
		time.Sleep(time.Millisecond)
	}
	before := f.asked.Load()
	close(release)
	if got := r.Report(t.Context(), nil, artifact); got.Unknown != "" {
		t.Errorf("got %+v", got)
	}
	if n := f.asked.Load(); n != before {
		t.Errorf("asked %d times more", n-before)
	}
}

func TestManyAskOnce(t *testing.T) {
	f := newFake(t, func(w http.ResponseWriter, _ *http.Request) {
		time.Sleep(50 * time.Millisecond)
		w.Write(reportText(t))
	})
	r := newReporter(t, f.options())
	var all sync.WaitGroup
	for range 50 {
		all.Go(func() {
			if got := r.Report(t.Context(), nil, artifact); len(got.Found) != 4 {
				t.Errorf("got %+v", got)
			}
		})
	}
	all.Wait()
	if n := f.asked.Load(); n != 1 {
		t.Errorf("asked %d times", n)
	}
}

func TestDown(t *testing.T) {
	f := newFake(t, nil)
	r := newReporter(t, f.options())
	f.Close()
	if got := r.Report(t.Context(), nil, artifact); !strings.Contains(got.Unknown, "cannot be asked") || strings.Contains(got.Unknown, "vulnerability_report") {
		t.Errorf("got %+v", got)
	}
}

func TestWrongKey(t *testing.T) {
	f := newFake(t, func(w http.ResponseWriter, _ *http.Request) { w.Write(reportText(t)) })
	for _, change := range []func(*Options){
		func(o *Options) { o.Key = "b3RoZXI=" },
		func(o *Options) { o.Issuer = "other" },
		func(o *Options) { o.Key, o.Issuer = "", "" },
		func(o *Options) { o.Now = func() time.Time { return time.Now().Add(-time.Hour) } },
	} {
		o := f.options()
		change(&o)
		if got := newReporter(t, o).Report(t.Context(), nil, artifact); !strings.Contains(got.Unknown, "refuses the credentials") {
			t.Errorf("got %+v", got)
		}
	}
}

func TestTLS(t *testing.T) {
	s := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.Write(reportText(t)) }))
	defer s.Close()
	if got := newReporter(t, Options{URL: s.URL}).Report(t.Context(), nil, artifact); !strings.Contains(got.Unknown, "certificate") {
		t.Errorf("a certificate of nobody: %+v", got)
	}
	pool := x509.NewCertPool()
	pool.AddCert(s.Certificate())
	if got := newReporter(t, Options{URL: s.URL, CA: pool}).Report(t.Context(), nil, artifact); got.Unknown != "" {
		t.Errorf("got %+v", got)
	}
}

func TestOptions(t *testing.T) {
	for _, o := range []Options{
		{URL: "https://clair.example.com"},
		{URL: "http://127.0.0.1:6060"},
		{URL: "http://[::1]:6060"},
		{URL: "http://localhost:6060/clair"},
		{URL: "http://clair.example.com", PlainHTTP: true},
	} {
		if _, err := New(o); err != nil {
			t.Errorf("%s: %v", o.URL, err)
		}
	}
	for want, o := range map[string]Options{
		"url: it is not of the form":                      {URL: "clair.example.com"},
		"url: it is not of the form ":                     {URL: "ftp://clair.example.com"},
		"url: it is not of the":                           {},
		"url: it holds credentials":                       {URL: "https://a:b@clair.example.com"},
		"url: it has a query":                             {URL: "https://clair.example.com?x=1"},
		"url: clair.example.com is asked without TLS":     {URL: "http://clair.example.com"},
		"url: 127.0.0.1.example.com is asked without TLS": {URL: "http://127.0.0.1.example.com"},
		"issuer: key and issuer belong together":          {URL: "https://clair.example.com", Key: "eA=="},
		"key: it is not base64":                           {URL: "https://clair.example.com", Key: "%", Issuer: "x"},
	} {
		if _, err := New(o); err == nil || !strings.HasPrefix(err.Error(), want) || strings.Contains(err.Error(), "a:b") {
			t.Errorf("%s: got %v, want %s…", o.URL, err, want)
		}
	}
}

func TestLifetime(t *testing.T) {
	for value, want := range map[string]time.Duration{
		"": minLifetime, "max-age=21600": 6 * time.Hour, "max-age=60": time.Minute, "private, Max-Age=120": 2 * time.Minute, "max-age=99999999": 6 * time.Hour,
		"max-age=1": minLifetime, "max-age=-5": minLifetime, "max-age=99999999999999": minLifetime, "no-store, max-age=600": minLifetime,
	} {
		if got := lifetime(http.Header{"Cache-Control": {value}}); got != want {
			t.Errorf("%q: got %s, want %s", value, got, want)
		}
	}
}

// FuzzParse feeds anything in the place of a report.
func FuzzParse(f *testing.F) {
	text, err := os.ReadFile("testdata/report.json")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(text)
	f.Add([]byte("{}"))
	f.Fuzz(func(t *testing.T, text []byte) {
		r, err := parse(text, app)
		if err != nil {
			return
		}
		found, err := r.found()
		switch {
		case err != nil && found != nil:
			t.Error("an error comes with findings")
		case r.blind() == "" && len(r.Packages) == 0:
			t.Error("a report that sees nothing is taken")
		case !bytes.Contains(text, []byte("a1a1")) && !bytes.Contains(text, []byte(`\u`)):
			t.Error("a report about nothing is taken")
		}
	})
}

func TestShortName(t *testing.T) {
	for name, want := range map[string]string{
		"CVE-2026-1001": "CVE-2026-1001", "CVE-2026-1002 on Ubuntu 24.04 LTS (noble) - medium.": "CVE-2026-1002",
		"\nELSA-2026-0001:  kernel security update (IMPORTANT)\n": "ELSA-2026-0001", "": "", " ": "",
	} {
		if got := shortName(name); got != want {
			t.Errorf("%q: got %q, want %q", name, got, want)
		}
	}
}

func TestFixedIn(t *testing.T) {
	for text, want := range map[string]string{
		"": "", "1:3.0.13-1~deb12u1+b1": "1:3.0.13-1~deb12u1+b1", "fixed=1.5.0&introduced=1.0.0": "1.5.0", "fixed=2%21a": "2!a",
		"introduced=1.2.0": "", "introduced=1.0&lastAffected=1.4.0": "", "fixed=%": "fixed=%",
	} {
		if got := fixedIn(text); got != want {
			t.Errorf("%q: got %q, want %q", text, got, want)
		}
	}
}

// shelf is a source with one index.
type shelf struct {
	image.Source
	index []byte
}

func (s shelf) Manifest(context.Context, reference.Named, digest.Digest) (image.Manifest, error) {
	if s.index == nil {
		return image.Manifest{}, &image.UnavailableError{Host: "registry.example.com", Why: "does not answer"}
	}
	return image.Manifest{Bytes: s.index}, nil
}

// TestIndex asks for the manifest of the platform: Clair knows nothing of indexes.
func TestIndex(t *testing.T) {
	f := newFake(t, func(w http.ResponseWriter, r *http.Request) {
		if !strings.HasSuffix(r.URL.Path, "/"+app) {
			t.Errorf("asked for %s", r.URL.Path)
		}
		w.Write(reportText(t))
	})
	r := newReporter(t, f.options())
	s := shelf{index: fmt.Appendf(nil, `{"manifests": [{"digest": "sha256:%s", "platform": {"os": "linux", "architecture": "arm64"}},
		{"digest": %q, "platform": {"os": "linux", "architecture": "amd64"}}]}`, strings.Repeat("b2", 32), app)}
	index := ocispec.Descriptor{MediaType: ocispec.MediaTypeImageIndex, Digest: digest.FromBytes(s.index)}
	subject := &image.Subject{ID: index.Digest, Platform: ocispec.Platform{OS: "linux", Architecture: "amd64"}}
	if got := r.Report(t.Context(), s, image.Artifact{Descriptor: index, Subject: subject}); len(got.Found) != 4 {
		t.Errorf("got %+v", got)
	}
	subject.Platform.Architecture = "riscv64"
	if got := r.Report(t.Context(), s, image.Artifact{Descriptor: index, Subject: subject}); !strings.Contains(got.Unknown, "which of the manifests") {
		t.Errorf("got %+v", got)
	}
	if got := r.Report(t.Context(), shelf{}, image.Artifact{Descriptor: index, Subject: subject}); !strings.Contains(got.Unknown, "does not answer") {
		t.Errorf("got %+v", got)
	}
	if n := f.asked.Load(); n != 1 {
		t.Errorf("asked %d times", n)
	}
}
