package imagetest

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"strconv"
	"strings"
	"testing"

	"github.com/opencontainers/image-spec/specs-go"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

// The media types and texts of cosign.
const (
	SimpleSigning   = "application/vnd.dev.cosign.simplesigning.v1+json"
	CosignSignature = "application/vnd.dev.cosign.artifact.sig.v1+json"
	Bundle          = "application/vnd.dev.sigstore.bundle.v0.3+json"
	SignPredicate   = "https://sigstore.dev/cosign/sign/v1"

	signatureAnnotation = "dev.cosignproject.cosign/signature"
)

// Key makes a key: "p256", "p384", "ed25519", "rsa2048" or "rsa1024".
func Key(tb testing.TB, kind string) crypto.Signer {
	tb.Helper()
	var key crypto.Signer
	var err error
	switch kind {
	case "p256":
		key, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	case "p384":
		key, err = ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	case "ed25519":
		_, key, err = ed25519.GenerateKey(rand.Reader)
	default:
		bits, notNumber := strconv.Atoi(strings.TrimPrefix(kind, "rsa"))
		must(tb, notNumber)
		key, err = rsa.GenerateKey(rand.Reader, bits)
	}
	must(tb, err)
	return key
}

// PublicPEM is the public half of a key, as "cosign public-key" prints it.
func PublicPEM(tb testing.TB, key crypto.Signer) []byte {
	tb.Helper()
	der, err := x509.MarshalPKIXPublicKey(key.Public())
	must(tb, err)
	return pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})
}

// SignBytes signs a message as sigstore does: its hash, or the message itself with Ed25519. The hash is SHA-256 if it is 0.
func SignBytes(tb testing.TB, key crypto.Signer, h crypto.Hash, message []byte) []byte {
	tb.Helper()
	if _, ok := key.(ed25519.PrivateKey); ok {
		sig, err := key.Sign(rand.Reader, message, crypto.Hash(0))
		must(tb, err)
		return sig
	}
	if h == 0 {
		h = crypto.SHA256
	}
	hash := h.New()
	hash.Write(message)
	sig, err := key.Sign(rand.Reader, hash.Sum(nil), h)
	must(tb, err)
	return sig
}

// CosignPayload is the text that cosign signs for an image: "simple signing".
func CosignPayload(repository string, image ocispec.Descriptor) []byte {
	return []byte(`{"critical":{"identity":{"docker-reference":"` + repository + `"},"image":{"docker-manifest-digest":"` + image.Digest.String() +
		`"},"type":"cosign container image signature"},"optional":null}`)
}

// CosignLayer puts a payload and its signature into a store, as a layer of a signature's manifest.
func CosignLayer(tb testing.TB, s Store, key crypto.Signer, payload []byte) ocispec.Descriptor {
	tb.Helper()
	layer := s.PutBlob(tb, SimpleSigning, payload)
	layer.Annotations = map[string]string{signatureAnnotation: base64.StdEncoding.EncodeToString(SignBytes(tb, key, 0, payload))}
	return layer
}

// CosignTag puts layers of signatures under the tag at which cosign looks for them.
func CosignTag(tb testing.TB, s Store, image ocispec.Descriptor, layers ...ocispec.Descriptor) {
	tb.Helper()
	s.PutManifest(tb, ocispec.MediaTypeImageManifest, marshal(tb, ocispec.Manifest{
		Versioned: specs.Versioned{SchemaVersion: 2}, MediaType: ocispec.MediaTypeImageManifest,
		Config: s.PutBlob(tb, ocispec.MediaTypeImageConfig, []byte("{}")), Layers: layers,
	}), "sha256-"+image.Digest.Encoded()+".sig")
}

// CosignSign signs an image as cosign 2 does: a payload under the image's .sig tag.
func CosignSign(tb testing.TB, s Store, key crypto.Signer, repository string, image ocispec.Descriptor) {
	tb.Helper()
	CosignTag(tb, s, image, CosignLayer(tb, s, key, CosignPayload(repository, image)))
}

// Statement is the in-toto statement that cosign 3 signs for an image. The predicate's type is [SignPredicate] if it is "".
func Statement(image ocispec.Descriptor, predicate string) []byte {
	if predicate == "" {
		predicate = SignPredicate
	}
	return []byte(`{"_type":"https://in-toto.io/Statement/v1","subject":[{"digest":{"sha256":"` + image.Digest.Encoded() + `"},"annotations":{}}],` +
		`"predicateType":"` + predicate + `","predicate":{}}`)
}

// BundleOf makes a sigstore bundle of a signed in-toto statement.
func BundleOf(tb testing.TB, key crypto.Signer, h crypto.Hash, statement []byte) []byte {
	tb.Helper()
	const payloadType = "application/vnd.in-toto+json"
	message := "DSSEv1 " + strconv.Itoa(len(payloadType)) + " " + payloadType + " " + strconv.Itoa(len(statement)) + " " + string(statement)
	return marshal(tb, map[string]any{
		"mediaType":            Bundle,
		"verificationMaterial": map[string]any{"publicKey": map[string]any{"hint": "test"}, "tlogEntries": []any{}},
		"dsseEnvelope": map[string]any{
			"payload": statement, "payloadType": payloadType,
			"signatures": []any{map[string]any{"sig": SignBytes(tb, key, h, []byte(message))}},
		},
	})
}

// CosignBundle signs an image as cosign 3 does: a bundle that is a referrer of the image.
func CosignBundle(tb testing.TB, s Store, key crypto.Signer, image ocispec.Descriptor, statement []byte) ocispec.Descriptor {
	tb.Helper()
	bundle := bytes.TrimSpace(BundleOf(tb, key, 0, statement))
	return Attach(tb, s, image, Bundle, true, s.PutBlob(tb, Bundle, bundle))
}
