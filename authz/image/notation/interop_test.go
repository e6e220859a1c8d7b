package notation

import (
	"bytes"
	"testing"
	"time"

	"github.com/distribution/reference"
	notationgo "github.com/notaryproject/notation-go"
	"github.com/notaryproject/notation-go/registry"
	"github.com/notaryproject/notation-go/signer"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	"oras.land/oras-go/v2/content"
	"oras.land/oras-go/v2/content/memory"
	"oras.land/oras-go/v2/registry/remote"

	"caisson/authz/image"
	"caisson/authz/image/imagetest"
)

// What notation signs and stores is found and verified.
func TestSignedByNotation(t *testing.T) {
	b := newBench(t)
	m, err := b.source.Manifest(t.Context(), nil, b.image.Digest)
	if err != nil {
		t.Fatal(err)
	}
	store := memory.New()
	if err := store.Push(t.Context(), m.Descriptor, bytes.NewReader(m.Bytes)); err != nil {
		t.Fatal(err)
	}
	if err := store.Tag(t.Context(), m.Descriptor, b.image.Digest.String()); err != nil {
		t.Fatal(err)
	}
	s, err := signer.NewGenericSigner(b.pki.Leaf.Key, b.pki.Chain())
	if err != nil {
		t.Fatal(err)
	}
	repo := registry.NewRepository(store)
	for _, mediaType := range []string{imagetest.JWS, imagetest.COSE} {
		if _, err := notationgo.Sign(t.Context(), s, repo, notationgo.SignOptions{
			ArtifactReference: b.image.Digest.String(),
			SignerSignOptions: notationgo.SignerSignOptions{SignatureMediaType: mediaType, ExpiryDuration: time.Hour},
		}); err != nil {
			t.Fatal(err)
		}
	}
	n := 0
	if err := repo.ListSignatures(t.Context(), m.Descriptor, func(list []ocispec.Descriptor) error {
		for _, d := range list {
			envelope, layer, err := repo.FetchSignatureBlob(t.Context(), d)
			if err != nil {
				return err
			}
			manifest, err := content.FetchAll(t.Context(), store, d)
			if err != nil {
				return err
			}
			fresh := *b
			fresh.source = imagetest.NewSource()
			fresh.source.PutBlob(t, layer.MediaType, envelope)
			fresh.source.PutManifest(t, d.MediaType, manifest, "")
			got := fresh.verify(nil)
			want(t, got, image.Verified, "is signed by")
			if left := time.Until(got.ValidUntil); left <= 0 || left > time.Hour {
				t.Errorf("valid for %v, of an hour", left)
			}
			n++
		}
		return nil
	}); err != nil || n != 2 {
		t.Errorf("%d signatures, %v", n, err)
	}
}

// What the helper for tests signs and stores, notation finds and verifies: our tests are about notation's format, not about one of ours.
func TestFoundByNotation(t *testing.T) {
	for _, api := range []bool{true, false} {
		b := newBench(t)
		r := imagetest.NewRegistry(t, api)
		repo := r.Repository(t, "team/app")
		d := imagetest.Image(t, repo, "hello")
		imagetest.Sign(t, repo, d, imagetest.SignOptions{PKI: b.pki})
		client, err := remote.NewRepository(repo.Name)
		if err != nil {
			t.Fatal(err)
		}
		client.PlainHTTP = true
		named, err := reference.ParseNormalizedNamed(repo.Name)
		if err != nil {
			t.Fatal(err)
		}
		found, _, err := notationgo.Verify(t.Context(), b.verifier(nil).library, registry.NewRepository(client), notationgo.VerifyOptions{
			ArtifactReference: named.Name() + "@" + d.Digest.String(), MaxSignatureAttempts: 1,
		})
		if err != nil || found.Digest != d.Digest {
			t.Errorf("referrers API %v: %v, %v", api, found.Digest, err)
		}
	}
}
