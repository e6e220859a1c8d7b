package test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"caisson/authz/image/imagetest"
	"caisson/test/engine"
)

// TestImageTrustReload replaces the authority's certificate while Caisson runs, and breaks it.
func TestImageTrustReload(t *testing.T) {
	onEach(t, func(t *testing.T, version engine.Version) {
		x := newTrust(t, version)
		next := imagetest.NewPKI(t, imagetest.PKIOptions{})
		x.pushSigned(t, "team/old", "1")
		imagetest.Sign(t, x.repository(t, "team/new"), x.push(t, "team/new", "1"), imagetest.SignOptions{PKI: next})
		x.enforce(t, trustPolicy{})
		before, after := x.name("team/old", ":1"), x.name("team/new", ":1")
		x.runs(t, before)
		x.refuses(t, "untrusted-signer", after)

		x.trusts(t, "release.pem", next) // it notices by itself
		if !engine.Eventually(func() bool { return x.Docker("create", "--network", "none", after).Code == 0 }) {
			t.Fatalf("the new authority does not count:\n%s", x.Caisson.Log())
		}
		x.refuses(t, "untrusted-signer", before)

		failures := strings.Count(x.Caisson.Log(), "policy not loaded")
		file := filepath.Join(x.ca, "release.pem")
		write(t, file, "-----BEGIN CERTIFICATE-----\nbroken\n")
		if err := x.Caisson.Reload(); err != nil {
			t.Fatal(err)
		}
		if !engine.Eventually(func() bool { return strings.Count(x.Caisson.Log(), "policy not loaded") > failures }) {
			t.Errorf("the log says nothing:\n%s", x.Caisson.Log())
		}
		if log := x.Caisson.Log(); !strings.Contains(log[strings.LastIndex(log, "policy not loaded"):], file) {
			t.Errorf("the log does not name the file:\n%s", log)
		}
		x.runs(t, after)
		x.refuses(t, "untrusted-signer", before)

		if err := os.Remove(file); err != nil {
			t.Fatal(err)
		}
		x.trusts(t, "both.pem", x.pki)
		if !engine.Eventually(func() bool { return x.Docker("create", "--network", "none", before).Code == 0 }) {
			t.Errorf("the authority of old does not count again:\n%s", x.Caisson.Log())
		}
		x.refuses(t, "untrusted-signer", after)
	})
}
