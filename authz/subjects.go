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
	view  state.View
	files HostFiles // nil if the host's files cannot be seen
	list  []subject
	seen  map[string]bool // containers by ID
}

// subjects lists what a request is judged by, itself first. An error means that the Engine could not be asked, or that the request
// names objects in a way that nobody else would.
func subjects(ctx context.Context, view state.View, files HostFiles, existing Mode, r *request.Request) ([]subject, error) {
	x := &expansion{view: view, files: files, seen: make(map[string]bool)}
	x.list = append(x.list, subject{r: r, owner: r})
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
		name = exec.Container
		sub := withWorkload(r, request.NewExec(exec.Privileged, exec.User))
		x.list = append(x.list, subject{name: "exec", mode: mode, r: sub, owner: sub})
	}
	_, err := x.container(ctx, name, mode, nil)
	return ignoreMissing(err)
}

func ignoreMissing(err error) error {
	if errors.Is(err, state.ErrNotFound) {
		return nil
	}
	return err
}

// container adds an existing container, and those that it joins in turn, and returns its name. Without an owner it is its own.
func (x *expansion) container(ctx context.Context, ref string, mode Mode, owner *request.Request) (name string, err error) {
	r := x.list[0].r
	c, err := x.view.Container(ctx, ref)
	if err != nil {
		return "", err
	}
	if err := x.namesakes(ctx, ref, c.ID, mode, owner); err != nil {
		return "", err
	}
	if x.seen[c.ID] {
		return c.Name, nil
	}
	if x.seen[c.ID] = true; len(x.list) >= maxSubjects {
		return "", fmt.Errorf("it leads to more than %d containers; fix: do not chain container: references", maxSubjects)
	}
	w := *c.Workload // a Memo hands out one answer to all
	w.Mounts = slices.Clone(w.Mounts)
	if r.Update != nil && len(x.list) == 1 {
		w = *r.Update.Apply(&w)
	}
	sub := withWorkload(r, &w)
	if owner == nil {
		owner = sub
	}
	x.list = append(x.list, subject{name: "container " + c.Name, mode: mode, r: sub, owner: owner})
	return c.Name, x.resolve(ctx, &w, mode, owner)
}

// hexadecimal is what an ID, or the beginning of one, is made of.
var hexadecimal = regexp.MustCompile(`^[0-9a-f]+$`)

// namesakes adds the containers that a name may come to stand for at any moment: to the Engine a name outweighs the beginning of an
// ID, so when the container called "db" is renamed or removed, "db" is the container whose ID begins that way. Whoever can rename a
// harmless container could otherwise swap the two between our look and the Engine's.
//
// Source: moby daemon/container.go, GetContainer.
func (x *expansion) namesakes(ctx context.Context, ref, id string, mode Mode, owner *request.Request) error {
	if strings.HasPrefix(id, ref) || !hexadecimal.MatchString(ref) {
		return nil
	}
	ids, err := x.view.ContainerIDs(ctx, ref)
	if err != nil {
		return err
	}
	for _, other := range ids {
		if !strings.HasPrefix(other, ref) {
			continue
		}
		if _, err := x.container(ctx, other, mode, owner); ignoreMissing(err) != nil {
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
	x.hostPaths(ctx, w)
	if err := x.networks(ctx, w); err != nil {
		return err
	}
	for _, ref := range w.Joins() {
		if !ref.Resolvable() {
			continue
		}
		switch name, err := x.container(ctx, ref.Name, mode, owner); {
		case errors.Is(err, state.ErrNotFound):
		case err != nil:
			return err
		default:
			w.MarkJudged(ref.Field, name)
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

func withWorkload(r *request.Request, w *request.Workload) *request.Request {
	sub := *r
	sub.Workload, sub.Network, sub.Service, sub.Unknown = w, nil, nil, nil
	return &sub
}
