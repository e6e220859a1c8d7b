package state

import (
	"context"
	"encoding/json"
	"fmt"

	"caisson/authz/request"
)

// Fixed is a view with canned answers, for cases and tests: the Engine's own JSON, by the names under which objects are asked for.
type Fixed struct {
	Containers map[string]json.RawMessage // answers to container inspect
	Execs      map[string]*Exec
	Volumes    map[string]*Volume
	Networks   map[string]*Network
	Images     map[string]*request.ImageFacts // what was found out about images, by name
	Daemon     request.Defaults               `json:"Defaults"`
}

// ParseFixed reads the section state.json of a case file.
func ParseFixed(text []byte) (Fixed, error) {
	var f Fixed
	if err := json.Unmarshal(text, &f); err != nil {
		return Fixed{}, fmt.Errorf("state: %w", err)
	}
	return f, nil
}

// Container implements [View].
func (f Fixed) Container(_ context.Context, name string) (*request.Stored, error) {
	text, ok := f.Containers[name]
	if !ok {
		return nil, ErrNotFound
	}
	return request.ParseStored(text, f.Daemon)
}

// ContainerIDs implements [View].
func (f Fixed) ContainerIDs(context.Context, string) ([]string, error) {
	var ids []string
	for _, text := range f.Containers {
		c, err := request.ParseStored(text, f.Daemon)
		if err != nil {
			return nil, err
		}
		ids = append(ids, c.ID)
	}
	return ids, nil
}

// Defaults implements [View].
func (f Fixed) Defaults(context.Context) (request.Defaults, error) { return f.Daemon, nil }

// Exec implements [View].
func (f Fixed) Exec(_ context.Context, id string) (*Exec, error) {
	if e := f.Execs[id]; e != nil {
		return e, nil
	}
	return nil, ErrNotFound
}

// Volume implements [View].
func (f Fixed) Volume(_ context.Context, name string) (*Volume, error) {
	if v := f.Volumes[name]; v != nil {
		return v, nil
	}
	return nil, ErrNotFound
}

// Network implements [View].
func (f Fixed) Network(_ context.Context, ref string) (*Network, error) {
	if n := f.Networks[ref]; n != nil {
		return n, nil
	}
	return nil, ErrNotFound
}

// Image implements [View]. What was found out about images is canned, so nobody has to look at them.
func (f Fixed) Image(context.Context, string, string) (*Image, error) { return nil, ErrNotFound }
