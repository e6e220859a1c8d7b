package host

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/docker/go-plugins-helpers/authorization"
)

const (
	// PluginTimeout is how long an answer of the plugin may take: longer than a decision.
	PluginTimeout = 15 * time.Second

	activateTimeout = 5 * time.Second // there is nothing to decide about that
)

// Plugin asks an authorization plugin on its own socket, in dockerd's place.
type Plugin struct {
	Socket  string
	Timeout time.Duration // of each call; 0 is PluginTimeout, or less for one that needs no decision
}

// Reply is what a plugin says to a call.
type Reply struct {
	Allowed bool
	Text    string // why not
}

// Activate makes sure that somebody answers who is an authorization plugin.
func (p *Plugin) Activate(ctx context.Context) error {
	status, text, err := p.post(ctx, activateTimeout, "/Plugin.Activate", nil)
	if err != nil {
		return err
	}
	var body struct{ Implements []string }
	if status != http.StatusOK || json.Unmarshal(text, &body) != nil || !slices.Contains(body.Implements, authorization.AuthZApiImplements) {
		return fmt.Errorf("who answers on %s is no authorization plugin", p.Socket)
	}
	return nil
}

// Ask asks about a call. A nil call is the empty message that dockerd sends after a connection broke.
func (p *Plugin) Ask(ctx context.Context, call *authorization.Request) (*Reply, error) {
	var message []byte
	if call != nil {
		var err error
		if message, err = json.Marshal(call); err != nil {
			return nil, err
		}
	}
	status, text, err := p.post(ctx, PluginTimeout, "/"+authorization.AuthZApiRequest, message)
	if err != nil {
		return nil, err
	}
	var r authorization.Response
	if err := json.Unmarshal(text, &r); err != nil {
		return nil, fmt.Errorf("the answer on %s is not that of a plugin: %w", p.Socket, err)
	}
	if status == http.StatusOK {
		return &Reply{Allowed: r.Allow, Text: r.Msg}, nil // as dockerd reads it
	}
	return &Reply{Text: r.Err}, nil
}

func (p *Plugin) post(ctx context.Context, timeout time.Duration, target string, body []byte) (status int, text []byte, err error) {
	if p.Timeout != 0 {
		timeout = p.Timeout
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	transport := &http.Transport{DisableKeepAlives: true, DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "unix", p.Socket)
	}}
	defer transport.CloseIdleConnections()
	call, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://plugin"+target, bytes.NewReader(body))
	if err != nil {
		return 0, nil, err
	}
	got, err := transport.RoundTrip(call)
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		return 0, nil, fmt.Errorf("%w from the plugin on %s within %v", ErrSilent, p.Socket, timeout)
	case err != nil:
		return 0, nil, fmt.Errorf("the plugin cannot be asked: %w", err)
	}
	defer got.Body.Close() //nolint:errcheck // it is only read
	text, err = io.ReadAll(io.LimitReader(got.Body, maxAnswer))
	return got.StatusCode, text, err
}

// ErrRefusesPing means that the plugin runs, and refuses everything.
var ErrRefusesPing = errors.New("the plugin refuses GET /_ping, and with it every docker command")

// Check makes sure that a plugin can guard an Engine without locking it: it answers, refuses what is no request, and lets a ping pass.
func (p *Plugin) Check(ctx context.Context) error {
	if err := p.Activate(ctx); err != nil {
		return err
	}
	switch r, err := p.Ask(ctx, nil); {
	case err != nil:
		return err
	case r.Allowed:
		return errors.New("the plugin lets an empty call pass, and with it what dockerd sends after a connection broke; it is not Caisson")
	}
	ping := &authorization.Request{RequestMethod: http.MethodGet, RequestURI: "/_ping"}
	switch r, err := p.Ask(ctx, ping); {
	case err != nil:
		return err
	case !r.Allowed:
		return fmt.Errorf("%w: %s", ErrRefusesPing, r.Text)
	}
	return nil
}

// Sample is a call that Caisson refuses under every profile but none: a privileged container, of an image that does not exist.
func Sample() *authorization.Request {
	body := []byte(`{"Image":"` + NoImage + `/sample","HostConfig":{"Privileged":true}}`)
	return &authorization.Request{
		RequestMethod: http.MethodPost, RequestURI: "/containers/create?name=" + NoImage, RequestBody: body,
		RequestHeaders: map[string]string{"Content-Type": "application/json", "Content-Length": strconv.Itoa(len(body))},
	}
}
