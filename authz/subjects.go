package authz

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"caisson/authz/request"
	"caisson/authz/rules"
	"caisson/authz/state"
)

// maxSubjects bounds how many containers one request may lead to. Namespaces are joined along chains, and an attacker could
// build a long one.
const maxSubjects = 64

// subject is something that a request is judged by: the request itself, and the existing containers that it acts on or joins,
// since it can do what they can do.
type subject struct {
	name string // "container web"; empty for the request itself
	mode Mode   // what happens at most with what is found: Audit for existing containers that the policy only watches
	r    *request.Request

	// owner is the request whose image and user an exception has to name: that of the workload that gets what is judged. A container
	// that joins an excepted one is not excepted by that.
	owner *request.Request

	image  *string // the owner's, by digest; nil until an exception asks
	anyone bool    // it is not known who gets it: exceptions for a user count too
}

// judgedBy tells whether a rule judges the subject. Rules about the operation as such have had their say on the request itself.
func (s *subject) judgedBy(spec *rules.Spec) bool {
	if s.name == "" {
		return spec.Judges(s.r)
	}
	return spec.JudgesWorkload(s.r.Workload)
}

// expansion finds the subjects of one request.
type expansion struct {
	view   state.View
	files  HostFiles // nil if the host's files cannot be seen
	list   []*subject
	images *imageLook      // nil if no rule asks about images
	seen   map[string]bool // containers by ID
	looks  int             // objects asked for so far
}

// newExpansion begins with the request itself.
func newExpansion(view state.View, r *request.Request) *expansion {
	return &expansion{view: view, list: []*subject{{r: r, owner: r}}}
}

// maxLooks bounds how many objects and host paths one request has looked up. One with thousands would keep the Engine, or Caisson, busy for
// nothing.
const maxLooks = 256

// look counts a look-up.
func (x *expansion) look() error {
	if x.looks++; x.looks > maxLooks {
		return fmt.Errorf("it names more than %d objects and host paths that have to be looked up; fix: ask for less at once", maxLooks)
	}
	return nil
}

// visit says how a container is to be judged that a request leads to.
type visit struct {
	mode   Mode
	owner  *request.Request // whose exceptions count; nil: the container's own
	update *request.Update  // what the request is going to change on it
}

// subjects lists what a request is judged by, itself first. An error means that the Engine could not be asked, or that the request
// names objects in a way that nobody else would.
func (x *expansion) subjects(ctx context.Context, existing Mode) ([]*subject, error) {
	r := x.list[0].r
	if err := x.resolve(ctx, r.Workload, Enforce, r); err != nil {
		return nil, err
	}
	if r.Update != nil {
		existing = Enforce // what an update leaves behind is new, however old the container is
	}
	if target, ok := r.Target(); ok && existing != Off {
		if err := x.target(ctx, target, existing, r); err != nil {
			return nil, err
		}
	}
	return x.list, nil
}

// target adds the container that the operation acts on. If it does not exist, the Engine says so better than we could.
func (x *expansion) target(ctx context.Context, ref request.Reference, mode Mode, r *request.Request) error {
	if !ref.Resolvable() {
		return &request.Error{Place: ref.Field, Reason: "its name holds characters that no name has", Fix: "use the name or the ID that docker ps shows"}
	}
	name := ref.Name
	if ref.Kind == request.ExecReference {
		exec, err := x.view.Exec(ctx, name)
		if err != nil {
			return ignoreMissing(err)
		}
		name, ctx = exec.Container, state.WithRecent(ctx)
		sub := withWorkload(r, request.NewExec(exec.Privileged, exec.User))
		x.list = append(x.list, &subject{name: "exec", mode: mode, r: sub, owner: sub})
	}
	_, err := x.container(ctx, name, visit{mode: mode, update: r.Update})
	return ignoreMissing(err)
}

func ignoreMissing(err error) error {
	if errors.Is(err, state.ErrNotFound) {
		return nil
	}
	return err
}

// container adds an existing container, and those that it joins in turn, and returns it.
func (x *expansion) container(ctx context.Context, ref string, v visit) (*request.Stored, error) {
	if err := x.look(); err != nil {
		return nil, err
	}
	c, err := x.view.Container(ctx, ref)
	if ignoreMissing(err) != nil {
		return nil, err
	}
	// Also when there is none: a text that begins two IDs means nothing until one of them goes away.
	if err := x.namesakes(ctx, ref, c, v); err != nil {
		return nil, err
	}
	if err != nil || x.seen[c.ID] {
		return c, err
	}
	if x.seen == nil {
		x.seen = make(map[string]bool)
	}
	if x.seen[c.ID] = true; len(x.list) >= maxSubjects {
		return nil, fmt.Errorf("it leads to more than %d containers; fix: do not chain container: references", maxSubjects)
	}
	w := *c.Workload // a Memo hands out one answer to all
	w.Mounts = slices.Clone(w.Mounts)
	if v.update != nil {
		w = *v.update.Apply(&w)
	}
	sub := withWorkload(x.list[0].r, &w)
	if v.owner == nil {
		v.owner = sub
	}
	x.list = append(x.list, &subject{name: "container " + c.Name, mode: v.mode, r: sub, owner: v.owner})
	return c, x.resolve(ctx, &w, v.mode, v.owner)
}

// hexadecimal is what an ID, or the beginning of one, is made of.
var hexadecimal = regexp.MustCompile(`^[0-9a-f]+$`)

// fullID is the length of an ID.
const fullID = 64

// namesakes adds the containers that a name may come to stand for at any moment: to the Engine a name outweighs the beginning of an
// ID, so when the container called "db" is renamed or removed, "db" is the container whose ID begins that way. Whoever can rename a
// harmless container could otherwise swap the two between our look and the Engine's.
//
// Source: moby daemon/container.go, GetContainer.
func (x *expansion) namesakes(ctx context.Context, ref string, c *request.Stored, v visit) error {
	// What was found as an ID, and not as a name, can only come to stand for a container of that name, which is judged when it gets it.
	byID := c != nil && strings.HasPrefix(c.ID, ref) && c.Name != ref
	if byID || len(ref) >= fullID || !hexadecimal.MatchString(ref) {
		return nil
	}
	if err := x.look(); err != nil {
		return err
	}
	ids, err := x.view.ContainerIDs(ctx, ref)
	if err != nil {
		return err
	}
	for _, other := range ids {
		if !strings.HasPrefix(other, ref) || other == ref || c != nil && other == c.ID {
			continue
		}
		if _, err := x.container(ctx, other, v); ignoreMissing(err) != nil {
			return err
		}
	}
	return nil
}

// resolve looks up what a workload refers to: volumes, which are judged by what they are, and containers, which are judged
// beside it. A container that does not exist stays unresolved; the rules refuse that, because the Engine resolves the name when the
// workload starts.
func (x *expansion) resolve(ctx context.Context, w *request.Workload, mode Mode, owner *request.Request) error {
	if w == nil {
		return nil
	}
	if err := x.volumes(ctx, w); err != nil {
		return err
	}
	if err := x.hostPaths(ctx, w); err != nil {
		return err
	}
	x.defaults(ctx, w)
	if err := x.images.resolve(ctx, x, w); err != nil {
		return err
	}
	if err := x.networks(ctx, w); err != nil {
		return err
	}
	for _, ref := range w.Joins() {
		if !ref.Resolvable() {
			continue
		}
		switch c, err := x.container(ctx, ref.Name, visit{mode: mode, owner: owner}); {
		case errors.Is(err, state.ErrNotFound):
		case err != nil:
			return err
		case ref.ByID && c.ID != ref.Name: // the donor is gone, and something else bears its ID as a name
		default:
			w.MarkJudged(ref.Field, c.Name)
		}
	}
	return nil
}

// volumes puts the driver and the options of volumes that exist in the place of what the request says about them: the Engine
// does not change an existing volume, so its name may stand for a bind of the host's root.
func (x *expansion) volumes(ctx context.Context, w *request.Workload) error {
	if w.Door == request.DoorVolume {
		return nil // judged by what it asks for
	}
	for i := range w.Mounts {
		m := &w.Mounts[i]
		ref := request.Reference{Kind: request.VolumeReference, Name: m.Source, Field: m.Field}
		if m.Type != request.MountVolume || !ref.Resolvable() {
			continue
		}
		if err := x.look(); err != nil {
			return err
		}
		switch v, err := x.view.Volume(ctx, m.Source); {
		case errors.Is(err, state.ErrNotFound): // will be created as the request says
		case err != nil:
			return err
		default:
			m.Driver, m.DriverOptions = v.Driver, v.Options
		}
	}
	return nil
}

// defaults takes out the daemon's own runtime, which a new container would get anyway: tools that recreate a container send back
// what an inspect told them. If the Engine cannot be asked, the rules judge what is there. The host's cgroup namespace stays, even
// where it is the default: a client that names it means it.
func (x *expansion) defaults(ctx context.Context, w *request.Workload) {
	if w.Door != request.DoorCreate || w.Runtime.V == "" {
		return
	}
	if d, err := x.view.Defaults(ctx); err == nil && w.Runtime.V == d.Runtime {
		w.Runtime.V = ""
	}
}

func withWorkload(r *request.Request, w *request.Workload) *request.Request {
	sub := *r
	sub.Workload, sub.Network, sub.Service, sub.Unknown = w, nil, nil, nil
	return &sub
}
