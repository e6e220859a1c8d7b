package test

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

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
