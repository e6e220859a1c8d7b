package registry

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log" //nolint:depguard // the registry of the tests wants one
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/distribution/reference"
	"github.com/google/go-cmp/cmp"
	registrytest "github.com/google/go-containerregistry/pkg/registry"
	"github.com/opencontainers/go-digest"
	"github.com/opencontainers/image-spec/specs-go"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	"go.uber.org/goleak"

	"caisson/authz/image"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const signatureType = "application/vnd.cncf.notary.signature"

// served starts a server and a client for it. The repository is on that server.
func served(t *testing.T, handler http.Handler) (*Client, reference.Named) {
	t.Helper()
	s := httptest.NewServer(handler)
	t.Cleanup(s.Close)
	return clientOf(t, Config{Host: strings.TrimPrefix(s.URL, "http://"), PlainHTTP: true})
}

func clientOf(t *testing.T, c Config) (*Client, reference.Named) {
	t.Helper()
	client, err := New([]Config{c}, Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	repo, err := reference.ParseNamed(c.Host + "/team/app")
	if err != nil {
		t.Fatal(err)
	}
	return client, repo
}

func (c *Client) only() *host {
	for _, h := range c.hosts {
		return h
	}
	return nil
}

// pusher fills a registry.
type pusher struct {
	t    *testing.T
	base string
	http *http.Client
}

func (p pusher) put(path, mediaType string, b []byte) {
	p.t.Helper()
	req, _ := http.NewRequest(http.MethodPut, p.base+path, bytes.NewReader(b))
	req.Header.Set("Content-Type", mediaType)
	resp, err := p.http.Do(req)
	if err != nil {
		p.t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode != http.StatusCreated {
		p.t.Fatalf("PUT %s: %s", path, resp.Status)
	}
}

func (p pusher) blob(b []byte) ocispec.Descriptor {
	d := digest.FromBytes(b)
	resp, err := p.http.Post(p.base+"blobs/uploads/?digest="+d.String(), "application/octet-stream", bytes.NewReader(b))
	if err != nil {
		p.t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode != http.StatusCreated {
		p.t.Fatalf("blob: %s", resp.Status)
	}
	return ocispec.Descriptor{MediaType: "application/octet-stream", Digest: d, Size: int64(len(b))}
}

// manifest pushes one, under a tag or by its digest.
func (p pusher) manifest(tag string, v any) ocispec.Descriptor {
	b, _ := json.Marshal(v)
	d := digest.FromBytes(b)
	mt := ocispec.MediaTypeImageManifest
	if _, ok := v.(ocispec.Index); ok {
		mt = ocispec.MediaTypeImageIndex
	}
	if tag == "" {
		tag = d.String()
	}
	p.put("manifests/"+tag, mt, b)
	return ocispec.Descriptor{MediaType: mt, Digest: d, Size: int64(len(b))}
}

func (p pusher) image(content string) ocispec.Descriptor {
	return p.manifest("", ocispec.Manifest{
		Versioned: specs.Versioned{SchemaVersion: 2}, MediaType: ocispec.MediaTypeImageManifest,
		Config: p.blob([]byte(content)), Layers: []ocispec.Descriptor{},
	})
}

func (p pusher) signature(subject ocispec.Descriptor, envelope string) ocispec.Descriptor {
	config := p.blob([]byte("{}"))
	config.MediaType = signatureType
	d := p.manifest("", ocispec.Manifest{
		Versioned: specs.Versioned{SchemaVersion: 2}, MediaType: ocispec.MediaTypeImageManifest,
		Config: config, Layers: []ocispec.Descriptor{p.blob([]byte(envelope))}, Subject: &subject,
	})
	d.ArtifactType = signatureType
	return d
}

// index pushes a list of referrers by the tag schema.
func (p pusher) index(subject ocispec.Descriptor, referrers ...ocispec.Descriptor) {
	p.manifest(strings.Replace(subject.Digest.String(), ":", "-", 1), ocispec.Index{
		Versioned: specs.Versioned{SchemaVersion: 2}, MediaType: ocispec.MediaTypeImageIndex, Manifests: referrers,
	})
}

// counting counts the requests that reach a handler.
func counting(h http.Handler) (http.Handler, *atomic.Int32) {
	var n atomic.Int32
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		n.Add(1)
		h.ServeHTTP(w, r)
	}), &n
}

func newRegistry(referrers bool) http.Handler {
	return registrytest.New(registrytest.WithReferrersSupport(referrers), registrytest.Logger(log.New(io.Discard, "", 0)))
}

func digests(l []ocispec.Descriptor) []digest.Digest {
	var all []digest.Digest
	for _, d := range l {
		all = append(all, d.Digest)
	}
	return all
}

func TestReads(t *testing.T) {
	for _, api := range []bool{true, false} {
		t.Run(fmt.Sprintf("referrers API %t", api), func(t *testing.T) {
			handler, requests := counting(newRegistry(api))
			c, repo := served(t, handler)
			p := pusher{t, "http://" + reference.Domain(repo) + "/v2/team/app/", c.only().http}
			img := p.image("config")
			sig := p.signature(img, "envelope")
			other := p.manifest("", ocispec.Manifest{
				Versioned: specs.Versioned{SchemaVersion: 2}, MediaType: ocispec.MediaTypeImageManifest, ArtifactType: "application/x",
				Config: ocispec.DescriptorEmptyJSON, Layers: []ocispec.Descriptor{p.blob([]byte("{}"))}, Subject: &img,
			})
			other.ArtifactType = "application/x"
			if !api {
				p.index(img, sig, other)
			}

			m, err := c.Manifest(t.Context(), repo, img.Digest)
			if err != nil || m.Descriptor.Digest != img.Digest || digest.FromBytes(m.Bytes) != img.Digest || m.Descriptor.MediaType != img.MediaType || m.Descriptor.Size != img.Size {
				t.Fatalf("manifest %+v: %v", m.Descriptor, err)
			}
			list, err := c.Referrers(t.Context(), repo, img, signatureType)
			if diff := cmp.Diff([]digest.Digest{sig.Digest}, digests(list)); diff != "" || err != nil {
				t.Fatalf("referrers: %v %s", err, diff)
			}
			if all, err := c.Referrers(t.Context(), repo, img, ""); len(all) != 2 || err != nil {
				t.Fatalf("all referrers: %v, %v", all, err)
			}
			m, err = c.Manifest(t.Context(), repo, list[0].Digest)
			if err != nil {
				t.Fatal(err)
			}
			var s ocispec.Manifest
			if err := json.Unmarshal(m.Bytes, &s); err != nil {
				t.Fatal(err)
			}
			if b, err := c.Blob(t.Context(), repo, s.Layers[0], image.MaxEnvelope); err != nil || string(b) != "envelope" {
				t.Fatalf("blob %q: %v", b, err)
			}

			before := requests.Load()
			if l, err := c.Referrers(t.Context(), repo, img, signatureType); len(l) != 1 || err != nil {
				t.Fatal(l, err)
			}
			if n := requests.Load() - before; n != 1 {
				t.Errorf("%d requests for a list, when it is known which way it is kept", n)
			}
			before = requests.Load()
			if l, err := c.Referrers(t.Context(), repo, sig, ""); len(l) != 0 || err != nil {
				t.Errorf("referrers of a signature: %v, %v", l, err)
			}
			want := int32(1)
			if api {
				want = 2 // the tag too
			}
			if n := requests.Load() - before; n != want {
				t.Errorf("%d requests for an empty list, want %d", n, want)
			}

			p.manifest("v1", ocispec.Index{Versioned: specs.Versioned{SchemaVersion: 2}, MediaType: ocispec.MediaTypeImageIndex, Manifests: []ocispec.Descriptor{img}})
			if m, err := c.Tagged(t.Context(), repo, "v1"); err != nil || digest.FromBytes(m.Bytes) != m.Descriptor.Digest || !image.IsIndex(m.Descriptor.MediaType) {
				t.Errorf("tag: %+v, %v", m.Descriptor, err)
			}
			for name, err := range map[string]error{
				"manifest":      second(c.Manifest(t.Context(), repo, digest.FromString("absent"))),
				"no digest":     second(c.Manifest(t.Context(), repo, "v1")),
				"tag":           second(c.Tagged(t.Context(), repo, "absent")),
				"tag @":         second(c.Tagged(t.Context(), repo, "v1@"+img.Digest.String())),
				"tag /":         second(c.Tagged(t.Context(), repo, "../v1")),
				"blob":          second(c.Blob(t.Context(), repo, ocispec.Descriptor{Digest: digest.FromString("absent"), Size: 6}, 10)),
				"negative size": second(c.Blob(t.Context(), repo, ocispec.Descriptor{Digest: digest.FromString("absent"), Size: -1}, 10)),
			} {
				if !errors.Is(err, image.ErrNotFound) {
					t.Errorf("%s: %v", name, err)
				}
			}
			nowhere, _ := reference.ParseNamed(reference.Domain(repo) + "/no/such")
			if l, err := c.Referrers(t.Context(), nowhere, img, ""); len(l) != 0 || err != nil {
				t.Errorf("referrers in no repository: %v, %v", l, err)
			}
		})
	}
}

func second[T any](_ T, err error) error { return err }

// A registry that learned the referrers API answers that there are none, although a list of before lies under the tag.
func TestReferrersOfBefore(t *testing.T) {
	old := newRegistry(false)
	c, repo := served(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.Contains(r.URL.Path, "/referrers/") {
			w.Header().Set("Content-Type", ocispec.MediaTypeImageIndex)
			_, _ = io.WriteString(w, `{"schemaVersion":2,"manifests":[]}`)
			return
		}
		old.ServeHTTP(w, r)
	}))
	p := pusher{t, "http://" + reference.Domain(repo) + "/v2/team/app/", c.only().http}
	img := p.image("config")
	sig := p.signature(img, "envelope")
	p.index(img, sig)
	for range 2 {
		l, err := c.Referrers(t.Context(), repo, img, signatureType)
		if diff := cmp.Diff([]digest.Digest{sig.Digest}, digests(l)); diff != "" || err != nil {
			t.Errorf("%v %s", err, diff)
		}
	}
}

func TestOnlyListed(t *testing.T) {
	handler, requests := counting(newRegistry(true))
	s := httptest.NewServer(handler)
	defer s.Close()
	c, _ := clientOf(t, Config{Host: "registry.example.com"})
	repo, _ := reference.ParseNamed(strings.TrimPrefix(s.URL, "http://") + "/team/app")
	desc := ocispec.Descriptor{Digest: digest.FromString("x"), Size: 1}
	for name, err := range map[string]error{
		"manifest":  second(c.Manifest(t.Context(), repo, desc.Digest)),
		"tag":       second(c.Tagged(t.Context(), repo, "v1")),
		"blob":      second(c.Blob(t.Context(), repo, desc, 10)),
		"referrers": second(c.Referrers(t.Context(), repo, desc, "")),
	} {
		if u, ok := errors.AsType[*image.UnavailableError](err); !ok || u.Host != reference.Domain(repo) || !strings.Contains(u.Why, "not listed") {
			t.Errorf("%s: %v", name, err)
		}
	}
	if n := requests.Load(); n != 0 {
		t.Errorf("%d requests to a host that is not listed", n)
	}
	for host, want := range map[string]bool{
		"registry.example.com": true, "Registry.Example.com": true, "registry.example.com:443": false, "example.com": false, "": false, "docker.io": false,
	} {
		if got := c.Listed(host); got != want {
			t.Errorf("Listed(%q) = %t", host, got)
		}
	}
}

func TestBadConfig(t *testing.T) {
	_, err := New([]Config{
		{Host: "https://registry.example.com"},
		{Host: "registry.example.com/team"},
		{Host: "registry-1.docker.io"},
		{Host: ""},
		{Host: "a.example.com", CA: []byte("no PEM")},
		{Host: "b.example.com", Credentials: "/no/such/file"},
		{Host: "c.example.com", Proxy: "proxy:3128"},
		{Host: "d.example.com"},
		{Host: "D.example.com"},
		{Host: "docker.io"},
		{Host: "[::1]:5000"},
	}, Options{})
	if err == nil {
		t.Fatal("accepted")
	}
	want := strings.Join([]string{
		`registry "https://registry.example.com": a registry is written as in the names of images, "registry.example.com" or "registry.example.com:5000"`,
		`registry "registry.example.com/team": a registry is written as in the names of images, "registry.example.com" or "registry.example.com:5000"`,
		`registry "registry-1.docker.io": Docker Hub is written "docker.io", as in the names of images`,
		`registry "": a registry is written as in the names of images, "registry.example.com" or "registry.example.com:5000"`,
		`registry "a.example.com": the CA holds no certificate in PEM form`,
		`registry "b.example.com": credentials: stat /no/such/file: no such file or directory`,
		`registry "c.example.com": the proxy is not of the form http://proxy.example.com:3128`,
		`registry "D.example.com": listed twice`,
	}, "\n")
	if diff := cmp.Diff(want, err.Error()); diff != "" {
		t.Error(diff)
	}
}

func TestCallerGivesUp(t *testing.T) {
	release := make(chan struct{})
	c, repo := served(t, http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-release }))
	defer close(release)
	for range tripAfter + 1 { // it is no failure of the registry
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
		_, err := c.Manifest(ctx, repo, digest.FromString("x"))
		cancel()
		if !errors.Is(err, context.DeadlineExceeded) {
			t.Fatal(err)
		}
	}
}
