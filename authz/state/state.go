// Package state is what Caisson knows of the Engine's objects: a read-only view of the containers, execs and volumes that a request names.
//
// A request that starts, enters or joins a container can do what that container can do, so it is judged by the container's stored
// configuration. The view is looked at lazily, once per object and decision ([Memo]), and only for operations that need it. The look-ups
// are themselves Engine requests and come back to the plugin as such; they are decided without state, or this would never end.
package state

import (
	"context"
	"encoding/json"
	"errors"

	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"caisson/authz/request"
)

// ErrNotFound says that the Engine has no such object. Every other error means that it could not be asked.
var ErrNotFound = errors.New("no such object")

// View answers questions about the Engine's objects. Names are resolved by the Engine itself, exactly as it will do for the request.
type View interface {
	Container(ctx context.Context, name string) (*request.Stored, error)
	// ContainerIDs lists the containers whose ID begins with a prefix. It may list others as well.
	ContainerIDs(ctx context.Context, prefix string) ([]string, error)
	Exec(ctx context.Context, id string) (*Exec, error)
	// Defaults returns the daemon's own settings.
	Defaults(ctx context.Context) (request.Defaults, error)
	Volume(ctx context.Context, name string) (*Volume, error)
	Network(ctx context.Context, ref string) (*Network, error)
	// Image returns what a name, a digest or an ID stands for now. platform is as in docker run --platform; "" is the Engine's choice. An
	// Engine that knows no platforms here answers as if it were "".
	Image(ctx context.Context, ref, platform string) (*Image, error)
}

// Exec is a command that was prepared to run in a container.
type Exec struct {
	Container  string // ID
	Privileged bool
	User       string
}

// Volume is a named volume.
type Volume struct {
	Name    string
	Driver  string
	Options map[string]string
}

// Network is a network of the host or of its swarm.
type Network struct {
	ID      string
	SwarmID string // of a network of the host's own: what the swarm knows it by
	Name    string
	Driver  string
}

// Image is an image that the Engine has.
type Image struct {
	ID          string // sha256:…; of the containerd store that of a manifest or an index
	RepoDigests []string
	Created     string // RFC 3339; "" if it says nothing
	Platform    ocispec.Platform
	Labels      map[string]string
	Descriptor  *ocispec.Descriptor // of what ID stands for, in the containerd store of Engine 28 and later; nil elsewhere
	Identity    json.RawMessage     // from Engine 29.2 on; nil elsewhere
}

// None is a view of an Engine without objects. It serves where there is no Engine to ask, such as "caisson check".
var None View = Fixed{}

// Memo gives one answer per object, so that all rules of a decision see the same. It is not safe for concurrent use.
type Memo struct {
	view       View
	containers map[string]answer[*request.Stored]
	ids        map[string]answer[[]string]
	execs      map[string]answer[*Exec]
	volumes    map[string]answer[*Volume]
	networks   map[string]answer[*Network]
	images     map[string]answer[*Image]
}

type answer[T any] struct {
	value T
	err   error
}

// NewMemo remembers the answers of a view for the length of one decision.
func NewMemo(v View) *Memo { return &Memo{view: v} }

// Container implements [View].
func (m *Memo) Container(ctx context.Context, name string) (*request.Stored, error) {
	return remember(ctx, &m.containers, name, m.view.Container)
}

// ContainerIDs implements [View].
func (m *Memo) ContainerIDs(ctx context.Context, prefix string) ([]string, error) {
	return remember(ctx, &m.ids, prefix, m.view.ContainerIDs)
}

// Exec implements [View].
func (m *Memo) Exec(ctx context.Context, id string) (*Exec, error) {
	return remember(ctx, &m.execs, id, m.view.Exec)
}

// Volume implements [View].
func (m *Memo) Volume(ctx context.Context, name string) (*Volume, error) {
	return remember(ctx, &m.volumes, name, m.view.Volume)
}

// Network implements [View].
func (m *Memo) Network(ctx context.Context, ref string) (*Network, error) {
	return remember(ctx, &m.networks, ref, m.view.Network)
}

// Image implements [View].
func (m *Memo) Image(ctx context.Context, ref, platform string) (*Image, error) {
	return remember(ctx, &m.images, ref+" "+platform, func(ctx context.Context, _ string) (*Image, error) { return m.view.Image(ctx, ref, platform) })
}

// Defaults implements [View].
func (m *Memo) Defaults(ctx context.Context) (request.Defaults, error) { return m.view.Defaults(ctx) }

type recent struct{}

// WithRecent lets a view answer about a container, asked for by its ID, from what it learned a moment ago.
func WithRecent(ctx context.Context) context.Context { return context.WithValue(ctx, recent{}, true) }

// Recent tells whether [WithRecent] said so.
func Recent(ctx context.Context) bool { return ctx.Value(recent{}) != nil }

func remember[T any](ctx context.Context, cache *map[string]answer[T], key string, ask func(context.Context, string) (T, error)) (T, error) {
	if a, ok := (*cache)[key]; ok {
		return a.value, a.err
	}
	value, err := ask(ctx, key)
	if *cache == nil {
		*cache = make(map[string]answer[T])
	}
	(*cache)[key] = answer[T]{value, err}
	return value, err
}
