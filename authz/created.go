package authz

import (
	"context"
	"errors"
	"slices"

	"go.uber.org/zap"

	"caisson/authz/request"
	"caisson/authz/rules"
	"caisson/authz/state"
)

// Remover removes a container of the Engine that has never run.
type Remover interface {
	RemoveContainer(ctx context.Context, id string) error
}

// LooksAtCreated tells whether any rule in force, for whomever, wants to see the containers that the Engine has made. Otherwise
// [Authorizer.Created] would let all pass.
func (a *Authorizer) LooksAtCreated() bool {
	p := a.plan()
	return p == nil || p.images
}

// Created judges the container that the Engine has made of a create request, by the rules about images: between the request and now, a name
// may have been given to another image, and only now is it certain which one the container runs. What is refused here is removed, if the policy
// says so; it could not be started either way.
//
// It is nil if no rule wants to know.
func (a *Authorizer) Created(ctx context.Context, call request.Call, container string) *Decision {
	d := a.begin(call)
	p := a.plan()
	if p == nil {
		d.Err = errors.New("no policy is loaded; fix: look for errors in Caisson's log")
		a.record(p, d, nil)
		return d
	}
	ctx, cancel := context.WithTimeout(ctx, a.deadline(p.policy))
	defer cancel()
	d.Phase = OfResponse
	d.AuditOnly = a.AuditOnly || p.policy.Mode == Audit
	bound := a.decideCreated(ctx, p, d, container)
	if d.Verdict == Allow && len(d.Audited)+len(d.Excepted) == 0 {
		return d // the record of the request says it all
	}
	if !d.Passes() {
		a.remove(ctx, bound, container, d)
	}
	d.Duration = a.now().Sub(d.Time)
	a.record(p, d, nil)
	return d
}

// decideCreated sets the verdict, and returns the rules that were asked.
func (a *Authorizer) decideCreated(ctx context.Context, p *plan, d *Decision, container string) *ruleSet {
	defer func() {
		if v := recover(); v != nil {
			a.panicked(d, v)
		}
	}()
	d.Policy = p.policy.Hash
	if d.Err = d.request.Parse(d.Call); d.Err != nil {
		return nil
	}
	r := &d.request
	d.Request = r
	who, err := p.principal(&d.Call)
	if err != nil {
		d.Err = err
		return nil
	}
	var all *ruleSet
	all, d.Override = p.rulesFor(&who)
	bound := all.aboutImages()
	if bound.facts == 0 {
		d.Verdict = Allow
		return bound
	}
	if !request.IsFullID(container) {
		d.Err = errors.New("the Engine has made a container and does not show which; fix: none is needed, it is looked at again when it is started")
		return bound
	}
	view := state.NewMemo(a.state())
	c, err := view.Container(ctx, container)
	switch {
	case errors.Is(err, state.ErrNotFound): // whoever asked for it has removed it already
		d.Verdict = Allow
		return bound
	case err != nil:
		d.Err = err
		return bound
	}
	w := *c.Workload
	sub := withWorkload(r, &w)
	if err := a.lookAtImages(ctx, p.policy, view, bound.facts).resolve(ctx, newExpansion(view, r), &w); err != nil {
		d.Err = err
		return bound
	}
	d.judge(ctx, p, bound, &subject{name: "container " + c.Name, r: sub, owner: sub})
	return bound
}

// aboutImages are those of the rules that ask about images.
func (s *ruleSet) aboutImages() *ruleSet {
	some := &ruleSet{facts: s.facts}
	for _, b := range s.all {
		if b.Spec.Facts != 0 {
			some.all = append(some.all, b)
		}
	}
	return some
}

// remove removes a container that was refused, if the policy says so.
func (a *Authorizer) remove(ctx context.Context, bound *ruleSet, container string, d *Decision) {
	wanted := bound != nil && slices.ContainsFunc(bound.all, func(b *BoundRule) bool {
		r, ok := b.Rule.(*rules.ImageSignature)
		return ok && r.RemoveUnverified
	})
	if !wanted || a.Remove == nil || d.Verdict != Deny {
		return
	}
	if err := a.Remove.RemoveContainer(ctx, container); err != nil {
		a.Log.Warn("a container of an image that nobody vouches for could not be removed; it cannot be started",
			zap.String("container", container), zap.String("decision", d.ID), zap.Error(err))
	}
}
