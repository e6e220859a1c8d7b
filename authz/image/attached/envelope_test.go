package attached

import (
	"crypto/ed25519"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"caisson/authz/image"
)

// testKey is a pair of keys, and with its public one a set of keys that count.
type testKey struct{ ed25519.PrivateKey }

func newTestKey(t *testing.T) testKey {
	t.Helper()
	_, private, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	return testKey{private}
}

func (k testKey) Signed(message, signature []byte) (string, bool) {
	return "scanner", ed25519.Verify(k.Public().(ed25519.PublicKey), message, signature)
}

// seal puts a scan record about an image into an envelope. The message is put together anew here, from the protocol's text.
func (k testKey) seal(about digest.Digest, id, day string) string {
	statement := fmt.Sprintf(`{"_type": "https://in-toto.io/Statement/v0.1", "subject": [{"digest": {"sha256": %q}}],
		"predicateType": "https://cosign.sigstore.dev/attestation/vuln/v1", "predicate": {"scanner": {"result": %s}, "metadata": {"scanFinishedOn": %q}}}`,
		about.Encoded(), trivyReportOf(id, day), day+"T00:00:00Z")
	const kind = "application/vnd.in-toto+json"
	message := strings.Join([]string{"DSSEv1", fmt.Sprint(len(kind)), kind, fmt.Sprint(len(statement)), statement}, " ")
	text, _ := json.Marshal(map[string]any{
		"payloadType": kind, "payload": base64.StdEncoding.EncodeToString([]byte(statement)),
		"signatures": []any{
			map[string]string{"sig": "%"},
			map[string]string{"sig": base64.StdEncoding.EncodeToString(ed25519.Sign(k.PrivateKey, []byte(message)))},
		},
	})
	return string(text)
}

const bundle = "application/vnd.dev.sigstore.bundle.v0.3+json"

func bundled(envelope string) string {
	return `{"mediaType": "` + bundle + `", "verificationMaterial": {"publicKey": {"hint": "x"}}, "dsseEnvelope": ` + envelope + `}`
}

// withKey is a fixture where only the key counts.
func withKey(t *testing.T) (*fixture, testKey) {
	t.Helper()
	f, key := newFixture(t), newTestKey(t)
	f.reader = New(Options{Keys: key, Now: f.reader.now})
	return f, key
}

func (f *fixture) wantsOf(t *testing.T, id string) {
	t.Helper()
	if r := f.ask(t); r.Unknown != "" || r.Source != "Trivy (signed by scanner)" || len(r.Found) != 1 || r.Found[0].ID != id {
		t.Errorf("got %+v, want %s", r, id)
	}
}

func TestEnvelopes(t *testing.T) {
	f, key := withKey(t)
	subject := f.artifact.Descriptor
	f.attach(subject, subject, bundle, bundled(key.seal(subject.Digest, "CVE-1", "2026-11-20")))
	f.wantsOf(t, "CVE-1")
	f.attach(subject, subject, dsseType, key.seal(subject.Digest, "CVE-2", "2026-11-21"))
	f.wantsOf(t, "CVE-2")

	// Neither others' keys, nor statements about others, nor what is no envelope.
	f.attach(subject, subject, bundle, bundled(newTestKey(t).seal(subject.Digest, "CVE-3", "2026-11-22")))
	f.attach(subject, subject, bundle, bundled(key.seal(digest.FromString("x"), "CVE-4", "2026-11-23")))
	f.attach(subject, subject, bundle, "no envelope")
	f.attach(subject, subject, "application/json", trivyReportOf("CVE-5", "2026-11-23"))
	f.wantsOf(t, "CVE-2")
}

func TestEnvelopesDoNotCount(t *testing.T) {
	f, key := withKey(t)
	subject := f.artifact.Descriptor
	sealed := key.seal(subject.Digest, "CVE-1", "2026-11-20")
	f.attach(subject, subject, bundle, bundled(newTestKey(t).seal(subject.Digest, "CVE-1", "2026-11-20")))
	f.wantsUnknown(t, "none of the keys signed")
	f.attach(subject, subject, bundle, strings.Replace(sealed, "payloadType\":\"", "payloadType\":\"x", 1))
	f.attach(subject, subject, bundle, strings.Replace(sealed, `"payload":"ey`, `"payload":"ez`, 1))
	f.wantsUnknown(t, "untrusted-signer")
	f.reader = New(Options{Verifier: f.signers, Now: f.reader.now}) // no keys
	f.attach(subject, subject, bundle, bundled(sealed))
	f.wantsUnknown(t, "unsigned")
}

func TestTaggedEnvelopes(t *testing.T) {
	f, key := withKey(t)
	subject := f.artifact.Descriptor
	var m ocispec.Manifest
	for i, text := range []string{"x", key.seal(subject.Digest, "CVE-1", "2026-11-01"), key.seal(subject.Digest, "CVE-2", "2026-11-20")} {
		d := digest.FromString(text)
		f.blobs[d] = []byte(text)
		m.Layers = append(m.Layers, ocispec.Descriptor{MediaType: dsseType, Digest: d, Size: int64(len(text))})
		f.tags["sha256-"+subject.Digest.Encoded()+".att"] = f.put(ocispec.MediaTypeImageManifest, m).Digest
		if i == 0 {
			f.wantsUnknown(t, "cannot be read")
		} else {
			f.wantsOf(t, fmt.Sprint("CVE-", i))
		}
	}
	f.down[f.tags["sha256-"+subject.Digest.Encoded()+".att"]] = true
	f.wantsUnknown(t, "does not answer")
}

func TestTooManyEnvelopes(t *testing.T) {
	f, key := withKey(t)
	text := key.seal(f.artifact.Descriptor.Digest, "CVE-1", "2026-11-01")
	f.attach(f.artifact.Descriptor, f.artifact.Descriptor, dsseType, strings.Split(strings.Repeat(text+"\n", image.MaxAttempts)+text, "\n")...)
	f.wantsUnknown(t, "more than 50 envelopes")
}
