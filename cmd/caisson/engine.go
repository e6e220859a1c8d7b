package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"caisson/authz/state/docker"
	"caisson/cmd/caisson/host"
)

// askableEngine connects to the Engine, for commands that ask it. dockerd asks Caisson about their questions too: while that does not answer, each
// would only take long, so that is found out first.
func askableEngine(ctx context.Context, address string) (*docker.Engine, error) {
	if err := checkEngine(address); err != nil {
		return nil, fmt.Errorf("--engine: %w", err)
	}
	err := (&host.Engine{Socket: strings.TrimPrefix(address, "unix://")}).Decides(ctx)
	switch {
	case errors.Is(err, host.ErrPluginFailed):
		return nil, fmt.Errorf("%w; fix: \"caisson enforce status\" says whether Caisson answers", err)
	case err != nil:
		return nil, err
	}
	return docker.New(address)
}
