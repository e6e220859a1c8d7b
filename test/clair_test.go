package test

import (
	"encoding/base64"
	"encoding/json"
	"flag"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v4"
	"github.com/google/go-cmp/cmp"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"caisson/authz/image"
	"caisson/authz/image/clair"
	"caisson/authz/image/imagetest"
	"caisson/test/engine"
)

// recordClair is where Clair's answers are kept, for the tests of authz/image/clair.
var recordClair = flag.String("record-clair", "", "write what Clair answers to files in this `folder`")

// record keeps an answer for the tests of authz/image/clair.
func record(tb testing.TB, name string, answer reply) {
	tb.Helper()
	if *recordClair == "" {
		return
	}
	if err := os.WriteFile(filepath.Join(*recordClair, name+".http"), answer.raw, 0o644); err != nil {
		tb.Fatal(err)
	}
}

// reporter is Caisson's reader of Clair's reports.
func (s scanner) reporter(tb testing.TB, change func(*clair.Options)) *clair.Reporter {
	tb.Helper()
	o := clair.Options{URL: s.URL, Key: base64.StdEncoding.EncodeToString(clairKey), Issuer: clairIssuer, Timeout: time.Minute}
	if change != nil {
		change(&o)
	}
	r, err := clair.New(o)
	if err != nil {
		tb.Fatal(err)
	}
	return r
}

// TestClairReports has a real Clair look at images, and Caisson read what it says.
func TestClairReports(t *testing.T) {
	t.Parallel()
	s := startScanner(t)
	f := newFront(t, startHub(t))
	repo := f.repository(t, "team/app")
	files := map[string]map[string]string{
		"alpine": alpine(apk("libcrypto3", "3.1.4-r5", "openssl"), apk("libssl3", "3.1.4-r5", "openssl"),
			apk("musl", "1.2.4_git20230717-r4", "musl"), apk("busybox", "1.36.1-r15", "busybox")),
		"debian": {
			"etc/os-release":                       debianRelease,
			"var/lib/dpkg/info/libssl3:amd64.list": "/.\n",
			"var/lib/dpkg/status": "Package: libssl3\nStatus: install ok installed\nArchitecture: amd64\nSource: openssl\nVersion: 3.0.11-1~deb12u2\n\n" +
				"Package: openssl\nStatus: install ok installed\nArchitecture: amd64\nVersion: 3.0.11-1~deb12u2\n\n",
		},
		"python": {"usr/lib/python3.11/site-packages/orders-1.4.0.dist-info/METADATA": "Metadata-Version: 2.1\nName: orders\nVersion: 1.4.0\n"},
		"clean":  alpine(apk("alpine-baselayout", "3.4.3-r2", "alpine-baselayout")),
		"empty":  {"app": "a program"},
		"foreign": {
			"etc/os-release":       "ID=wolfi\nNAME=\"Wolfi\"\nPRETTY_NAME=\"Wolfi\"\nVERSION_ID=\"20230201\"\n",
			"lib/apk/db/installed": apk("libssl3", "3.1.4-r5", "openssl"),
			"usr/lib/python3.11/site-packages/orders-1.4.0.dist-info/METADATA": "Metadata-Version: 2.1\nName: orders\nVersion: 1.4.0\n",
		},
	}
	images := map[string]ocispec.Descriptor{}
	for name, content := range files {
		images[name] = imagetest.Image(t, repo, archive(t, content))
	}
	ask := func(name string) image.Report {
		answer := s.report(t, images[name].Digest, token(t, clairKey, claims()))
		record(t, name, answer)
		got := s.reporter(t, nil).Report(t.Context(), nil, image.Artifact{Descriptor: images[name]})
		got.Unknown, got.Source = strings.Replace(got.Unknown, s.URL, "…", 1), strings.Replace(got.Source, s.URL, "…", 1)
		return got
	}
	expect := func(name string, want image.Report) {
		t.Helper()
		if diff := cmp.Diff(want, ask(name)); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}

	images["no-data"] = images["clean"]
	expect("no-data", image.Report{Unknown: "Clair at … has no data about vulnerabilities yet"})
	s.learn(t)
	images["absent"] = images["clean"]
	expect("absent", image.Report{Unknown: "Clair at … has not indexed " + images["clean"].Digest.String() + "; submit it from the registry or the build"})
	for name := range files {
		s.index(t, f, "team/app", images[name].Digest)
	}
	python := []image.Vulnerability{
		{ID: "GHSA-aaaa-bbbb-cccc", Package: "orders 1.4.0", Severity: image.SeverityHigh, FixedIn: "1.5.0"},
		{ID: "GHSA-dddd-eeee-ffff", Package: "orders 1.4.0", Severity: image.SeverityLow},
		{ID: "GHSA-gggg-hhhh-iiii", Package: "orders 1.4.0", Severity: image.SeverityLow},
	}
	const source = "Clair at …"
	expect("alpine", image.Report{Source: source, Found: []image.Vulnerability{
		{ID: "CVE-2026-1004", Package: "musl 1.2.4_git20230717-r4"},
		{ID: "CVE-2026-1001", Package: "libcrypto3 3.1.4-r5", Severity: image.SeverityCritical, FixedIn: "3.1.4-r6"},
		{ID: "CVE-2026-1001", Package: "libssl3 3.1.4-r5", Severity: image.SeverityCritical, FixedIn: "3.1.4-r6"},
		{ID: "CVE-2026-1003", Package: "busybox 1.36.1-r15", Severity: image.SeverityMedium},
	}})
	expect("debian", image.Report{Source: source, Found: []image.Vulnerability{
		{ID: "CVE-2026-1001", Package: "libssl3 3.0.11-1~deb12u2", Severity: image.SeverityHigh, FixedIn: "3.0.13-1~deb12u1"},
		{ID: "CVE-2026-1001", Package: "openssl 3.0.11-1~deb12u2", Severity: image.SeverityHigh, FixedIn: "3.0.13-1~deb12u1"},
		{ID: "CVE-2026-1007", Package: "libssl3 3.0.11-1~deb12u2", Severity: image.SeverityNegligible},
		{ID: "CVE-2026-1007", Package: "openssl 3.0.11-1~deb12u2", Severity: image.SeverityNegligible},
	}})
	expect("python", image.Report{Source: source, Found: python})
	expect("clean", image.Report{Source: source, Found: []image.Vulnerability{}})
	// Clair has no more to say about these than about the clean one.
	expect("empty", image.Report{Source: source, Unknown: "Clair at … sees no packages in it", Found: []image.Vulnerability{}})
	expect("foreign", image.Report{
		Source: source, Unknown: "Clair at … does not know the distribution that \"libssl3 3.1.4-r5\" is of (1 of 2 packages)", Found: python,
	})

	index := imagetest.Index(t, repo, images["clean"])
	if answer := s.report(t, index.Digest, token(t, clairKey, claims())); answer.code != http.StatusNotFound {
		t.Errorf("Clair knows an index: %d", answer.code)
	}
	s.checkTokens(t, images["clean"])
}

// learn teaches Clair what the images of TestClairReports have, and what they do not have.
func (s scanner) learn(tb testing.TB) {
	tb.Helper()
	for updater, list := range map[string][]engine.Vulnerability{
		"alpine-main-v3.19-updater": {
			lesson("CVE-2026-1001", "Critical", "openssl", "3.1.4-r6"),
			lesson("CVE-2026-1002", "Critical", "openssl", "3.1.4-r1"), // fixed
			lesson("CVE-2026-1003", "Medium", "busybox", ""),
			lesson("CVE-2026-1004", "Unknown", "musl", ""),
			lesson("CVE-2026-1005", "Critical", "zlib", ""),  // not installed
			lesson("CVE-2026-1006", "Critical", "musl", "0"), // never there
		},
		"debian/updater": {
			lessonOfDebian("CVE-2026-1001", "High", "openssl", "3.0.13-1~deb12u1"),
			lessonOfDebian("CVE-2026-1007", "Negligible", "openssl", ""),
		},
		"osv/pypi": {
			lessonOfPython("GHSA-aaaa-bbbb-cccc", "High", "fixed=1.5.0&introduced=1.0.0"),
			lessonOfPython("GHSA-dddd-eeee-ffff", "Low", "introduced=1.2.0"),
			lessonOfPython("GHSA-gggg-hhhh-iiii", "Low", "lastAffected=1.4.0"),
			lessonOfPython("GHSA-jjjj-kkkk-llll", "Low", "fixed=1.3.0"), // fixed
		},
	} {
		if err := s.Learn(tb.Context(), updater, list); err != nil {
			tb.Fatal(err)
		}
	}
	if err := s.Learn(tb.Context(), "clair.cvss", nil, engine.Enrichment{
		Tags:       []string{"CVE-2026-1001"},
		Enrichment: json.RawMessage(`{"version":"3.1","vectorString":"CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H","baseScore":9.8,"baseSeverity":"CRITICAL"}`),
	}); err != nil {
		tb.Fatal(err)
	}
}

// checkTokens asks with tokens of all kinds, and has Caisson ask with the wrong ones.
func (s scanner) checkTokens(t *testing.T, d ocispec.Descriptor) {
	t.Helper()
	at := func(seconds int) int64 { return time.Now().Add(time.Duration(seconds) * time.Second).Unix() }
	for name, tt := range map[string]struct {
		change func(jwt.MapClaims)
		want   int
	}{
		"good":          {func(jwt.MapClaims) {}, http.StatusOK},
		"other issuer":  {func(c jwt.MapClaims) { c["iss"] = "other" }, http.StatusUnauthorized},
		"no issuer":     {func(c jwt.MapClaims) { delete(c, "iss") }, http.StatusUnauthorized},
		"expired":       {func(c jwt.MapClaims) { c["exp"] = at(-60) }, http.StatusUnauthorized},
		"not yet":       {func(c jwt.MapClaims) { c["nbf"] = at(60) }, http.StatusUnauthorized},
		"of the future": {func(c jwt.MapClaims) { c["iat"] = at(60) }, http.StatusUnauthorized},
	} {
		c := claims()
		tt.change(c)
		if answer := s.report(t, d.Digest, token(t, clairKey, c)); answer.code != tt.want {
			t.Errorf("a token, %s: Clair answers %d, want %d", name, answer.code, tt.want)
		}
	}
	answer := s.report(t, d.Digest, "")
	record(t, "no-token", answer)
	if answer.code != http.StatusUnauthorized {
		t.Errorf("no token: Clair answers %d", answer.code)
	}
	for name, change := range map[string]func(*clair.Options){
		"key":    func(o *clair.Options) { o.Key = base64.StdEncoding.EncodeToString([]byte("another")) },
		"issuer": func(o *clair.Options) { o.Issuer = "other" },
		"none":   func(o *clair.Options) { o.Key, o.Issuer = "", "" },
		"clock":  func(o *clair.Options) { o.Now = func() time.Time { return time.Now().Add(time.Hour) } },
	} {
		got := s.reporter(t, change).Report(t.Context(), nil, image.Artifact{Descriptor: d})
		if !strings.Contains(got.Unknown, "refuses the credentials (401)") {
			t.Errorf("with a wrong %s: %+v", name, got)
		}
	}
	// Clair forgives a clock that is a little wrong, and Caisson asks so that it may be some more.
	slow := s.reporter(t, func(o *clair.Options) { o.Now = func() time.Time { return time.Now().Add(-time.Minute) } })
	fast := s.reporter(t, func(o *clair.Options) { o.Now = func() time.Time { return time.Now().Add(30 * time.Second) } })
	for _, r := range []*clair.Reporter{slow, fast} {
		if got := r.Report(t.Context(), nil, image.Artifact{Descriptor: d}); got.Unknown != "" {
			t.Errorf("a clock that is a little wrong: %+v", got)
		}
	}
}
