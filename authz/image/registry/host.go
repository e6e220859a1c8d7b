package registry

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"time"

	"github.com/distribution/reference"
	"github.com/maypok86/otter/v2"
	"oras.land/oras-go/v2/registry"
	"oras.land/oras-go/v2/registry/remote"
	"oras.land/oras-go/v2/registry/remote/auth"

	"caisson/authz/image"
)

// Bounds of one question, which may be several requests: one that is refused without a token, one for the token, one with it.
const (
	dialTimeout   = time.Second
	headerTimeout = 2 * time.Second
	totalTimeout  = 5 * time.Second

	// Repositories are remembered for their tokens, and for whether they have the referrers API. Not for ever: a registry may be
	// replaced by one that has it. Their names are chosen by whoever names images, so their number is bounded.
	repositories   = 1024
	repositoryKept = 10 * time.Minute
)

// host is a registry of the list.
type host struct {
	name     string // as in names of images, in lower case
	plain    bool
	agent    string
	asked    func(string, time.Duration, error)
	http     *http.Client
	login    *login
	breaker  *breaker
	remember *otter.Cache[string, *repository]
}

func newHost(c Config, o Options) (*host, error) {
	name := strings.ToLower(c.Host)
	switch name {
	case "registry-1.docker.io", "index.docker.io", "registry.hub.docker.com":
		return nil, errors.New(`Docker Hub is written "docker.io", as in the names of images`) //nolint:staticcheck // a proper name
	}
	if n, err := reference.ParseNamed(c.Host + "/x/x"); err != nil || reference.Domain(n) != c.Host || !reference.IsNameOnly(n) {
		return nil, errors.New(`a registry is written as in the names of images, "registry.example.com" or "registry.example.com:5000"`)
	}
	l, err := newLogin(c.Credentials)
	if err != nil {
		return nil, err
	}
	t, err := newTransport(c)
	if err != nil {
		return nil, err
	}
	h := &host{
		name: name, plain: c.PlainHTTP, agent: o.UserAgent, asked: o.Asked,
		http:    &http.Client{Transport: t, CheckRedirect: checkRedirect},
		login:   l,
		breaker: newBreaker(openFor),
		remember: otter.Must(&otter.Options[string, *repository]{
			MaximumSize: repositories, ExpiryCalculator: otter.ExpiryWriting[string, *repository](repositoryKept),
		}),
	}
	if h.agent == "" {
		h.agent = "caisson"
	}
	return h, nil
}

func (h *host) close() {
	h.http.CloseIdleConnections()
	h.remember.StopAllGoroutines()
}

// ask puts a question, unless the host has failed too often. Its error is one of those of an [image.Source].
func (h *host) ask(ctx context.Context, question func(context.Context) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	var took time.Duration
	err := h.breaker.run(h.name, func() outcome {
		bounded, cancel := context.WithTimeout(ctx, totalTimeout)
		defer cancel()
		start := time.Now()
		o := h.worded(ctx, question(bounded))
		took = time.Since(start)
		return o
	})
	if h.asked != nil {
		h.asked(h.name, took, err)
	}
	return err
}

// repository is what is remembered of one: its tokens, and whether the referrers API is there.
type repository struct {
	api   *remote.Repository // asks the referrers API, until it turns out that there is none
	byTag *remote.Repository // uses the referrers tag schema
}

func (h *host) repository(repo reference.Named) *repository {
	path := reference.Path(repo)
	stamp, credential := h.login.current()
	key := path + "\n" + stamp // other credentials, other tokens
	r, _ := h.remember.ComputeIfAbsent(key, func() (*repository, bool) {
		s := &session{host: h, path: path}
		s.auth = &auth.Client{Client: h.http, Cache: auth.NewCache(), Credential: s.noting(credential)}
		s.auth.SetUserAgent(h.agent)
		r := &repository{api: h.remote(path, s), byTag: h.remote(path, s)}
		_ = r.byTag.SetReferrersCapability(false) // fails only if it was set before
		return r, false
	})
	return r
}

func (h *host) remote(path string, s *session) *remote.Repository {
	return &remote.Repository{
		Client: s, Reference: registry.Reference{Registry: h.name, Repository: path}, PlainHTTP: h.plain,
		MaxMetadataBytes: image.MaxManifest + 1, ReferrerListMaxPages: maxPages,
	}
}

// session sends the requests of one repository, and turns answers that are no content into errors.
type session struct {
	host *host
	path string
	auth *auth.Client

	known atomic.Bool // there are credentials for the registry
}

// Do implements [remote.Client].
func (s *session) Do(req *http.Request) (*http.Response, error) {
	resp, err := s.auth.Do(req)
	if err != nil {
		return nil, err
	}
	if strings.Contains(req.URL.Path, "/referrers/") {
		resp.Body = &capped{resp.Body, image.MaxManifest}
		switch resp.StatusCode { // answers of registries that do not know the path
		case http.StatusBadRequest, http.StatusMethodNotAllowed, http.StatusNotAcceptable, http.StatusNotImplemented:
			resp.StatusCode = http.StatusNotFound
		}
	}
	if resp.StatusCode != http.StatusOK && resp.StatusCode != http.StatusNotFound {
		_ = resp.Body.Close()
		return nil, &statusError{host: resp.Request.URL.Hostname(), path: s.path, known: s.known.Load(), code: resp.StatusCode, after: resp.Header.Get("Retry-After")}
	}
	if resp.StatusCode == http.StatusOK && resp.ContentLength < 0 && strings.Contains(req.URL.Path, "/manifests/") {
		// oras-go would ask a second time to learn the size.
		defer func(c io.Closer) { _ = c.Close() }(resp.Body)
		b, err := readAll(resp.Body, image.MaxManifest)
		if err != nil {
			return nil, err
		}
		resp.Body, resp.ContentLength = io.NopCloser(bytes.NewReader(b)), int64(len(b))
	}
	return resp, nil
}

// capped is a body of which at most so many bytes are read. A list is as long as whoever pushes to the registry likes, so that it is too long must not
// look like a failure of the registry.
type capped struct {
	io.ReadCloser
	left int64
}

func (c *capped) Read(p []byte) (int, error) {
	n, err := c.ReadCloser.Read(p)
	if c.left -= int64(n); c.left < 0 {
		return 0, &unusableError{"the list of referrers is too long"}
	}
	return n, err
}

// noting remembers whether there are credentials, and hides what a credential helper says when it fails: that may hold anything.
func (s *session) noting(f auth.CredentialFunc) auth.CredentialFunc {
	return func(ctx context.Context, hostport string) (auth.Credential, error) {
		c, err := f(ctx, hostport)
		if err != nil {
			return auth.EmptyCredential, errHelper
		}
		s.known.Store(c != auth.EmptyCredential)
		return c, nil
	}
}

var errHelper = errors.New("the credential helper fails")

// statusError is an answer that is neither content nor "not found".
type statusError struct {
	host, path string
	known      bool // there are credentials for the registry
	token      bool // it is the token service that answers
	code       int
	after      string // the header Retry-After
}

func (e *statusError) Error() string { return fmt.Sprintf("answers %d", e.code) }

// unusableError is an answer that is not what was asked for. Its text holds nothing secret.
type unusableError struct{ why string }

func (e *unusableError) Error() string { return e.why }
