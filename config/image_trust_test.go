package config

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/pem"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/distribution/reference"
	"github.com/google/go-cmp/cmp"

	"caisson/authz/image/imagetest"
)

// trustFolder holds what policies of these tests name.
func trustFolder(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string][]byte{
		"ca.pem": rootPEM(t), "roots/a.pem": rootPEM(t), "roots/b.pem": rootPEM(t), "cosign.pub": imagetest.PublicPEM(t, key),
		"psk": []byte("c2VjcmV0"), "login.json": []byte(`{"auths":{}}`), "broken.pem": []byte("no certificate"),
	} {
		writeFile(t, filepath.Join(dir, name), text)
	}
	return dir
}

func rootPEM(t *testing.T) []byte {
	t.Helper()
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: imagetest.NewPKI(t, imagetest.PKIOptions{}).Root.Raw})
}

func writeFile(t *testing.T, path string, text []byte) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, text, 0o600); err != nil {
		t.Fatal(err)
	}
}

const fullTrust = `
version = 1
[image_trust]
deadline = "5s"
verdict_lifetime = "1h"
allow_digests = ["sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef", "docker.io/library/busybox:1@sha256:1123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"]
deny_digests = ["sha256:2123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"]
[[image_trust.registries]]
host = "registry.example.com"
ca = ["ca.pem"]
credentials = "login.json"
[[image_trust.registries]]
host = "localhost:5000"
plain_http = true
[[image_trust.statements]]
name = "team"
repositories = ["registry.example.com/team", "localhost:5000"]
certificates = ["roots"]
identities = ["x509.subject: C=DE, ST=Berlin, O=Caisson"]
revocation = "require"
[[image_trust.statements]]
name = "keys"
verifier = "cosign-key"
repositories = ["registry.example.com/team/keys"]
keys = ["cosign.pub"]
[[image_trust.statements]]
name = "hub"
verifier = "engine-identity"
repositories = ["docker.io/example"]
signers = [{ issuer = "https://token.actions.githubusercontent.com", subject = "https://github.com/example/app/**" }]
[[image_trust.statements]]
name = "scanner"
certificates = ["ca.pem"]
identities = ["x509.subject: C=DE, ST=Berlin, O=Scanner"]
[[image_trust.reports]]
source = "clair"
url = "https://clair.example.com"
psk_file = "psk"
issuer = "caisson"
[[image_trust.reports]]
source = "attached"
statement = "scanner"
openvex = true
`

func TestImageTrust(t *testing.T) {
	dir := trustFolder(t)
	file := filepath.Join(dir, "policy.toml")
	f, err := Read(file, []byte(fullTrust), noon)
	if err != nil {
		t.Fatal(err)
	}
	p := f.Policy.Images
	if p.Deadline != 5*time.Second || p.Lifetime != time.Hour || len(p.Allow) != 2 || len(p.Deny) != 1 || len(p.Statements) != 3 || len(p.Reporters) != 2 {
		t.Errorf("%+v", p)
	}
	for name, want := range map[string]string{
		"registry.example.com/team/app": "team", "registry.example.com/team/keys/app": "keys", "localhost:5000/anything": "team",
		"registry.example.com/teams": "", "docker.io/example/app": "hub", "docker.io/library/app": "",
	} {
		named, err := reference.ParseNormalizedNamed(name)
		if err != nil {
			t.Fatal(err)
		}
		got := ""
		if s := p.Statement(named); s != nil {
			got = s.Name
		}
		if got != want {
			t.Errorf("%s: statement %q, want %q", name, got, want)
		}
	}
	for host, want := range map[string]bool{"registry.example.com": true, "localhost:5000": true, "localhost": false, "docker.io": false} {
		if p.Registries.Listed(host) != want {
			t.Errorf("%s: listed %v", host, !want)
		}
	}
	// What is shown means the same.
	again, err := Read(file, Show(f), noon)
	if err != nil {
		t.Fatalf("%v\n%s", err, Show(f))
	}
	if again.Policy.Hash != f.Policy.Hash {
		t.Errorf("shown and read again:\n%s", cmp.Diff(string(Show(f)), string(Show(again))))
	}
	// Another certificate is another policy.
	writeFile(t, filepath.Join(dir, "roots/c.pem"), rootPEM(t))
	if changed, err := Read(file, []byte(fullTrust), noon); err != nil || changed.Policy.Hash == f.Policy.Hash || changed.Policy.Images.Generation == p.Generation {
		t.Errorf("with a further root the policy has the same hash, or %v", err)
	}
}

// TestImageTrustMistakes changes one thing in a good policy.
func TestImageTrustMistakes(t *testing.T) {
	dir := trustFolder(t)
	for _, tt := range []struct{ old, changed, want string }{
		{`deadline = "5s"`, `deadline = "50s"`, "image_trust.deadline: 50s is not between 1s and 25s"},
		{`deadline = "5s"`, `dead_line = "5s"`, `image_trust.dead_line: unknown key; did you mean "deadline"?`},
		{`"sha256:2123`, `"sha256:x123`, "image_trust.deny_digests[0]: "},
		{`host = "registry.example.com"`, `hosts = "registry.example.com"`, `image_trust.registries[0].hosts: unknown key; did you mean "host"?`},
		{`host = "localhost:5000"`, `host = "registry.example.com"`, "listed twice"},
		{`ca = ["ca.pem"]`, `ca = ["broken.pem"]`, "image_trust.registries[0].ca: "},
		{`ca = ["ca.pem"]`, `ca = ["absent.pem"]`, "absent.pem: no such file or directory"},
		{`credentials = "login.json"`, `credentials = "absent.json"`, "absent.json"},
		{`name = "keys"`, `name = "team"`, `image_trust.statements[1].name: "team" is the name of another statement`},
		{`"registry.example.com/team/keys"`, `"registry.example.com/team"`, `"registry.example.com/team" stands in the statement "team" as well`},
		{`"registry.example.com/team/keys"`, `"registry.example.com/team/**"`, `is a pattern; write the beginning of the repositories`},
		{`"registry.example.com/team/keys"`, `"team/keys"`, `does not begin with a registry`},
		{`"registry.example.com/team/keys"`, `"other.example.com/keys"`, `no [[image_trust.registries]] has the host "other.example.com"`},
		{`verifier = "cosign-key"`, `verifier = "cosign"`, `"cosign" is not one of cosign-key, engine-identity, notation`},
		{`keys = ["cosign.pub"]`, `keys = ["ca.pem"]`, "image_trust.statements[1].keys: "},
		{`keys = ["cosign.pub"]`, "keys = [\"cosign.pub\"]\nlevel = \"strict\"", "is for the verifier notation; this statement has cosign-key"},
		{`keys = ["cosign.pub"]`, ``, "keys is missing"},
		{`revocation = "require"`, `revocation = "never"`, `"never" is not one of last-known, require, ignore`},
		{`revocation = "require"`, `level = "audit"`, `level "audit" lets images pass that nobody vouches for`},
		{`revocation = "require"`, `level = "skip"`, `level "skip" lets images pass that nobody vouches for`},
		{`certificates = ["roots"]`, ``, "certificates is missing"},
		{`certificates = ["roots"]`, `certificates = ["cosign.pub"]`, "only certificates are wanted"},
		{`identities = ["x509.subject: C=DE, ST=Berlin, O=Caisson"]`, ``, "identities is missing"},
		{`signers = [{ issuer`, `signers = [{ issue`, "unknown key"},
		{`subject = "https://github.com/example/app/**"`, `subject = "**"`, "matches strangers"},
		{`source = "attached"`, `source = "files"`, `image_trust.reports[1].source: "files" is not one of clair, attached`},
		{`statement = "scanner"`, `statement = "scaner"`, `unknown statement "scaner"; did you mean "scanner"?`},
		{`psk_file = "psk"`, `psk_file = "absent"`, "absent: no such file"},
		{`url = "https://clair.example.com"`, `url = "http://clair.example.com"`, "is asked without TLS"},
	} {
		text := strings.Replace(fullTrust, tt.old, tt.changed, 1)
		if text == fullTrust {
			t.Fatalf("%q is not in the policy", tt.old)
		}
		_, err := Read(filepath.Join(dir, "policy.toml"), []byte(text), noon)
		if err == nil || !strings.Contains(err.Error(), tt.want) || !strings.Contains(err.Error(), "policy.toml:") {
			t.Errorf("%s: %v, want %q", tt.changed, err, tt.want)
		}
	}
}

// TestTrustIsFollowed reloads when a certificate changes, though the policy file stays as it is, and keeps the last good policy over a broken one.
func TestTrustIsFollowed(t *testing.T) {
	dir := trustFolder(t)
	file := filepath.Join(dir, "policy.toml")
	writeFile(t, file, []byte(fullTrust))
	s, err := Open(StoreOptions{Path: file})
	if err != nil {
		t.Fatal(err)
	}
	look := func() string {
		for s.reloadIfChanged() { // settles
		}
		return s.Policy().Hash
	}
	first := look()
	if again := look(); again != first || s.Stats().Reloads != 1 {
		t.Errorf("reloaded without a change: %+v", s.Stats())
	}
	writeFile(t, filepath.Join(dir, "ca.pem"), rootPEM(t))
	second := look()
	if second == first {
		t.Error("a new certificate is not in force")
	}
	writeFile(t, filepath.Join(dir, "ca.pem"), []byte("half a fi"))
	if third := look(); third != second || !s.Stats().Failed {
		t.Errorf("a broken certificate: %+v", s.Stats())
	}
	writeFile(t, filepath.Join(dir, "ca.pem"), rootPEM(t))
	if fourth := look(); fourth == second || s.Stats().Failed {
		t.Errorf("mended: %+v", s.Stats())
	}
}
