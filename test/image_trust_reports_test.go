package test

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v4"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"caisson/authz/image/imagetest"
	"caisson/test/engine"
)

// TestImageTrustCosign has a key vouch for images, as cosign signs them.
func TestImageTrustCosign(t *testing.T) {
	onEach(t, func(t *testing.T, version engine.Version) {
		x := newTrust(t, version)
		key, other := imagetest.Key(t, "p256"), imagetest.Key(t, "p256")
		file := filepath.Join(x.folder, "release.pub")
		write(t, file, string(imagetest.PublicPEM(t, key)))
		imagetest.CosignSign(t, x.repository(t, "team/app"), key, x.name("team/app", ""), x.push(t, "team/app", "1"))
		bundled := x.push(t, "team/bundle", "1")
		imagetest.CosignBundle(t, x.repository(t, "team/bundle"), key, bundled, imagetest.Statement(bundled, ""))
		imagetest.CosignSign(t, x.repository(t, "team/stranger"), other, x.name("team/stranger", ""), x.push(t, "team/stranger", "1"))
		x.pushSigned(t, "team/notation", "1") // signed, but not so
		x.enforce(t, trustPolicy{verifier: fmt.Sprintf("verifier = \"cosign-key\"\nkeys = [%q]", file)})

		x.runs(t, x.name("team/app", ":1"))
		x.runs(t, x.name("team/bundle", ":1"))
		x.refuses(t, "untrusted-signer", x.name("team/stranger", ":1"))
		x.refuses(t, "unsigned", x.name("team/notation", ":1"))
		x.down(t)
		if err := x.Caisson.Restart(); err != nil {
			t.Fatal(err)
		}
		x.runs(t, x.name("team/app", ":1"))
		x.runs(t, x.name("team/bundle", ":1"))
	})
}

// TestImageTrustAge bounds how old an image may be by when it was signed.
func TestImageTrustAge(t *testing.T) {
	onEach(t, func(t *testing.T, version engine.Version) {
		x := newTrust(t, version)
		long := x.pki.Issue(t, imagetest.PKIOptions{NotBefore: time.Now().AddDate(-1, 0, 0)})
		for name, signed := range map[string]time.Time{"old": time.Now().AddDate(0, 0, -200), "new": time.Now().AddDate(0, 0, -20)} {
			imagetest.Sign(t, x.repository(t, "team/"+name), x.push(t, "team/"+name, "1"), imagetest.SignOptions{PKI: long, SigningTime: signed})
		}
		x.enforce(t, trustPolicy{rules: "[rules.image-age]\nmax = \"180d\""})

		x.runs(t, x.name("team/new", ":1"))
		x.refusedBy(t, "image-age", "which is more than", x.name("team/old", ":1"))
		setPolicy(t, x.Caisson, x.policy(trustPolicy{rules: "[rules.image-age]\nmax = \"365d\""}))
		x.runs(t, x.name("team/old", ":1"))
	})
}

// refusedBy starts a container, which a rule refuses in some words.
func (x *trust) refusedBy(t *testing.T, rule, words, image string) {
	t.Helper()
	before := len(x.ids(t))
	r := x.Docker("run", "--rm", "--network", "none", image, "echo", "it runs")
	if r.Code == 0 || !strings.Contains(r.Stderr, "["+rule+"]") || !strings.Contains(r.Stderr, words) || len(x.ids(t)) != before {
		t.Errorf("%s is not refused by %s (%s): %+v", image, rule, words, r)
	}
}

// scanned attaches a report of Trivy to an image and describes its manifest.
func (x *trust) scanned(t *testing.T, repository string, d ocispec.Descriptor, severities ...string) ocispec.Descriptor {
	t.Helper()
	var found []map[string]string
	for i, severity := range severities {
		found = append(found, map[string]string{
			"VulnerabilityID": fmt.Sprintf("CVE-2026-%d", 1000+i), "PkgName": "busybox", "InstalledVersion": "1.35", "Severity": severity,
		})
	}
	report := marshal(t, map[string]any{
		"SchemaVersion": 2, "CreatedAt": time.Now(), "ArtifactName": repository, "Results": []any{map[string]any{"Vulnerabilities": found}},
	})
	repo := x.repository(t, repository)
	return imagetest.Attach(t, repo, d, "application/json", true, repo.PutBlob(t, "application/json", report))
}

// TestImageTrustReports reads what scanners found from reports that hang on images, of which only signed ones count.
func TestImageTrustReports(t *testing.T) {
	onEach(t, func(t *testing.T, version engine.Version) {
		x := newTrust(t, version)
		for _, tt := range []struct {
			name       string
			severities []string
			signer     *imagetest.PKI // of the report; nil: nobody
		}{
			{"clean", nil, x.pki},
			{"low", []string{"LOW", "HIGH"}, x.pki},
			{"critical", []string{"LOW", "CRITICAL"}, x.pki},
			{"unsigned", nil, nil},
			{"stranger", nil, x.stranger(t)},
			{"hidden", []string{"CRITICAL"}, x.pki},
		} {
			repository := "team/" + tt.name
			d := x.pushSigned(t, repository, "1")
			report := x.scanned(t, repository, d, tt.severities...)
			if tt.signer != nil {
				imagetest.Sign(t, x.repository(t, repository), report, imagetest.SignOptions{PKI: tt.signer})
			}
			if tt.name == "hidden" {
				x.scanned(t, repository, d) // a newer one, which nobody signed
			}
		}
		x.pushSigned(t, "team/none", "1")
		x.enforce(t, trustPolicy{
			rules:  "[rules.image-vulnerabilities]",
			tables: "[[image_trust.reports]]\nsource = \"attached\"\nstatement = \"release\"",
		})

		x.runs(t, x.name("team/clean", ":1"))
		x.runs(t, x.name("team/low", ":1"))
		x.refusedBy(t, "image-vulnerabilities", "CVE-2026-1001", x.name("team/critical", ":1"))
		x.refusedBy(t, "image-vulnerabilities", "does not count (unsigned)", x.name("team/unsigned", ":1"))
		x.refusedBy(t, "image-vulnerabilities", "does not count (untrusted-signer)", x.name("team/stranger", ":1"))
		x.refusedBy(t, "image-vulnerabilities", "CVE-2026-1000", x.name("team/hidden", ":1"))
		x.refusedBy(t, "image-vulnerabilities", "no signed scan report", x.name("team/none", ":1"))
	})
}

// clairKey is the key that Clair shares with those who may ask.
var clairKey = []byte("a key of thirty-two bytes or so!")

// A fakeClair answers as Clair v4 does, to those who have the key.
type fakeClair struct {
	mu      sync.Mutex
	reports map[string]string // by digest: the severity of the one thing found, or "" for none
	refused int
}

func (c *fakeClair) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	c.mu.Lock()
	defer c.mu.Unlock()
	var claims jwt.RegisteredClaims
	token := strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")
	if _, err := jwt.ParseWithClaims(token, &claims, func(*jwt.Token) (any, error) { return clairKey, nil }); err != nil || claims.Issuer != "caisson" {
		c.refused++
		w.WriteHeader(http.StatusUnauthorized)
		return
	}
	hash, ok := strings.CutPrefix(r.URL.Path, "/matcher/api/v1/vulnerability_report/")
	severity, known := c.reports[hash]
	if !ok || !known {
		w.WriteHeader(http.StatusNotFound)
		return
	}
	report := map[string]any{
		"manifest_hash": hash, "packages": map[string]any{"1": map[string]string{"name": "busybox", "version": "1.35"}},
		"vulnerabilities": map[string]any{}, "package_vulnerabilities": map[string]any{},
	}
	if severity != "" {
		report["vulnerabilities"] = map[string]any{"7": map[string]string{"name": "CVE-2026-7", "normalized_severity": severity}}
		report["package_vulnerabilities"] = map[string]any{"1": []string{"7"}}
	}
	_ = json.NewEncoder(w).Encode(report)
}

func (c *fakeClair) refusals() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.refused
}

// TestImageTrustClair asks Clair what is in images. What it does not know is not taken for clean.
func TestImageTrustClair(t *testing.T) {
	onEach(t, func(t *testing.T, version engine.Version) {
		x := newTrust(t, version)
		clair := &fakeClair{reports: map[string]string{
			x.pushSigned(t, "team/clean", "1").Digest.String():    "",
			x.pushSigned(t, "team/medium", "1").Digest.String():   "Medium",
			x.pushSigned(t, "team/critical", "1").Digest.String(): "Critical",
		}}
		x.pushSigned(t, "team/unknown", "1")
		clair.reports[x.pushSigned(t, "team/late", "1").Digest.String()] = ""
		server := httptest.NewServer(clair)
		defer server.Close()
		policy := func(key []byte) trustPolicy {
			file := filepath.Join(x.folder, "psk")
			write(t, file, base64.StdEncoding.EncodeToString(key))
			return trustPolicy{
				rules:  "[rules.image-vulnerabilities]",
				tables: fmt.Sprintf("[[image_trust.reports]]\nsource = \"clair\"\nurl = %q\npsk_file = %q\nissuer = \"caisson\"", server.URL, file),
			}
		}
		x.enforce(t, policy(clairKey))
		x.runs(t, x.name("team/clean", ":1"))
		x.runs(t, x.name("team/medium", ":1"))
		x.refusedBy(t, "image-vulnerabilities", "CVE-2026-7", x.name("team/critical", ":1"))
		x.refusedBy(t, "image-vulnerabilities", "has not indexed", x.name("team/unknown", ":1"))
		if n := clair.refusals(); n != 0 {
			t.Errorf("Clair has refused %d questions", n)
		}

		x.enforce(t, policy([]byte("another key")))
		x.refusedBy(t, "image-vulnerabilities", "refuses the credentials", x.name("team/clean", ":1"))
		x.enforce(t, policy(clairKey))
		server.Close()
		x.runs(t, x.name("team/clean", ":1")) // what was said a moment ago
		x.refusedBy(t, "image-vulnerabilities", "cannot be asked", x.name("team/late", ":1"))
	})
}
