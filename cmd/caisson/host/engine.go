package host

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"
)

// EngineTimeout is how long an answer of the Engine may take. dockerd looks for a plugin that is down for 15 seconds.
const EngineTimeout = 25 * time.Second

// maxAnswer bounds what is read of an answer.
const maxAnswer = 4 << 20

// Engine asks the Docker Engine on a unix socket.
type Engine struct {
	Socket  string
	Timeout time.Duration // of each request; 0 is EngineTimeout
}

// Request is a request to the Engine, sent as it is written here.
type Request struct {
	Method string
	Target string // as it stands in the request line
	Header http.Header
	Body   []byte // nil is none
	Chunks bool   // send the body without its length
}

// Answer is the Engine's answer.
type Answer struct {
	Status int
	Header http.Header
	Body   []byte
}

// Message is the text of an error.
func (a *Answer) Message() string {
	var body struct{ Message string }
	_ = json.Unmarshal(a.Body, &body) // what is no JSON has no message
	return body.Message
}

// RefusedBy names the plugin that refused the request, or that failed at it, "" if no plugin did.
func (a *Answer) RefusedBy() string {
	for _, words := range [][2]string{{"authorization denied by plugin ", ":"}, {"plugin ", " failed with error: "}} {
		if rest, ok := strings.CutPrefix(a.Message(), words[0]); ok {
			if plugin, _, ok := strings.Cut(rest, words[1]); ok {
				return plugin
			}
		}
	}
	return ""
}

// ErrNoEngine means that nobody listens on the Engine's socket.
var ErrNoEngine = errors.New("dockerd does not run")

// ErrSilent means that there is somebody, who does not answer.
var ErrSilent = errors.New("no answer")

// Send sends a request and returns the answer, whatever its status. Its errors are [ErrNoEngine] or [ErrSilent] where they apply.
// Whoever may not use the socket learns nothing of the Engine.
func (e *Engine) Send(ctx context.Context, r *Request) (*Answer, error) {
	timeout := e.Timeout
	if timeout == 0 {
		timeout = EngineTimeout
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	conn, err := new(net.Dialer).DialContext(ctx, "unix", e.Socket)
	switch {
	case errors.Is(err, fs.ErrPermission):
		return nil, fmt.Errorf("%w; fix: run it as root", err)
	case err != nil:
		return nil, fmt.Errorf("%w: %w", ErrNoEngine, err)
	}
	defer conn.Close() //nolint:errcheck // it is for this request only
	deadline, _ := ctx.Deadline()
	if err := conn.SetDeadline(deadline); err != nil {
		return nil, err
	}
	call := r.encode()
	// The Engine may answer before it has read a large request, and then stops reading: the answer counts.
	go func() { _ = call.Write(conn) }() // ends with the connection
	got, err := http.ReadResponse(bufio.NewReader(conn), call)
	switch {
	case errors.Is(err, os.ErrDeadlineExceeded):
		return nil, fmt.Errorf("%w from %s within %v", ErrSilent, e.Socket, timeout)
	case err != nil:
		return nil, fmt.Errorf("the Engine's answer: %w", err)
	}
	defer got.Body.Close() //nolint:errcheck // it is only read
	body, err := io.ReadAll(io.LimitReader(got.Body, maxAnswer))
	return &Answer{got.StatusCode, got.Header, body}, err
}

// encode makes a request of package http whose target is written as it is.
func (r *Request) encode() *http.Request {
	call := &http.Request{
		Method: r.Method, Host: "docker", Header: http.Header{"User-Agent": {"caisson"}}, Close: true,
		URL: &url.URL{Scheme: "http", Host: "docker", Opaque: r.Target},
	}
	maps.Copy(call.Header, r.Header)
	if r.Body != nil {
		call.Body, call.ContentLength = io.NopCloser(bytes.NewReader(r.Body)), int64(len(r.Body))
		if r.Chunks {
			call.ContentLength = -1
		}
	}
	return call
}

// ErrPluginFailed means that dockerd asked a plugin and got no decision: the plugin is down, or could not decide.
var ErrPluginFailed = errors.New("a plugin failed")

// Get asks for a JSON value. That a plugin refuses the question is an error, and [ErrPluginFailed] that it fails at it.
func (e *Engine) Get(ctx context.Context, target string, into any) error {
	a, err := e.Send(ctx, &Request{Method: http.MethodGet, Target: target})
	if err != nil {
		return err
	}
	switch {
	case a.Status == http.StatusOK:
	case a.pluginFailed():
		return fmt.Errorf("GET %s: %w: %s", target, ErrPluginFailed, a.Message())
	default:
		return fmt.Errorf("GET %s: %d %s", target, a.Status, a.Message())
	}
	if err := json.Unmarshal(a.Body, into); err != nil {
		return fmt.Errorf("GET %s: %w", target, err)
	}
	return nil
}

// pluginFailed tells whether this is what dockerd answers when it got no decision.
func (a *Answer) pluginFailed() bool {
	return strings.HasPrefix(a.Message(), "plugin ") && a.RefusedBy() != ""
}

// Decides makes sure that the Engine and its plugins decide about requests. How they decide makes no difference.
func (e *Engine) Decides(ctx context.Context) error {
	a, err := e.Send(ctx, &Request{Method: http.MethodGet, Target: "/_ping"})
	if err == nil && a.pluginFailed() {
		err = fmt.Errorf("%w: %s", ErrPluginFailed, a.Message())
	}
	return err
}

// Up tells whether the Engine answers at all, without asking its plugins: what has no route is answered before them.
func (e *Engine) Up(ctx context.Context) error {
	_, err := e.Send(ctx, &Request{Method: http.MethodGet, Target: "/caisson/no-such-route"})
	return err
}
