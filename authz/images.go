package authz

import (
	"context"
	"fmt"
	"time"

	"github.com/distribution/reference"
	"github.com/opencontainers/go-digest"

	"caisson/authz/image"
	"caisson/authz/request"
	"caisson/authz/rules"
	"caisson/authz/state"
)

// Images finds out about images, for rules that ask. It must not take longer than the policy's deadline.
type Images interface {
	// Facts answers a question. An error says that the Engine could not be asked; all else that goes wrong is one of the facts.
	Facts(ctx context.Context, p *image.Policy, view state.View, q image.Question) (*request.ImageFacts, error)
}

// imageLook looks up the images of one request.
type imageLook struct {
	images Images
	policy *image.Policy
	view   state.View
	facts  rules.Facts
	until  time.Time // all looks together end then
}

// lookAtImages prepares looks at images, nil if no rule wants to know anything of them.
func (a *Authorizer) lookAtImages(ctx context.Context, p *Policy, view state.View, wanted rules.Facts) *imageLook {
	if wanted == 0 || a.Images == nil {
		return nil
	}
	until := time.Now().Add(p.Images.MaxDeadline())
	if end, ok := ctx.Deadline(); ok && end.Before(until) {
		until = end
	}
	return &imageLook{a.Images, p.Images, view, wanted, until}
}

// resolve finds out about the images of a workload: the one that a container runs, or will run, and those that are mounted into it.
func (l *imageLook) resolve(ctx context.Context, x *expansion, w *request.Workload) error {
	if l == nil {
		return nil
	}
	switch w.Door {
	case request.DoorCreate, request.DoorService, request.DoorStored:
	default:
		return nil // no image comes in by another door
	}
	ctx, cancel := context.WithDeadline(ctx, l.until)
	defer cancel()
	w.ImageFacts = nil
	if w.Image.V != "" || w.Stored.ID != "" {
		q := image.Question{Ref: w.Image.V, Platform: w.Platform, Remote: w.Door == request.DoorService}
		q.ID, q.Manifest = digest.Digest(w.Stored.ID), digest.Digest(w.Stored.Manifest)
		if err := l.ask(ctx, x, w, w.Image.Field, q); err != nil {
			return err
		}
	}
	for i := range w.Mounts {
		if m := &w.Mounts[i]; m.Type == request.MountImage {
			if err := l.mounted(ctx, x, w, m); err != nil {
				return err
			}
		}
	}
	return nil
}

// mounted finds out about an image that is mounted. The Engine looks it up by its name when it makes the container and keeps no more than that
// name, so nobody could tell later which one it was: only what can mean one image alone is looked up.
func (l *imageLook) mounted(ctx context.Context, x *expansion, w *request.Workload, m *request.Mount) error {
	if !image.Immutable(m.Source) {
		w.ImageFacts = append(w.ImageFacts, &request.ImageFacts{
			Place: m.Field, Named: m.Source, At: time.Now(), Age: request.ImageAge{Why: "it is mounted by a name, which may be given to another image"},
			Trust:           request.ImageTrust{Reason: string(image.Mutable), Detail: "is mounted by a name, which may be given to another image before it is looked at again"},
			Vulnerabilities: request.ImageVulnerabilities{Unknown: "it is mounted by a name, which may be given to another image"},
		})
		return nil
	}
	q := image.Question{Ref: m.Source, Whole: true, Remote: w.Door == request.DoorService}
	if err := l.ask(ctx, x, w, m.Field, q); err != nil || q.Remote {
		return err
	}
	last := w.ImageFacts[len(w.ImageFacts)-1]
	if _, err := digest.Parse(m.Source); last.Absent && err != nil {
		// It may be here by the time that the Engine looks. What the digest stands for is the same then.
		w.ImageFacts = w.ImageFacts[:len(w.ImageFacts)-1]
		q.Remote = true
		return l.ask(ctx, x, w, m.Field, q)
	}
	return nil
}

func (l *imageLook) ask(ctx context.Context, x *expansion, w *request.Workload, place string, q image.Question) error {
	if err := x.look(); err != nil {
		return err
	}
	q.Reports = l.facts&rules.FactReports != 0
	facts := &request.ImageFacts{Err: "it is no name of an image"}
	if q.ID != "" || names(q.Ref) {
		var err error
		if facts, err = l.images.Facts(ctx, l.policy, l.view, q); err != nil {
			return fmt.Errorf("image %q: %w", clip(q.Ref), err)
		}
	}
	own := *facts // answers may be shared
	own.Place, own.Named = place, q.Ref
	w.ImageFacts = append(w.ImageFacts, &own)
	return nil
}

// names tells whether the Engine may take a text for an image. What it would not is never sent to it: the client library writes names into a
// path as they are.
func names(ref string) bool {
	_, err := reference.ParseAnyReference(ref)
	return err == nil
}
