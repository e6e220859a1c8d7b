package docker

import (
	"context"
	"fmt"
	"time"
)

// Kind is what a look-up asks for.
type Kind string

// The kinds of look-ups.
const (
	Container    Kind = "container"
	ContainerIDs Kind = "container_ids"
	Defaults     Kind = "defaults"
	Exec         Kind = "exec"
	Image        Kind = "image"
	Kill         Kind = "kill" // of a container, which is no look-up but bounded like one
	Network      Kind = "network"
	Removal      Kind = "removal" // likewise
	Volume       Kind = "volume"
)

// Kinds lists them all.
var Kinds = []Kind{Container, ContainerIDs, Defaults, Exec, Image, Kill, Network, Removal, Volume}

// look asks the Engine. It bounds look-ups in time and number.
func look[T any](ctx context.Context, e *Engine, kind Kind, name string, ask func(context.Context, string) (T, error)) (value T, err error) {
	if e.Observe != nil {
		begin := time.Now()
		defer func() { e.Observe(kind, time.Since(begin), err) }()
	}
	ctx, cancel := context.WithTimeout(ctx, deadline)
	defer cancel()
	if err := e.slots.Acquire(ctx, 1); err != nil {
		return value, fmt.Errorf("too many look-ups at once: %w", err)
	}
	defer e.slots.Release(1)
	return ask(ctx, name)
}
