package plugin

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"caisson/authz"
	"caisson/authz/audit"
	"caisson/authz/request"
	"caisson/authz/rules"
)

func TestMain(m *testing.M) {
	if os.Getenv(childEnv) != "" {
		activatedChild()
		return
	}
	goleak.VerifyTestMain(m)
}

// A checkFunc is a rule.
type checkFunc func(*request.Request, *rules.Findings)

func (f checkFunc) Check(r *request.Request, out *rules.Findings) { f(r, out) }

func policyOf(f checkFunc) *authz.Policy {
	spec := &rules.Spec{ID: "test", Title: "test", Why: "test", Fix: "do without", Always: true, New: func() rules.Rule { return f }}
	return &authz.Policy{Hash: "sha256:test", Rules: []authz.BoundRule{{Spec: spec, Rule: f}}}
}

// forbidden is what the usual policy of these tests refuses: a target that ends in /forbidden/json.
var usual = policyOf(func(r *request.Request, out *rules.Findings) {
	if strings.Contains(r.Path, "forbidden") {
		out.Add("path", "is forbidden", "anything else")
	}
})

// memory is an audit log.
type memory struct {
	mu      sync.Mutex
	records []audit.Record
	onWrite func()
}

func (m *memory) Write(r *audit.Record, _ audit.Late) error {
	m.mu.Lock()
	m.records = append(m.records, *r)
	m.mu.Unlock()
	if m.onWrite != nil {
		m.onWrite()
	}
	return nil
}

func (m *memory) count() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return len(m.records)
}

// A service is a server on a socket of its own.
type service struct {
	t       *testing.T
	handler *Handler
	audit   *memory
	logs    *observer.ObservedLogs
	socket  string
	client  *http.Client
	stop    func() error // waits for the end
}

func start(t *testing.T, policy *authz.Policy, change ...func(*service, *Server)) *service {
	t.Helper()
	core, logs := observer.New(zap.DebugLevel)
	log := zap.New(core)
	s := &service{t: t, audit: &memory{}, logs: logs, socket: socketIn(t)}
	s.handler = NewHandler(&authz.Authorizer{Policy: func() *authz.Policy { return policy }, Audit: s.audit, Log: log}, log)
	server := &Server{Handler: s.handler, Log: log, Grace: 5 * time.Second}
	for _, f := range change {
		f(s, server)
	}
	l, err := Listen(s.socket, log)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- server.Serve(ctx, l) }()
	s.stop = sync.OnceValue(func() error {
		cancel()
		return <-done
	})
	transport := &http.Transport{
		MaxConnsPerHost: 128, MaxIdleConnsPerHost: 2, // dockerd keeps two
		DialContext: func(context.Context, string, string) (net.Conn, error) { return net.Dial("unix", s.socket) },
	}
	s.client = &http.Client{Transport: transport, Timeout: 30 * time.Second}
	t.Cleanup(func() {
		transport.CloseIdleConnections()
		if err := s.stop(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// socketIn is short enough for sockaddr_un, whatever the name of the test.
func socketIn(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("/tmp", "caisson-") //nolint:usetesting // too long
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return filepath.Join(dir, "plugins", "c.sock")
}

var ids = regexp.MustCompile(`[0-9A-HJKMNP-TV-Z]{26}`)

// post sends a body and returns the status and the answer, its decision's ID replaced by "ID".
func (s *service) post(path string, body io.Reader) (int, string) {
	s.t.Helper()
	status, text, err := s.try(http.MethodPost, path, body)
	if err != nil {
		s.t.Fatal(err)
	}
	return status, text
}

func (s *service) try(method, path string, body io.Reader) (int, string, error) {
	r, err := http.NewRequest(method, "http://plugin.moby.localhost"+path, body)
	if err != nil {
		return 0, "", err
	}
	r.Header.Set("Accept", "application/vnd.docker.plugins.v1.2+json")
	answer, err := s.client.Do(r)
	if err != nil {
		return 0, "", err
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if answer.ContentLength != int64(len(text)) {
		err = errors.Join(err, fmt.Errorf("Content-Length is %d, of %d bytes", answer.ContentLength, len(text)))
	}
	return answer.StatusCode, ids.ReplaceAllString(string(text), "ID"), err
}

// messageFor is the call for a GET.
func messageFor(target string) []byte {
	return fmt.Appendf(nil, `{"RequestMethod":"GET","RequestUri":%q}`+"\n", target)
}

// messageOfSize is a permitted call of exactly so many bytes.
func messageOfSize(size int) []byte {
	head, tail := `{"RequestMethod":"GET","RequestUri":"/_ping","RequestHeaders":{"X":"`, `"}}`
	return slices.Concat([]byte(head), bytes.Repeat([]byte("a"), size-len(head)-len(tail)), []byte(tail))
}
