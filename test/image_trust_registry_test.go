package test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"caisson/authz/image/imagetest"
	"caisson/test/engine"
)

// A hub is a real registry, Debian's docker-registry, which keeps what it has in a folder.
type hub struct {
	address, folder string
}

// startHub starts a registry, which ends with the test.
func startHub(tb testing.TB) *hub {
	tb.Helper()
	h := &hub{address: freePort(tb), folder: tb.TempDir()}
	config := filepath.Join(h.folder, "config.yml")
	write(tb, config, fmt.Sprintf(`
version: 0.1
log: {level: error, accesslog: {disabled: true}}
storage: {filesystem: {rootdirectory: %s}, delete: {enabled: true}}
http: {addr: %s, relativeurls: true}
`, h.folder, h.address))
	if err := engine.Background(tb, exec.Command(engine.Registry(tb), "serve", config)); err != nil {
		tb.Fatal(err)
	}
	if !engine.Eventually(func() bool {
		c, err := net.Dial("tcp", h.address)
		if err == nil {
			_ = c.Close()
		}
		return err == nil
	}) {
		tb.Fatal("the registry does not answer")
	}
	return h
}

// blob is the file of a blob or manifest.
func (h *hub) blob(d digest.Digest) string {
	return filepath.Join(h.folder, "docker/registry/v2/blobs", d.Algorithm().String(), d.Encoded()[:2], d.Encoded(), "data")
}

// A front stands between clients and a hub. It counts what it is asked for, and can be told to answer by itself.
type front struct {
	host     string // as in names of images
	requests atomic.Int64
	fault    atomic.Pointer[http.HandlerFunc]

	hub    *hub
	proxy  *httputil.ReverseProxy
	server *http.Server
}

// newFront opens a door to the hub on a port of its own, which is closed with the test.
func newFront(tb testing.TB, h *hub) *front {
	tb.Helper()
	f := &front{host: freePort(tb), hub: h, proxy: &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) {
		r.SetURL(&url.URL{Scheme: "http", Host: h.address})
		r.Out.Host = r.In.Host
	}}}
	f.up(tb)
	tb.Cleanup(func() { f.down(tb) })
	return f
}

func (f *front) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	f.requests.Add(1)
	if fault := f.fault.Load(); fault != nil {
		(*fault)(w, r)
		return
	}
	f.proxy.ServeHTTP(w, r)
}

// fails makes the front answer by itself from now on; nil ends that.
func (f *front) fails(h http.HandlerFunc) {
	if h == nil {
		f.fault.Store(nil)
		return
	}
	f.fault.Store(&h)
}

// up and down make connections succeed and be refused.
func (f *front) up(tb testing.TB) {
	tb.Helper()
	l, err := net.Listen("tcp", f.host)
	if err != nil {
		tb.Fatal(err)
	}
	f.server = &http.Server{Handler: f}
	go func(s *http.Server) { _ = s.Serve(l) }(f.server)
}

func (f *front) down(tb testing.TB) {
	tb.Helper()
	if err := f.server.Close(); err != nil {
		tb.Fatal(err)
	}
}

// repository opens a repository to put things into. It goes past the front's faults.
func (f *front) repository(tb testing.TB, name string) *imagetest.Repository {
	tb.Helper()
	return (&imagetest.Registry{Host: f.hub.address}).Repository(tb, name)
}

// manifest describes and reads what a tag or digest of a repository stands for.
func (f *front) manifest(tb testing.TB, repository, name string) (ocispec.Descriptor, []byte) {
	tb.Helper()
	req, err := http.NewRequestWithContext(tb.Context(), "GET", "http://"+f.hub.address+"/v2/"+repository+"/manifests/"+name, nil)
	if err != nil {
		tb.Fatal(err)
	}
	req.Header["Accept"] = []string{
		ocispec.MediaTypeImageManifest, ocispec.MediaTypeImageIndex,
		"application/vnd.docker.distribution.manifest.v2+json", "application/vnd.docker.distribution.manifest.list.v2+json",
	}
	answer, err := http.DefaultClient.Do(req)
	if err != nil {
		tb.Fatal(err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil || answer.StatusCode != http.StatusOK {
		tb.Fatalf("the registry has no %s:%s: %d %s %v", repository, name, answer.StatusCode, text, err)
	}
	return ocispec.Descriptor{MediaType: answer.Header.Get("Content-Type"), Digest: digest.FromBytes(text), Size: int64(len(text))}, text
}

// translated copies an image to another platform of the same programs, and describes its manifest.
func (f *front) translated(tb testing.TB, repository string, d ocispec.Descriptor, architecture string) ocispec.Descriptor {
	tb.Helper()
	_, text := f.manifest(tb, repository, d.Digest.String())
	var m ocispec.Manifest
	unmarshal(tb, text, &m)
	var fields map[string]any
	unmarshal(tb, read(tb, f.hub.blob(m.Config.Digest)), &fields)
	fields["architecture"] = architecture
	repo := f.repository(tb, repository)
	m.MediaType = d.MediaType
	m.Config = repo.PutBlob(tb, m.Config.MediaType, marshal(tb, fields))
	other := repo.PutManifest(tb, d.MediaType, marshal(tb, m), "")
	other.Platform = &ocispec.Platform{OS: "linux", Architecture: architecture}
	return other
}

func freePort(tb testing.TB) string {
	tb.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

func write(tb testing.TB, file, text string) {
	tb.Helper()
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		tb.Fatal(err)
	}
}

func read(tb testing.TB, file string) []byte {
	tb.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		tb.Fatal(err)
	}
	return text
}

func marshal(tb testing.TB, v any) []byte {
	tb.Helper()
	text, err := json.Marshal(v)
	if err != nil {
		tb.Fatal(err)
	}
	return text
}

func unmarshal(tb testing.TB, text []byte, v any) {
	tb.Helper()
	if err := json.NewDecoder(bytes.NewReader(text)).Decode(v); err != nil {
		tb.Fatalf("%v: %s", err, strings.TrimSpace(string(text)))
	}
}
