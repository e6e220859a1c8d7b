package test

import (
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"caisson/authz/image/imagetest"
	"caisson/test/engine"
)

// notationOf runs the real notation with the key of a signer, which has to work.
func (x *trust) notationOf(t *testing.T, pki *imagetest.PKI, args ...string) {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "notation")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	key, err := x509.MarshalPKCS8PrivateKey(pki.Leaf.Key)
	if err != nil {
		t.Fatal(err)
	}
	var chain strings.Builder
	for _, c := range []*imagetest.Cert{pki.Leaf, pki.Intermediate, pki.Root} {
		chain.Write(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.Raw}))
	}
	write(t, filepath.Join(dir, "key.pem"), string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: key})))
	write(t, filepath.Join(dir, "chain.pem"), chain.String())
	write(t, filepath.Join(dir, "signingkeys.json"), string(marshal(t, map[string]any{"default": "key", "keys": []any{
		map[string]string{"name": "key", "keyPath": filepath.Join(dir, "key.pem"), "certPath": filepath.Join(dir, "chain.pem")},
	}})))
	cmd := exec.Command(engine.Notation(t), args...)
	cmd.Env = append(os.Environ(), "XDG_CONFIG_HOME="+filepath.Dir(dir), "NOTATION_EXPERIMENTAL=1")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("notation %q: %v: %s", args, err, out)
	}
}

// TestImageTrustNotation signs with the command that people use, in both of its envelopes.
func TestImageTrustNotation(t *testing.T) {
	onEach(t, func(t *testing.T, version engine.Version) {
		x := newTrust(t, version)
		signers := map[string]*imagetest.PKI{"jws": x.pki, "cose": x.pki, "stranger": x.stranger(t)}
		for name, pki := range signers {
			d := x.push(t, "team/"+name, "1")
			format := strings.Replace(name, "stranger", "jws", 1)
			x.notationOf(t, pki, "sign", "--insecure-registry", "--signature-format", format, "--expiry", "24h", "--user-metadata", "build=17", x.name("team/"+name, "@"+d.Digest.String()))
		}
		x.enforce(t, trustPolicy{})

		x.runs(t, x.name("team/jws", ":1"))
		x.runs(t, x.name("team/cose", ":1"))
		x.refuses(t, "untrusted-signer", x.name("team/stranger", ":1"))
	})
}

// TestImageTrustSaved signs an image of this host that no registry has, as docker save writes it, under a name that no statement is about.
func TestImageTrustSaved(t *testing.T) {
	x := newTrust(t, engine.Newest) // older ones write no OCI layout
	for name, pki := range map[string]*imagetest.PKI{"built/here:1": x.pki, "built/stranger:1": x.stranger(t)} {
		x.variant(t, name)
		folder, file := t.TempDir(), filepath.Join(t.TempDir(), "image.tar")
		x.command(t, "save", "--output", file, name)
		if out, err := exec.Command("tar", "--extract", "--file", file, "--directory", folder).CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		var index ocispec.Index
		if err := json.Unmarshal(read(t, filepath.Join(folder, "index.json")), &index); err != nil {
			t.Fatal(err)
		}
		x.notationOf(t, pki, "sign", "--oci-layout", folder+"@"+index.Manifests[0].Digest.String())
		x.evidence(t, "add", folder)
	}
	x.variant(t, "built/unsigned:1")
	x.enforce(t, trustPolicy{})

	x.runs(t, "built/here:1")
	x.refuses(t, "untrusted-signer", "built/stranger:1")
	x.refuses(t, "no-statement", "built/unsigned:1")
}
