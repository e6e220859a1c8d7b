package evidence

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log" //nolint:depguard // the registry of the tests wants one
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	registrytest "github.com/google/go-containerregistry/pkg/registry"
	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	orasremote "oras.land/oras-go/v2/registry/remote"

	"caisson/authz/image"
	"caisson/authz/image/registry"
)

// What was proved with a registry can be proved again without it.
func TestOffline(t *testing.T) {
	for _, api := range []bool{true, false} {
		t.Run(fmt.Sprintf("referrers API %t", api), func(t *testing.T) {
			s := httptest.NewServer(registrytest.New(registrytest.WithReferrersSupport(api), registrytest.Logger(log.New(io.Discard, "", 0))))
			defer s.Close()
			offline(t, strings.TrimPrefix(s.URL, "http://"))
		})
	}
	t.Run("docker-registry", func(t *testing.T) {
		program, err := exec.LookPath("docker-registry")
		if err != nil {
			t.Skip("docker-registry is not installed")
		}
		offline(t, startRegistry(t, program))
	})
}

func offline(t *testing.T, host string) {
	t.Helper()
	repo := mustNamed(host + "/team/app")
	r := newRemote()
	img := r.image("config")
	index := r.index(img)
	sig := r.signature(index, "envelope")
	to, err := orasremote.NewRepository(repo.Name())
	must(t, err)
	to.PlainHTTP = true
	push := func(d ocispec.Descriptor) {
		t.Helper()
		must(t, to.Push(t.Context(), d, bytes.NewReader(r.content[d.Digest])))
	}
	for d, b := range r.content {
		if d != img.Digest && d != index.Digest && d != sig.Digest {
			push(ocispec.Descriptor{MediaType: "application/octet-stream", Digest: d, Size: int64(len(b))})
		}
	}
	push(img)
	push(index)
	push(sig)

	// look is what a verifier does.
	look := func(source image.Source) error {
		if _, err := source.Manifest(t.Context(), repo, index.Digest); err != nil {
			return err
		}
		if _, err := source.Manifest(t.Context(), repo, img.Digest); err != nil {
			return err
		}
		l, err := source.Referrers(t.Context(), repo, index, signatureType)
		if err != nil {
			return err
		}
		if len(l) != 1 || l[0].Digest != sig.Digest {
			return fmt.Errorf("referrers %v", l)
		}
		if _, err := source.Manifest(t.Context(), repo, l[0].Digest); err != nil {
			return err
		}
		_, err = source.Blob(t.Context(), repo, ocispec.Descriptor{Digest: digest.FromString("envelope"), Size: 8}, image.MaxEnvelope)
		return err
	}
	c, err := registry.New([]registry.Config{{Host: host, PlainHTTP: true}}, registry.Options{})
	must(t, err)
	defer c.Close()
	rec := NewRecorder(c)
	must(t, look(rec))
	s := open(t, t.TempDir(), Options{})
	if err := look(s); !errors.Is(err, image.ErrNotFound) {
		t.Errorf("found before it is kept: %v", err)
	}
	must(t, rec.Commit(s, image.Artifact{Repository: repo, Descriptor: index}, sig.Digest))
	must(t, look(s))
	if all := s.Candidates(digest.FromString("config")); len(all) != 2 || all[1].Descriptor.Digest != index.Digest || all[1].Repositories[0].Name() != repo.Name() {
		t.Errorf("%+v", all)
	}
}

// startRegistry starts the registry of Debian, which has no referrers API.
func startRegistry(t *testing.T, program string) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	host := l.Addr().String()
	must(t, l.Close())
	dir := t.TempDir()
	config := filepath.Join(dir, "config.yml")
	must(t, os.WriteFile(config, fmt.Appendf(nil, "version: 0.1\nstorage: {filesystem: {rootdirectory: %s}}\nhttp: {addr: %q}\n", dir, host), 0o600))
	ctx, cancel := context.WithCancel(t.Context())
	cmd := exec.CommandContext(ctx, program, "serve", config)
	must(t, cmd.Start())
	t.Cleanup(func() { cancel(); _ = cmd.Wait() })
	for end := time.Now().Add(10 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		resp, err := http.Get("http://" + host + "/v2/")
		if err == nil {
			_ = resp.Body.Close()
			return host
		}
		if time.Now().After(end) {
			t.Fatal(err)
		}
	}
}
