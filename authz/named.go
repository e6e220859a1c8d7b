package authz

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/bmatcuk/doublestar/v4"
	"github.com/distribution/reference"

	"caisson/authz/request"
	"caisson/authz/state"
)

// named compares what a request acts on with the object patterns of statements. Objects are looked up when the first statement
// asks, through the view that the rest of the decision uses.
type named struct {
	view state.View
	r    *request.Request
	who  *request.Principal

	list []object
	err  error
	done bool
}

// object is something that a request acts on.
type object struct {
	request.Reference
	names  []string // all that the Engine takes for the same, as far as it is known
	id     string   // of a container that exists
	lookUp look
}

// look says what is known of an object beside its name.
type look uint8

const (
	notLooked look = iota // nothing: the text may be an ID as well
	looked                // it is what the Engine says it is
	ownLook               // nothing, because the request may be a look-up of Caisson's own
)

// allowed tells whether everything that the request acts on matches: who renames a container must be allowed both names.
func (n *named) allowed(ctx context.Context, patterns []string) (bool, error) {
	if len(patterns) == 0 {
		return true, nil
	}
	list, err := n.objects(ctx)
	if err != nil || len(list) == 0 {
		return false, err
	}
	return !slices.ContainsFunc(list, func(o object) bool { return !o.allowed(patterns) }), nil
}

// denied tells whether anything that the request acts on matches, by any of its names.
func (n *named) denied(ctx context.Context, patterns []string) (bool, error) {
	if len(patterns) == 0 {
		return true, nil
	}
	list, err := n.objects(ctx)
	if err != nil {
		return false, err
	}
	for _, o := range list {
		if matches(patterns, append([]string{o.Name, o.id}, o.names...)...) {
			return true, nil
		}
	}
	for _, o := range list {
		if o.lookUp == notLooked && o.mayBeID() {
			return false, &request.Error{
				Place: o.Field, Reason: fmt.Sprintf("%q may be the ID of something that an access statement denies", o.Name),
				Fix: "use the name; if that can be taken for an ID too, ask the operator of this host",
			}
		}
	}
	return false, nil
}

// allowed compares by name. What may be the ID of something else passes only if it is listed as it is.
func (o *object) allowed(patterns []string) bool {
	switch {
	case o.lookUp == ownLook || o.Name == "":
		return false
	case o.id == "" && o.mayBeID():
		return slices.Contains(patterns, o.Name)
	}
	return matches(patterns, o.names...)
}

// mayBeID tells whether the name may be an ID, whole or shortened. Volumes have none, and a name that is to be given is not
// looked for among them.
func (o *object) mayBeID() bool {
	digits := "0123456789abcdefABCDEF"
	switch o.Kind {
	case request.VolumeReference, request.NewReference:
		return false
	case request.OtherReference:
		digits = "0123456789abcdefghijklmnopqrstuvwxyz" // of the swarm
	}
	id := strings.TrimPrefix(o.Name, "sha256:")
	return id != "" && len(id) <= 64 && strings.Trim(id, digits) == ""
}

// matches tells whether one of the patterns matches one of the names. Only ** goes past a slash.
func matches(patterns []string, names ...string) bool {
	return slices.ContainsFunc(patterns, func(p string) bool {
		return slices.ContainsFunc(names, func(name string) bool { return name != "" && doublestar.MatchUnvalidated(p, name) })
	})
}

// objects finds out what the request acts on, once.
func (n *named) objects(ctx context.Context) ([]object, error) {
	if n.done {
		return n.list, n.err
	}
	n.done = true
	for _, ref := range n.r.Objects() {
		o, err := n.object(ctx, ref)
		if err != nil {
			n.list, n.err = nil, err
			break
		}
		n.list = append(n.list, o)
	}
	return n.list, n.err
}

// object looks up containers, and those that execs run in. The rest is compared by what the client wrote.
func (n *named) object(ctx context.Context, ref request.Reference) (object, error) {
	o := object{Reference: ref, names: []string{ref.Name}}
	switch ref.Kind {
	case request.ImageReference:
		o.names = imageNames(ref.Name)
		return o, nil
	case request.NewReference, request.OtherReference:
		return o, nil
	case request.ContainerReference, request.ExecReference, request.VolumeReference, request.NetworkReference:
	}
	if !ref.Resolvable() {
		return o, &request.Error{Place: ref.Field, Reason: "its name holds characters that no name has", Fix: "use the name that docker shows"}
	}
	if ref.Kind != request.ContainerReference && ref.Kind != request.ExecReference {
		return o, nil
	}
	if n.who.Local && slices.Contains(state.LookUps, n.r.Operation) {
		o.lookUp = ownLook // one more look-up would lead here again, without end
		return o, nil
	}
	stored, err := n.container(ctx, ref)
	switch {
	case errors.Is(err, state.ErrNotFound): // the Engine says so better than we could
		o.lookUp = looked
	case err != nil:
		return o, err
	default:
		o.names, o.id, o.lookUp = []string{stored.Name}, stored.ID, looked
	}
	return o, nil
}

func (n *named) container(ctx context.Context, ref request.Reference) (*request.Stored, error) {
	name := ref.Name
	if ref.Kind == request.ExecReference {
		exec, err := n.view.Exec(ctx, name)
		if err != nil {
			return nil, err
		}
		name = exec.Container
	}
	return n.view.Container(ctx, name)
}

// imageNames lists the spellings of an image's name: busybox is docker.io/library/busybox:latest.
func imageNames(name string) []string {
	ref, err := reference.ParseDockerRef(name)
	if err != nil {
		return []string{name}
	}
	return []string{name, reference.FamiliarName(ref), reference.FamiliarString(ref), ref.Name(), ref.String()}
}

// on says on what, for a message, if a statement has asked. It is what the client wrote: whoever may not act on a container is not
// told the name that belongs to an ID.
func (n *named) on() string {
	var list []string
	for _, o := range n.list {
		if o.Name == "" {
			list = append(list, "something without a name")
		} else {
			list = append(list, fmt.Sprintf("%.200q", o.Name))
		}
	}
	if len(list) == 0 {
		return ""
	}
	return " on " + strings.Join(list, " and ")
}
