// Command sign signs images in a registry of the demo, as notation does, with certificates that it makes up.
//
//	sign -keys FOLDER -as NAME [-at DATE] [-report FILE] HOST/REPOSITORY@DIGEST
//
// Who signs is NAME: the certificate of the authority is FOLDER/NAME.pem, and is made if it is not there. -at is what the signature says of when
// it was made. With -report, the file is attached to the image as a scan report, and the report is signed in the place of the image.
package main

import (
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"time"

	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	"oras.land/oras-go/v2"
	"oras.land/oras-go/v2/content"
	"oras.land/oras-go/v2/registry/remote"
)

// artifactType is that of notation's signatures.
const artifactType = "application/vnd.cncf.notary.signature"

func main() {
	keys := flag.String("keys", "", "`FOLDER` of certificates and keys")
	as := flag.String("as", "", "`NAME` of the signer")
	at := flag.String("at", "", "`DATE` of the signature, such as 2026-01-31; now if left out")
	report := flag.String("report", "", "`FILE` to attach and to sign")
	flag.Parse()
	if err := run(*keys, *as, *at, *report, flag.Arg(0)); err != nil {
		fmt.Fprintln(os.Stderr, "sign:", err)
		os.Exit(1)
	}
}

func run(keys, as, at, report, ref string) error {
	when := time.Now()
	if at != "" {
		var err error
		if when, err = time.Parse(time.DateOnly, at); err != nil {
			return err
		}
	}
	s, err := signerOf(keys, as)
	if err != nil {
		return err
	}
	ctx := context.Background()
	repo, err := remote.NewRepository(ref)
	if err != nil {
		return err
	}
	repo.PlainHTTP, repo.SkipReferrersGC = true, true // registries without the referrers API need not let indexes be deleted
	subject, err := repo.Resolve(ctx, repo.Reference.Reference)
	if err != nil {
		return err
	}
	if report != "" {
		text, err := os.ReadFile(report)
		if err != nil {
			return err
		}
		if subject, err = attach(ctx, repo, subject, "application/sarif+json", "application/sarif+json", text); err != nil {
			return err
		}
	}
	envelope, err := s.sign(subject, when)
	if err != nil {
		return err
	}
	_, err = attach(ctx, repo, subject, artifactType, "application/jose+json", envelope)
	return err
}

// attach pushes a text as an artifact that belongs to a manifest.
func attach(ctx context.Context, repo *remote.Repository, subject ocispec.Descriptor, kind, mediaType string, text []byte) (ocispec.Descriptor, error) {
	blob := content.NewDescriptorFromBytes(mediaType, text)
	if err := repo.Push(ctx, blob, bytes.NewReader(text)); err != nil {
		return ocispec.Descriptor{}, err
	}
	// Notation looks for its artifact type in the configuration, as registries before OCI 1.1 keep no other.
	config := content.NewDescriptorFromBytes(kind, []byte("{}"))
	if err := repo.Push(ctx, config, bytes.NewReader([]byte("{}"))); err != nil {
		return ocispec.Descriptor{}, err
	}
	return oras.PackManifest(ctx, repo, oras.PackManifestVersion1_1, kind, oras.PackManifestOptions{
		Subject: &subject, Layers: []ocispec.Descriptor{blob}, ConfigDescriptor: &config,
		ManifestAnnotations: map[string]string{"io.cncf.notary.x509chain.thumbprint#S256": "[]"},
	})
}

// payload is what notation signs of a manifest.
func payload(d ocispec.Descriptor) ([]byte, error) {
	return json.Marshal(map[string]any{"targetArtifact": map[string]any{"mediaType": d.MediaType, "digest": d.Digest, "size": d.Size}})
}
