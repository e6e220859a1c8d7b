package authz

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"go.uber.org/zap"

	"caisson/authz/request"
	"caisson/authz/rules"
	"caisson/authz/state"
)

// Stopper stops a container that runs.
type Stopper interface {
	StopContainer(ctx context.Context, id string) error
}

// Watch is what the policy in force says about containers that run; see [Policy.Watch].
func (a *Authorizer) Watch() Mode {
	if p := a.plan(); p != nil {
		return p.policy.Watch
	}
	return Off
}

// Started judges a container that runs by what it is, and stops it if the policy says so. Nobody was asked whether it may run if a restart policy
// or a swarm has started it, and what was asked about may have been changed by another request in between.
//
// Nothing tells who has started it. So it is let run if anyone might have: under the policy's rules, under those of an override, or by an
// exception for any user.
//
// It is nil if the policy does not want to know.
func (a *Authorizer) Started(ctx context.Context, container string) *Decision {
	p := a.plan()
	if p == nil || p.policy.Watch == Off {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, a.deadline(p.policy))
	defer cancel()
	d := a.begin(request.Call{Method: http.MethodPost, Target: "/containers/" + container + "/start"})
	d.Phase = OfEvent
	d.AuditOnly = a.AuditOnly || p.policy.Mode == Audit || p.policy.Watch == Audit
	a.decideStarted(ctx, p, d)
	if d.Verdict == Allow && len(d.Audited)+len(d.Excepted) == 0 {
		return d // most are as they should be
	}
	d.Duration = a.now().Sub(d.Time)
	if !d.Passes() {
		a.stop(ctx, container, d)
	}
	a.record(p, d, nil)
	return d
}

// decideStarted sets the verdict. What it finds is what the policy's own rules say, unless an override lets the container pass.
func (a *Authorizer) decideStarted(ctx context.Context, p *plan, d *Decision) {
	defer func() {
		if v := recover(); v != nil {
			a.panicked(d, v)
		}
	}()
	d.Policy = p.policy.Hash
	if d.Err = d.request.Parse(d.Call); d.Err != nil {
		return
	}
	d.Request = &d.request
	view := state.NewMemo(a.state())
	a.judgeStarted(ctx, p, d, &p.rules, view)
	for i := range p.overrides {
		if d.Verdict != Deny {
			return
		}
		other := &Decision{Time: d.Time, Request: d.Request}
		a.judgeStarted(ctx, p, other, &p.overrides[i], view)
		if other.Verdict == Allow {
			d.Verdict, d.Violations, d.Audited, d.Excepted = Allow, nil, other.Audited, other.Excepted
			d.Override = p.policy.Overrides[i].Name
		}
		d.passing = d.passing || other.Verdict == Undecided || other.passing // it might have let it pass
	}
}

// judgeStarted judges the container, and those that it uses, by some rules.
func (a *Authorizer) judgeStarted(ctx context.Context, p *plan, d *Decision, bound *ruleSet, view state.View) {
	x := newExpansion(view, d.Request)
	x.files, x.images = a.Files, a.lookAtImages(ctx, p.policy, view, bound.facts)
	list, err := x.subjects(ctx, Enforce)
	if err != nil {
		d.Err = err
		return
	}
	list = list[1:]    // the first is a request that nobody has made
	if len(list) > 0 { // else it is gone
		d.running, d.image = strings.TrimPrefix(list[0].name, "container "), list[0].r.Workload.Image.V
	}
	for _, s := range list {
		s.anyone = true
	}
	d.judge(ctx, p, bound, list...)
	d.passing = d.Verdict == Deny && !lasting(d.Violations)
}

// lasting tells whether any of the violations will still be one when everybody answers.
func lasting(violations []rules.Violation) bool {
	return slices.ContainsFunc(violations, func(v rules.Violation) bool { return !v.Unsettled })
}

// stop stops a container that was refused. If that fails, the decision says so.
func (a *Authorizer) stop(ctx context.Context, container string, d *Decision) {
	if a.Stop == nil {
		return
	}
	// The time for the decision may be used up.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopTimeout)
	defer cancel()
	log := a.Log.With(zap.String("container", container), zap.String("name", d.running), zap.String("decision", d.ID))
	if err := a.Stop.StopContainer(ctx, container); err != nil {
		d.unstopped, d.Err = true, fmt.Errorf("it could not be stopped: %w", err)
		log.Error("a container that the policy does not let run could not be stopped", zap.Error(err))
		return
	}
	log.Warn("stopped a container that the policy does not let run")
}

// stopTimeout bounds how long stopping takes.
const stopTimeout = 10 * time.Second
