package image_test

import (
	"crypto/x509"
	"encoding/json"
	"testing"

	"github.com/distribution/reference"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"caisson/authz/image"
	"caisson/authz/image/evidence"
	"caisson/authz/image/imagetest"
	"caisson/authz/image/notation"
	remote "caisson/authz/image/registry"
	"caisson/authz/image/revocation"
	"caisson/authz/state"
)

// BenchmarkImageTrustCold verifies an image of which nothing is remembered, as both stores have it: from a registry in memory, with the
// referrers API and without, and from evidence that is kept.
func BenchmarkImageTrustCold(b *testing.B) {
	for _, api := range []bool{true, false} {
		name := map[bool]string{true: "referrers", false: "tags"}[api]
		b.Run(name, func(b *testing.B) {
			pki := imagetest.NewPKI(b, imagetest.PKIOptions{})
			r := imagetest.NewRegistry(b, api)
			repo := r.Repository(b, "team/app")
			d := imagetest.Image(b, repo, "hello")
			d.Platform = nil
			imagetest.Sign(b, repo, d, imagetest.SignOptions{PKI: pki})
			client, err := remote.New([]remote.Config{{Host: r.Host, PlainHTTP: true}}, remote.Options{})
			if err != nil {
				b.Fatal(err)
			}
			verifier, err := notation.New(notation.Options{
				CA: []*x509.Certificate{pki.Root.Certificate}, Identities: []string{imagetest.Identity}, Revocation: revocation.LastKnown,
			})
			if err != nil {
				b.Fatal(err)
			}
			p := &image.Policy{
				Statements: []image.Statement{{Name: "team", Prefixes: []string{r.Host}, Verifier: verifier}}, Registries: client, Generation: "1",
			}
			named := repo.Name + "@" + d.Digest.String()
			b.Run("containerd", func(b *testing.B) { cold(b, p, containerd(d, named), nil) })
			graphed := &state.Image{ID: configDigest(b, client, repo.Name, d), Platform: ocispec.Platform{OS: "linux", Architecture: "amd64"}, RepoDigests: []string{named}}
			b.Run("graph-driver", func(b *testing.B) { cold(b, p, graphed, nil) })
			store, err := evidence.Open(b.TempDir(), evidence.Options{})
			if err != nil {
				b.Fatal(err)
			}
			b.Run("evidence", func(b *testing.B) { cold(b, p, graphed, store) })
		})
	}
}

// cold asks an Assessor that was made a moment ago.
func cold(b *testing.B, p *image.Policy, i *state.Image, keep *evidence.Store) {
	b.Helper()
	e := engineWith(map[string]*state.Image{"x": i})
	b.ReportAllocs()
	for b.Loop() {
		a := image.NewAssessor()
		if keep != nil {
			a.Keep = keep
		}
		found, err := a.Assess(b.Context(), p, e, image.Question{Ref: "x"})
		if err != nil || !found.Verdict.Verified() {
			b.Fatalf("%+v, %v", found, err)
		}
	}
}

// configDigest reads which configuration a manifest has.
func configDigest(b *testing.B, source image.Source, repository string, d ocispec.Descriptor) string {
	b.Helper()
	named, err := reference.ParseNormalizedNamed(repository)
	if err != nil {
		b.Fatal(err)
	}
	m, err := source.Manifest(b.Context(), named, d.Digest)
	if err != nil {
		b.Fatal(err)
	}
	var manifest ocispec.Manifest
	if err := json.Unmarshal(m.Bytes, &manifest); err != nil {
		b.Fatal(err)
	}
	return manifest.Config.Digest.String()
}
