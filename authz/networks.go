package authz

import (
	"context"
	"strings"

	"caisson/authz/request"
)

// networks asks which network each name of a service stands for, as an ID of the host's own is taken there. Containers cannot join
// that one by an ID, so theirs need no look.
func (x *expansion) networks(ctx context.Context, w *request.Workload) error {
	if w.Door != request.DoorService {
		return nil
	}
	for i := range w.Endpoints {
		e := &w.Endpoints[i]
		ref := request.Reference{Kind: request.NetworkReference, Name: e.Name, Field: e.Field + ".Target"}
		if !ref.Resolvable() {
			return &request.Error{Place: ref.Field, Reason: "its name holds characters that no name has", Fix: "use the name that docker network ls shows"}
		}
		if e.Name == "host" {
			continue // already known for what it is
		}
		name, err := x.network(ctx, e.Name)
		if err != nil {
			return err
		}
		w.ResolveNetwork(e, name)
	}
	return nil
}

// network gives the name of a network; "" is none. What the ID of the host's network begins with is that one even while another has
// it for a name: with that removed between our look and the Engine's, the Engine would find the host's.
func (x *expansion) network(ctx context.Context, ref string) (string, error) {
	host, err := x.view.Network(ctx, "host")
	switch {
	case ignoreMissing(err) != nil:
		return "", err
	case err == nil && (strings.HasPrefix(host.ID, ref) || strings.HasPrefix(host.SwarmID, ref)):
		return "host", nil
	}
	n, err := x.view.Network(ctx, ref)
	switch {
	case err != nil:
		return "", ignoreMissing(err)
	case n.Driver == "host":
		return "host", nil
	}
	return n.Name, nil
}
