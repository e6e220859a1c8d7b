package authz

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"runtime/debug"
	"sort"
	"sync/atomic"
	"time"

	"github.com/oklog/ulid/v2"
	"go.uber.org/zap"

	"caisson/authz/audit"
	"caisson/authz/request"
	"caisson/authz/rules"
	"caisson/authz/state"
)

// DefaultDeadline bounds a decision. dockerd itself waits for a service-socket plugin without end.
const DefaultDeadline = 10 * time.Second

// Authorizer decides about calls under the policy in force. It is safe for concurrent use.
type Authorizer struct {
	Policy    func() *Policy  // the policy in force; nil, or a nil answer, leaves every call undecided
	Audit     audit.Sink      // where decisions are recorded; nil records nothing
	State     state.View      // the Engine's objects; nil is an Engine without any
	Files     HostFiles       // the host's files; nil leaves symbolic links in the paths of mounts unseen
	Images    Images          // finds out about images; nil finds out nothing, and rules that ask refuse
	Remove    Remover         // removes containers that turned out to be forbidden; nil removes none
	Stop      Stopper         // stops containers that run and are forbidden; nil stops none
	AuditOnly bool            // let everything pass and record what would have been refused, whatever the policy's mode
	Observe   func(*Decision) // is told of each decision when all about it is settled, for metrics; nil is nobody
	Log       *zap.Logger
	Deadline  time.Duration    // 0 is DefaultDeadline
	Now       func() time.Time // nil is time.Now

	prepared atomic.Pointer[plan] // the policy that decided last
}

// Authorize decides about one call and records the decision. It always returns a decision: an error, a panic or an expired
// deadline makes it undecided.
func (a *Authorizer) Authorize(ctx context.Context, call request.Call) *Decision {
	return a.AuthorizeOr(ctx, call, nil)
}

// AuthorizeOr is Authorize, and takes less time, for callers that can be relieved: if the audit log does not answer, late is called with the
// decision, once and in a goroutine of its own, and AuthorizeOr never returns. See [audit.Late].
func (a *Authorizer) AuthorizeOr(ctx context.Context, call request.Call, late func(*Decision)) *Decision {
	d := a.begin(call)
	p := a.plan()
	d.AuditOnly = a.AuditOnly || p != nil && p.policy.Mode == Audit
	a.decide(ctx, p, d)
	d.Duration = a.now().Sub(d.Time)
	a.record(p, d, late)
	return d
}

// Reject records a call that never became a decision, such as an undecodable message, and gives it an ID.
func (a *Authorizer) Reject(err error) *Decision {
	d := a.begin(request.Call{})
	d.Err = err
	a.record(a.plan(), d, nil)
	return d
}

func (a *Authorizer) begin(call request.Call) *Decision {
	return &Decision{ID: ulid.Make().String(), Time: a.now(), Call: call}
}

// decide sets the verdict. It is left at Undecided on every path but the two that reach the end of the rules, and the one that
// refuses whoever may not ask.
func (a *Authorizer) decide(ctx context.Context, p *plan, d *Decision) {
	defer func() {
		if v := recover(); v != nil {
			a.panicked(d, v)
		}
	}()
	if p == nil {
		d.Err = errors.New("no policy is loaded; fix: look for errors in Caisson's log")
		return
	}
	d.Policy = p.policy.Hash
	if d.Err = d.request.Parse(d.Call); d.Err != nil {
		return
	}
	r := &d.request
	d.Request = r
	who, err := p.principal(&d.Call)
	if err != nil {
		d.Err = err
		return
	}
	deadline := a.deadline(p.policy)
	if p.looks(r) {
		w := &waitable{clock: clock{ctx, time.Now().Add(deadline)}}
		defer w.stop()
		a.look(w, p, d, who)
		return
	}
	var bound *ruleSet
	bound, d.Override = p.rulesFor(&who)
	d.clock = clock{ctx, time.Now().Add(deadline)}
	d.judge(&d.clock, p, bound, &subject{r: r, owner: r})
}

// looks tells whether a decision may have to look at something else than the request: at objects of the Engine, or files of the host.
func (p *plan) looks(r *request.Request) bool {
	_, onObject := r.Target()
	return len(p.policy.Access) > 0 || r.Workload != nil || r.Update != nil || onObject
}

// look decides about a request with all that it refers to.
func (a *Authorizer) look(ctx context.Context, p *plan, d *Decision, who request.Principal) {
	r := d.Request
	view := state.NewMemo(a.state())
	refused, err := p.policy.access(ctx, view, r, &who)
	if err != nil {
		d.Err = err
		return
	}
	if refused != nil {
		d.Violations = append(d.Violations, *refused)
		// Who may not ask learns nothing of the objects that the rules would look at. Only the record of a request that passes all the
		// same is to be complete.
		if !d.AuditOnly {
			d.Verdict = Deny
			return
		}
	}
	var bound *ruleSet
	bound, d.Override = p.rulesFor(&who)
	x := newExpansion(view, r)
	x.files, x.images = a.Files, a.lookAtImages(ctx, p.policy, view, bound.facts)
	list, err := x.subjects(ctx, p.policy.Existing)
	if err != nil {
		d.Err = err
		return
	}
	d.judge(ctx, p, bound, list...)
}

// panicked leaves a decision undecided.
func (a *Authorizer) panicked(d *Decision, v any) {
	// Of an unknown value only the kind is shown: its text may hold parts of a request.
	what := fmt.Sprintf("%T", v)
	if err, ok := v.(runtime.Error); ok {
		what = err.Error()
	}
	d.Verdict, d.Err = Undecided, errors.New("internal error; fix: report this with the log of Caisson")
	a.Log.Error("panic in a decision", zap.String("decision", d.ID), zap.String("panic", what), zap.ByteString("stack", debug.Stack()))
}

// judge runs the rules on all subjects and makes a verdict of what they have found.
func (d *Decision) judge(ctx context.Context, p *plan, bound *ruleSet, list ...*subject) {
	for _, s := range list {
		for _, b := range bound.candidates(s.r) {
			if s.judgedBy(b.Spec) {
				d.apply(p, b, s)
			}
		}
		if err := ctx.Err(); err != nil {
			d.Err = fmt.Errorf("the decision took too long: %w; fix: try again", err)
			return
		}
	}
	sortViolations(d.Violations)
	sortViolations(d.Audited)
	d.Verdict = Allow
	if len(d.Violations) > 0 {
		d.Verdict = Deny
	}
}

// apply runs one rule on one subject and files what it finds under enforced, audited or excepted.
func (d *Decision) apply(p *plan, b *BoundRule, s *subject) {
	d.findings.Start(b.Spec, s.r)
	b.Rule.Check(s.r, &d.findings)
	for _, v := range d.findings.Violations() {
		if s.name != "" {
			// What the update itself asks for can be asked for otherwise, and an image can be signed under its containers.
			if u := s.r.Update; b.Spec.Facts == 0 && (u == nil || !u.Sets(v.Field)) {
				v.Fix = "create it anew: " + v.Fix
			}
			v.Field = s.name + ": " + v.Field
		}
		switch e := p.excepted(b, s, d.Time); {
		case e != nil:
			d.Excepted = append(d.Excepted, Excepted{v, e.Name})
		case b.mode() == Audit || s.mode == Audit:
			d.Audited = append(d.Audited, v)
		default:
			d.Violations = append(d.Violations, v)
		}
	}
}

// excepted finds the first exception that waives a rule for a subject, nil if there is none.
func (p *plan) excepted(b *BoundRule, s *subject, now time.Time) *Exception {
	if b.Spec.Permanent || len(p.exceptions) == 0 {
		return nil
	}
	if s.image == nil {
		image := imageOf(s.owner)
		s.image = &image
	}
	if s.anyone {
		return p.exceptedForAnyone(b.Spec.ID, *s.image, now)
	}
	return p.exceptions.find(b.Spec.ID, *s.image, userOf(s.owner), now)
}

// sortViolations orders by rule and keeps the order in which a rule reports, so that messages are stable.
func sortViolations(v []rules.Violation) {
	if len(v) < 2 {
		return
	}
	sort.SliceStable(v, func(i, j int) bool { return v[i].Rule < v[j].Rule })
}

// record writes the audit record, and settles the decision.
func (a *Authorizer) record(p *plan, d *Decision, late func(*Decision)) {
	var err error
	if a.Audit != nil {
		var relieve audit.Late
		if late != nil {
			relieve = func(err error) { a.settleLate(p, d, err); late(d) }
		}
		err = a.Audit.Write(d.record(), relieve)
	}
	a.settle(p, d, err)
}

// settle says the last word on a decision when it is known whether it was recorded. One that was not is not carried out, unless the policy says so.
func (a *Authorizer) settle(p *plan, d *Decision, err error) {
	if err != nil {
		a.unrecorded(p, d, err)
	}
	if a.Observe != nil {
		a.Observe(d)
	}
}

// settleLate is settle in a goroutine where nobody else catches a panic.
func (a *Authorizer) settleLate(p *plan, d *Decision, err error) {
	defer func() {
		if v := recover(); v != nil {
			a.panicked(d, v)
		}
	}()
	a.settle(p, d, err)
}

func (a *Authorizer) unrecorded(p *plan, d *Decision, err error) {
	d.Unrecorded = true
	a.Log.Error("cannot write the audit record", zap.String("decision", d.ID), zap.Error(err))
	if d.Verdict == Allow && (p == nil || !p.policy.ContinueUnaudited) {
		d.Verdict, d.Err = Undecided, errors.New("its audit record cannot be written; fix: look at the disk that holds the audit log")
	}
	if k, ok := a.Audit.(audit.Keeper); ok {
		k.Keep(d.record())
	}
}

// plan returns the policy in force, nil if there is none. A policy that decides for the first time is prepared.
func (a *Authorizer) plan() *plan {
	if a.Policy == nil {
		return nil
	}
	policy := a.Policy()
	if policy == nil {
		return nil
	}
	if p := a.prepared.Load(); p != nil && p.policy == policy {
		return p
	}
	p := newPlan(policy)
	a.prepared.Store(p) // another one may be stored at the same time, and that one is as good
	return p
}

// deadline leaves time for what the policy lets the proof of an image take.
func (a *Authorizer) deadline(p *Policy) time.Duration {
	deadline := a.Deadline
	if deadline == 0 {
		deadline = DefaultDeadline
	}
	if p != nil && p.Images != nil {
		deadline = max(deadline, p.Images.MaxDeadline()+2*time.Second)
	}
	return deadline
}

func (a *Authorizer) state() state.View {
	if a.State == nil {
		return state.None
	}
	return a.State
}

func (a *Authorizer) now() time.Time {
	if a.Now != nil {
		return a.Now()
	}
	return time.Now()
}
