package authz

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

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
		if o.known == nothing && o.mayBeID() {
			return false, &request.Error{
				Place: o.Field, Reason: fmt.Sprintf("%q may be the ID of something that an access statement denies", o.Name),
				Fix: "use the name; if that can be taken for an ID too, ask the operator of this host",
			}
		}
	}
	return false, nil
}

// objects finds out what the request acts on, once.
func (n *named) objects(ctx context.Context) ([]object, error) {
	if n.done {
		return n.list, n.err
	}
	n.done = true
	refs := n.r.Objects()
	if len(refs) > maxLooks {
		n.err = &request.Error{Place: refs[0].Field, Reason: fmt.Sprintf("more than %d objects are named", maxLooks), Fix: "ask for less at once"}
		return nil, n.err
	}
	for _, ref := range refs {
		list, err := n.look(ctx, ref)
		if err != nil {
			n.list, n.err = nil, err
			break
		}
		n.list = append(n.list, list...)
	}
	return n.list, n.err
}

// look finds the names of an object. Containers, those that execs run in, and networks are looked up: a statement means a name, and
// clients use names, IDs and beginnings of IDs for the same thing. A volume's name is all that it has; of the rest, the client's text
// is all that is known. One text may stand for several objects, see namesakes.
func (n *named) look(ctx context.Context, ref request.Reference) ([]object, error) {
	o := object{Reference: ref, names: []string{ref.Name}}
	switch ref.Kind {
	case request.ImageReference:
		o.names = imageNames(ref.Name)
		return []object{o}, nil
	case request.NewReference, request.OtherReference:
		return []object{o}, nil
	case request.ContainerReference, request.ExecReference, request.VolumeReference, request.NetworkReference:
	}
	if !ref.Resolvable() {
		return nil, &request.Error{Place: ref.Field, Reason: "its name holds characters that no name has", Fix: "use the name that docker shows"}
	}
	if ref.Kind == request.VolumeReference {
		return []object{o}, nil
	}
	if n.who.Local && slices.Contains(state.LookUps, n.r.Operation) {
		o.known = ownLook // one more look-up would lead here again, without end
		return []object{o}, nil
	}
	o.known = asked
	name, id, err := n.resolve(ctx, ref)
	switch {
	case errors.Is(err, state.ErrNotFound): // the Engine says so better than we could
		return []object{o}, nil
	case err != nil:
		return nil, err
	}
	o.names, o.id = []string{name}, id
	if !o.mayBeID() || strings.HasPrefix(id, o.Name) {
		return []object{o}, nil
	}
	return n.namesakes(ctx, o)
}

// resolve asks the Engine which object a reference means. The answer is remembered, so that the rules judge the same object.
func (n *named) resolve(ctx context.Context, ref request.Reference) (name, id string, err error) {
	if ref.Kind == request.NetworkReference {
		net, err := n.view.Network(ctx, ref.Name)
		if err != nil {
			return "", "", err
		}
		return net.Name, net.ID, nil
	}
	container := ref.Name
	if ref.Kind == request.ExecReference {
		exec, err := n.view.Exec(ctx, container)
		if err != nil {
			return "", "", err
		}
		container = exec.Container
	}
	stored, err := n.view.Container(ctx, container)
	if err != nil {
		return "", "", err
	}
	return stored.Name, stored.ID, nil
}

// namesakes adds what a name such as "cafe" will stand for once the object that has it is renamed or removed: another one, whose ID
// begins so. Whoever may do that to the first could reach the second between our look and the Engine's. Containers are looked up
// by the beginnings of their IDs. Networks are not, so that such a name is taken for one of which nothing is known.
func (n *named) namesakes(ctx context.Context, o object) ([]object, error) {
	switch o.Kind {
	case request.NetworkReference:
		o.id, o.known = "", nothing
		return []object{o}, nil
	case request.ExecReference: // execs have no names
		return []object{o}, nil
	default:
	}
	list := []object{o}
	ids, err := n.view.ContainerIDs(ctx, o.Name)
	if err != nil {
		return nil, err
	}
	for _, id := range ids {
		if !strings.HasPrefix(id, o.Name) {
			continue
		}
		switch c, err := n.view.Container(ctx, id); {
		case errors.Is(err, state.ErrNotFound):
		case err != nil:
			return nil, err
		default:
			other := o
			other.names, other.id = []string{c.Name}, c.ID
			list = append(list, other)
		}
	}
	return list, nil
}

// on says on what, for a message, if a statement has asked. It is what the client wrote: whoever may not act on a container is not
// told the name that belongs to an ID.
func (n *named) on() string {
	var list []string
	for _, o := range n.list {
		text := fmt.Sprintf("%.200q", o.Name)
		if o.Name == "" {
			text = "something without a name"
		}
		if !slices.Contains(list, text) {
			list = append(list, text)
		}
	}
	if len(list) == 0 {
		return ""
	}
	return " on " + strings.Join(list, " and ")
}
