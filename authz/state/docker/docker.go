// Package docker asks a Docker Engine about its objects, for package state.
package docker

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/containerd/errdefs"
	"github.com/maypok86/otter/v2"
	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/client"
	"golang.org/x/sync/semaphore"

	"caisson/authz/request"
	"caisson/authz/state"
)

// Limits of look-ups.
const (
	deadline    = 5 * time.Second // of one look-up, in which dockerd has to ask Caisson about it first
	concurrency = 32              // look-ups at a time; more wait
	defaultsFor = time.Minute     // how long the daemon's defaults are remembered
	maxAnswer   = 4 << 20

	// A container that has just been looked up by name is, in a docker exec, asked for by ID at once, and what an exec can reach does not
	// change that fast. For what a start or an update is going to do, the Engine is always asked.
	cachedFor = 10 * time.Second
	cached    = 1024
	fullID    = 64
)

// Engine is a [state.View] of a Docker Engine. It is safe for concurrent use, and connects when it is first asked.
type Engine struct {
	// Observe is told of each look-up, for metrics: of its kind, how long it took, and its error. nil is nobody. It is set before the first.
	Observe func(Kind, time.Duration, error)

	client *client.Client
	http   *http.Client // under client, and for what that leaves out of an answer, or takes long to decode
	slots  *semaphore.Weighted
	byID   *otter.Cache[string, *request.Stored]
	images flights

	mu       sync.Mutex
	defaults request.Defaults
	until    time.Time
}

var _ state.View = (*Engine)(nil)

// New prepares look-ups at an address such as unix:///run/docker.sock. It does not connect.
func New(address string) (*Engine, error) {
	path, ok := strings.CutPrefix(address, "unix://")
	if !ok {
		return nil, fmt.Errorf("the Engine's address %q is not of the form unix:///run/docker.sock", address)
	}
	h := &http.Client{
		Transport:     &transport{dial: func(ctx context.Context) (net.Conn, error) { return (&net.Dialer{}).DialContext(ctx, "unix", path) }},
		CheckRedirect: client.CheckRedirect, // which follows none, and makes an error of one that answers a change
	}
	// The host first, which would configure the transport: it knows those of net/http only.
	c, err := client.New(client.WithHost(address), client.WithHTTPClient(h), client.WithUserAgent("caisson"))
	if err != nil {
		return nil, err
	}
	return &Engine{
		client: c,
		http:   h,
		slots:  semaphore.NewWeighted(concurrency),
		byID: otter.Must(&otter.Options[string, *request.Stored]{
			MaximumSize: cached, ExpiryCalculator: otter.ExpiryWriting[string, *request.Stored](cachedFor),
		}),
	}, nil
}

// Close drops idle connections.
func (e *Engine) Close() error {
	e.http.CloseIdleConnections()
	return e.client.Close()
}

// Container implements [state.View].
func (e *Engine) Container(ctx context.Context, name string) (*request.Stored, error) {
	if c, ok := e.byID.GetIfPresent(name); ok && state.Recent(ctx) { // never by name: only an ID keeps its meaning
		return c, nil
	}
	return look(ctx, e, Container, name, e.container)
}

func (e *Engine) container(ctx context.Context, name string) (*request.Stored, error) {
	defaults, err := e.daemonDefaults(ctx)
	if err != nil {
		return nil, err
	}
	res, err := e.client.ContainerInspect(ctx, name, client.ContainerInspectOptions{})
	if err != nil {
		return nil, worded("container "+name, err)
	}
	c, err := request.ParseStored(res.Raw, defaults)
	if err == nil && len(c.ID) == fullID {
		e.byID.Set(c.ID, c)
	}
	return c, err
}

// Defaults implements [state.View].
func (e *Engine) Defaults(ctx context.Context) (request.Defaults, error) {
	if d, fresh := e.remembered(); fresh {
		return d, nil
	}
	return look(ctx, e, Defaults, "", func(ctx context.Context, _ string) (request.Defaults, error) { return e.daemonDefaults(ctx) })
}

// ContainerIDs implements [state.View].
func (e *Engine) ContainerIDs(ctx context.Context, prefix string) ([]string, error) {
	return look(ctx, e, ContainerIDs, prefix, e.containerIDs)
}

func (e *Engine) containerIDs(ctx context.Context, prefix string) ([]string, error) {
	res, err := e.client.ContainerList(ctx, client.ContainerListOptions{All: true, Filters: make(client.Filters).Add("id", prefix)})
	if err != nil {
		return nil, worded("containers by ID", err)
	}
	ids := make([]string, len(res.Items))
	for i := range res.Items {
		ids[i] = res.Items[i].ID
	}
	return ids, nil
}

// Volume implements [state.View].
func (e *Engine) Volume(ctx context.Context, name string) (*state.Volume, error) {
	return look(ctx, e, Volume, name, e.volume)
}

func (e *Engine) volume(ctx context.Context, name string) (*state.Volume, error) {
	res, err := e.client.VolumeInspect(ctx, name, client.VolumeInspectOptions{})
	if err != nil {
		return nil, worded("volume "+name, err)
	}
	return &state.Volume{Name: res.Volume.Name, Driver: res.Volume.Driver, Options: res.Volume.Options}, nil
}

// Network implements [state.View]. The Engine finds the networks of the swarm here as well, by all names and IDs that it takes for
// them in a service.
//
// Source: moby daemon/server/router/network/network_routes.go, getNetwork.
func (e *Engine) Network(ctx context.Context, ref string) (*state.Network, error) {
	return look(ctx, e, Network, ref, e.network)
}

func (e *Engine) network(ctx context.Context, ref string) (*state.Network, error) {
	res, err := e.client.NetworkInspect(ctx, ref, client.NetworkInspectOptions{})
	if err != nil {
		return nil, worded("network "+ref, err)
	}
	n := &state.Network{ID: res.Network.ID, Name: res.Network.Name, Driver: res.Network.Driver}
	if n.Driver != "host" {
		return n, nil
	}
	res, err = e.client.NetworkInspect(ctx, n.Name, client.NetworkInspectOptions{Scope: "swarm"})
	if err != nil {
		err = worded("network "+n.Name+" of the swarm", err)
		if !errors.Is(err, state.ErrNotFound) { // without a swarm there is none
			return nil, err
		}
		return n, nil
	}
	n.SwarmID = res.Network.ID
	return n, nil
}

// Exec implements [state.View]. The client library leaves out as whom an exec runs, and whether it is privileged.
func (e *Engine) Exec(ctx context.Context, id string) (*state.Exec, error) {
	return look(ctx, e, Exec, id, e.exec)
}

func (e *Engine) exec(ctx context.Context, id string) (*state.Exec, error) {
	var body container.ExecInspectResponse
	if err := e.get(ctx, "exec "+id, url.URL{Path: "/exec/" + id + "/json", RawPath: "/exec/" + url.PathEscape(id) + "/json"}, &body); err != nil {
		return nil, err
	}
	x := &state.Exec{Container: body.ContainerID}
	if p := body.ProcessConfig; p != nil {
		x.User, x.Privileged = p.User, p.Privileged != nil && *p.Privileged
	}
	return x, nil
}

// get asks for a JSON value past the client library.
func (e *Engine) get(ctx context.Context, what string, at url.URL, into any) error {
	at.Scheme, at.Host = "http", "engine"
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, at.String(), nil)
	if err != nil {
		return err
	}
	res, err := e.http.Do(req)
	if err != nil {
		return worded(what, err)
	}
	defer res.Body.Close() //nolint:errcheck // only read from
	text, err := io.ReadAll(io.LimitReader(res.Body, maxAnswer))
	switch {
	case err != nil:
		return worded(what, err)
	case res.StatusCode == http.StatusNotFound:
		return state.ErrNotFound
	case res.StatusCode != http.StatusOK:
		return fmt.Errorf("look up %s: the Engine answers %s", what, res.Status)
	}
	if err := json.Unmarshal(text, into); err != nil {
		return worded(what, err)
	}
	return nil
}

// daemonDefaults asks for the daemon's defaults, at most once in a while: they change with the daemon's configuration only.
func (e *Engine) daemonDefaults(ctx context.Context) (request.Defaults, error) {
	d, fresh := e.remembered()
	if fresh {
		return d, nil
	}
	// Not under the lock: the look-up comes back to the plugin, and other decisions need not wait for it.
	res, err := e.client.Info(ctx, client.InfoOptions{})
	if err != nil {
		return request.Defaults{}, worded("the daemon's defaults", err)
	}
	d = request.Defaults{
		Runtime: res.Info.DefaultRuntime, LogDriver: res.Info.LoggingDriver, NoSwapLimit: !res.Info.SwapLimit,
		HostCgroupns: !slices.Contains(res.Info.SecurityOptions, "name=cgroupns"), // moby daemon/info_unix.go, cgroupNamespacesEnabled
	}
	e.mu.Lock()
	e.defaults, e.until = d, time.Now().Add(defaultsFor)
	e.mu.Unlock()
	return d, nil
}

// remembered returns the daemon's defaults if they were asked for a moment ago.
func (e *Engine) remembered() (d request.Defaults, fresh bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.defaults, time.Now().Before(e.until)
}

// worded tells an object that is not there from an Engine that cannot be asked.
func worded(what string, err error) error {
	if errdefs.IsNotFound(err) {
		return state.ErrNotFound
	}
	return fmt.Errorf("look up %s: %w", what, err)
}
