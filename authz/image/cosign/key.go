package cosign

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/x509"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
	"strings"
)

// Key is a public key whose signatures count.
type Key struct {
	Name string // for people: who holds the private half
	PEM  []byte // "PUBLIC KEY", as cosign writes it: ECDSA on P-256 or P-384, Ed25519, or RSA of 2048 bits or more
}

const minRSA = 2048

// publicKey is a key that can be used.
type publicKey struct {
	name       string
	thumbprint string // of its DER form
	key        crypto.PublicKey
}

// parse returns the key, or what is wrong with it.
func (k Key) parse() (publicKey, error) {
	block, rest := pem.Decode(k.PEM)
	switch {
	case k.Name == "":
		return publicKey{}, errors.New("a key has no name; fix: name who holds it")
	case block == nil:
		return publicKey{}, fmt.Errorf("key %q is not PEM; fix: give the file that \"cosign public-key\" prints", k.Name)
	case block.Type != "PUBLIC KEY":
		return publicKey{}, fmt.Errorf("key %q is a %q; fix: give the PUBLIC KEY that \"cosign public-key\" prints", k.Name, block.Type)
	case len(strings.TrimSpace(string(rest))) > 0:
		return publicKey{}, fmt.Errorf("key %q is followed by something else; fix: one key for each name", k.Name)
	}
	key, err := x509.ParsePKIXPublicKey(block.Bytes)
	if err != nil {
		return publicKey{}, fmt.Errorf("key %q cannot be read: %w", k.Name, err)
	}
	switch key := key.(type) {
	case *ecdsa.PublicKey:
		if key.Curve != elliptic.P256() && key.Curve != elliptic.P384() {
			return publicKey{}, fmt.Errorf("key %q is on the curve %s; fix: take P-256 or P-384", k.Name, key.Curve.Params().Name)
		}
	case *rsa.PublicKey:
		if bits := key.N.BitLen(); bits < minRSA {
			return publicKey{}, fmt.Errorf("key %q has %d bits; fix: take one of %d bits or more", k.Name, bits, minRSA)
		}
	case ed25519.PublicKey:
	default:
		return publicKey{}, fmt.Errorf("key %q is a %T; fix: take ECDSA, Ed25519 or RSA", k.Name, key)
	}
	sum := sha256.Sum256(block.Bytes)
	return publicKey{name: k.Name, thumbprint: "sha256:" + hex.EncodeToString(sum[:]), key: key}, nil
}

// made tells whether the key's holder made a signature of a message. Which hash was used is for the key to say, not for the signature:
// SHA-256 for all, and for P-384 also SHA-384, which cosign 3 takes. Ed25519 is either plain, or of the message's SHA-512 (Ed25519ph), which
// sigstore takes where a log is to see the hash alone; the two cannot be mistaken for each other.
func (k publicKey) made(message, signature []byte) bool {
	hash := sha256.Sum256(message)
	switch key := k.key.(type) {
	case *ecdsa.PublicKey:
		if ecdsa.VerifyASN1(key, hash[:], signature) {
			return true
		}
		long := sha512.Sum384(message)
		return key.Curve == elliptic.P384() && ecdsa.VerifyASN1(key, long[:], signature)
	case *rsa.PublicKey:
		return rsa.VerifyPKCS1v15(key, crypto.SHA256, hash[:], signature) == nil
	case ed25519.PublicKey:
		if ed25519.Verify(key, message, signature) {
			return true
		}
		long := sha512.Sum512(message)
		return ed25519.VerifyWithOptions(key, long[:], signature, &ed25519.Options{Hash: crypto.SHA512}) == nil
	default:
		return false
	}
}
