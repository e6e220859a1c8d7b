package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"io/fs"
	"math/big"
	"os"
	"path/filepath"
	"time"

	"github.com/notaryproject/notation-core-go/signature"
	"github.com/notaryproject/notation-core-go/signature/jws"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

// signer is somebody with a certificate authority of their own.
type signer struct {
	chain []*x509.Certificate // the signer's own certificate first
	key   *ecdsa.PrivateKey
}

// signerOf makes the certificate of a signer, and that of the authority if there is none yet.
func signerOf(folder, name string) (*signer, error) {
	ca, caKey, err := authority(folder, name)
	if err != nil {
		return nil, err
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	leaf, err := certificate(&x509.Certificate{
		Subject: subject(name), KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageCodeSigning},
	}, ca, &key.PublicKey, caKey)
	if err != nil {
		return nil, err
	}
	return &signer{[]*x509.Certificate{leaf, ca}, key}, nil
}

func subject(name string) pkix.Name {
	return pkix.Name{Country: []string{"DE"}, Province: []string{"Berlin"}, Organization: []string{"Demo"}, CommonName: name}
}

// authority reads, or makes, the authority that issues a signer's certificates.
func authority(folder, name string) (*x509.Certificate, *ecdsa.PrivateKey, error) {
	certFile, keyFile := filepath.Join(folder, name+".pem"), filepath.Join(folder, name+".key")
	certText, err := os.ReadFile(certFile)
	if errors.Is(err, fs.ErrNotExist) {
		return newAuthority(certFile, keyFile, name)
	}
	if err != nil {
		return nil, nil, err
	}
	keyText, err := os.ReadFile(keyFile)
	if err != nil {
		return nil, nil, err
	}
	certBlock, _ := pem.Decode(certText)
	keyBlock, _ := pem.Decode(keyText)
	if certBlock == nil || keyBlock == nil {
		return nil, nil, errors.New(certFile + " and its key are not PEM files")
	}
	cert, err := x509.ParseCertificate(certBlock.Bytes)
	if err != nil {
		return nil, nil, err
	}
	key, err := x509.ParseECPrivateKey(keyBlock.Bytes)
	return cert, key, err
}

func newAuthority(certFile, keyFile, name string) (*x509.Certificate, *ecdsa.PrivateKey, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, nil, err
	}
	template := &x509.Certificate{Subject: subject(name + " authority"), IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign}
	cert, err := certificate(template, template, &key.PublicKey, key)
	if err != nil {
		return nil, nil, err
	}
	keyText, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		return nil, nil, err
	}
	return cert, key, errors.Join(
		os.WriteFile(certFile, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: cert.Raw}), 0o644),
		os.WriteFile(keyFile, pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: keyText}), 0o600),
	)
}

// certificate issues one that was valid long ago too, as the demo has signatures of other days.
func certificate(template, issuer *x509.Certificate, public *ecdsa.PublicKey, key *ecdsa.PrivateKey) (*x509.Certificate, error) {
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 120))
	if err != nil {
		return nil, err
	}
	template.SerialNumber = serial
	template.NotBefore, template.NotAfter = time.Now().AddDate(-10, 0, 0), time.Now().AddDate(1, 0, 0)
	der, err := x509.CreateCertificate(rand.Reader, template, issuer, public, key)
	if err != nil {
		return nil, err
	}
	return x509.ParseCertificate(der)
}

// sign makes notation's envelope of a signature on a manifest.
func (s *signer) sign(d ocispec.Descriptor, when time.Time) ([]byte, error) {
	text, err := payload(d)
	if err != nil {
		return nil, err
	}
	local, err := signature.NewLocalSigner(s.chain, s.key)
	if err != nil {
		return nil, err
	}
	envelope, err := signature.NewEnvelope(jws.MediaTypeEnvelope)
	if err != nil {
		return nil, err
	}
	return envelope.Sign(&signature.SignRequest{
		Payload: signature.Payload{ContentType: "application/vnd.cncf.notary.payload.v1+json", Content: text},
		Signer:  local, SigningTime: when, SigningScheme: signature.SigningSchemeX509, SigningAgent: "demo",
	})
}
