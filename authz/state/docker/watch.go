package docker

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/containerd/errdefs"
	"github.com/moby/moby/api/types/events"
	"github.com/moby/moby/client"

	"caisson/authz/request"
)

// watched are the events after which a container that runs may be another one than before.
var watched = client.Filters{}.Add("type", string(events.ContainerEventType)).Add("event", string(events.ActionStart), string(events.ActionUpdate))

// Watch calls see with the ID of every container that runs, and from then on with that of every one that is started or updated, until the
// context ends or the Engine no longer tells. ready is called once, when it does tell. see must not wait: the Engine forgets events that are
// not taken from it.
//
// The events are asked for first, so that nothing starts unseen between them and the list; a container may be seen twice. The Engine answers
// before it listens to itself, so that it is also asked for the events of the moment before.
//
// Source: moby daemon/server/router/system/system_routes.go, getEvents.
func (e *Engine) Watch(ctx context.Context, ready func(), see func(id string)) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	stream := e.client.Events(ctx, client.EventsListOptions{Filters: watched, Since: strconv.FormatInt(time.Now().Unix(), 10)})
	select {
	case err := <-stream.Err: // it was refused
		return fmt.Errorf("the Engine's events: %w", err)
	default:
	}
	list, err := e.client.ContainerList(ctx, client.ContainerListOptions{})
	if err != nil {
		return fmt.Errorf("list the containers that run: %w", err)
	}
	ready()
	for _, c := range list.Items {
		see(c.ID)
	}
	for {
		select {
		case m := <-stream.Messages:
			see(m.Actor.ID)
		case err := <-stream.Err:
			return fmt.Errorf("the Engine's events: %w", err)
		}
	}
}

// StopContainer kills a container that runs, by its whole ID only. It is no error if it has ended.
func (e *Engine) StopContainer(ctx context.Context, id string) error {
	if !request.IsFullID(id) {
		return fmt.Errorf("stop container %q: it is not named by its whole ID", id)
	}
	_, err := look(ctx, e, Kill, id, func(ctx context.Context, id string) (client.ContainerKillResult, error) {
		return e.client.ContainerKill(ctx, id, client.ContainerKillOptions{})
	})
	if err == nil || errdefs.IsNotFound(err) || errdefs.IsConflict(err) {
		return nil
	}
	return fmt.Errorf("stop container %s: %w", id, err)
}
