package authz

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"runtime/debug"
	"sort"
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
	AuditOnly bool            // let everything pass and record what would have been refused, whatever the policy's mode
	Observe   func(*Decision) // is told of each decision when all about it is settled, for metrics; nil is nobody
	Log       *zap.Logger
	Deadline  time.Duration    // 0 is DefaultDeadline
	Now       func() time.Time // nil is time.Now
}

// Authorize decides about one call and records the decision. It always returns a decision: an error, a panic or an expired
// deadline makes it undecided.
func (a *Authorizer) Authorize(ctx context.Context, call request.Call) *Decision {
	d := a.begin(call)
	deadline := a.Deadline
	if deadline == 0 {
		deadline = DefaultDeadline
	}
	ctx, cancel := context.WithTimeout(ctx, deadline)
	defer cancel()

	policy := a.policy()
	d.AuditOnly = a.AuditOnly || policy != nil && policy.Mode == Audit
	a.decide(ctx, policy, d)
	d.Duration = a.now().Sub(d.Time)
	a.record(policy, d)
	return d
}

// Reject records a call that never became a decision, such as an undecodable message, and gives it an ID.
func (a *Authorizer) Reject(err error) *Decision {
	d := a.begin(request.Call{})
	d.Err = err
	a.record(a.policy(), d)
	return d
}

func (a *Authorizer) begin(call request.Call) *Decision {
	return &Decision{ID: ulid.Make().String(), Time: a.now(), Call: call}
}

// decide sets the verdict. It is left at Undecided on every path but the two that reach the end of the rules, and the one that
// refuses whoever may not ask.
func (a *Authorizer) decide(ctx context.Context, p *Policy, d *Decision) {
	defer func() {
		if v := recover(); v != nil {
			// Of an unknown value only the kind is shown: its text may hold parts of a request.
			what := fmt.Sprintf("%T", v)
			if err, ok := v.(runtime.Error); ok {
				what = err.Error()
			}
			d.Verdict, d.Err = Undecided, errors.New("internal error; fix: report this with the log of Caisson")
			a.Log.Error("panic in a decision", zap.String("decision", d.ID), zap.String("panic", what), zap.ByteString("stack", debug.Stack()))
		}
	}()
	if p == nil {
		d.Err = errors.New("no policy is loaded; fix: look for errors in Caisson's log")
		return
	}
	d.Policy = p.Hash
	r, err := request.Parse(d.Call)
	if err != nil {
		d.Err = err
		return
	}
	d.Request = r
	view := state.NewMemo(a.state())
	who, err := p.principal(&d.Call)
	if err != nil {
		d.Err = err
		return
	}
	refused, err := p.access(ctx, view, r, who)
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
	list, err := subjects(ctx, view, a.Files, p.Existing, r)
	if err != nil {
		d.Err = err
		return
	}
	var bound []BoundRule
	bound, d.Override = p.rulesFor(who)
	for i := range list {
		for j := range bound {
			if err := ctx.Err(); err != nil {
				d.Err = fmt.Errorf("the decision took too long: %w; fix: try again", err)
				return
			}
			apply(p, &bound[j], &list[i], d)
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
func apply(p *Policy, b *BoundRule, s *subject, d *Decision) {
	mode := b.mode()
	if mode == Off || !s.judgedBy(b.Spec) {
		return
	}
	found := rules.NewFindings(b.Spec).For(s.r)
	b.Rule.Check(s.r, found)
	for _, v := range found.Violations() {
		if s.name != "" {
			if u := s.r.Update; u == nil || !u.Sets(v.Field) { // what the update itself asks for can be asked for otherwise
				v.Fix = "create it anew: " + v.Fix
			}
			v.Field = s.name + ": " + v.Field
		}
		switch name, ok := p.excepted(v.Rule, s.owner, d.Time); {
		case ok && !b.Spec.Permanent:
			d.Excepted = append(d.Excepted, Excepted{v, name})
		case mode == Audit || s.mode == Audit:
			d.Audited = append(d.Audited, v)
		default:
			d.Violations = append(d.Violations, v)
		}
	}
}

// excepted finds the first exception that waives a rule for the request.
func (p *Policy) excepted(rule rules.ID, r *request.Request, now time.Time) (string, bool) {
	for i := range p.Exceptions {
		if e := &p.Exceptions[i]; e.covers(rule, r, now) {
			return e.Name, true
		}
	}
	return "", false
}

// sortViolations orders by rule and keeps the order in which a rule reports, so that messages are stable.
func sortViolations(v []rules.Violation) {
	sort.SliceStable(v, func(i, j int) bool { return v[i].Rule < v[j].Rule })
}

// record writes the audit record. A decision that cannot be recorded is not carried out, unless the policy says so.
func (a *Authorizer) record(p *Policy, d *Decision) {
	if a.Observe != nil {
		defer a.Observe(d)
	}
	if a.Audit == nil {
		return
	}
	err := a.Audit.Write(d.record())
	if err == nil {
		return
	}
	d.Unrecorded = true
	a.Log.Error("cannot write the audit record", zap.String("decision", d.ID), zap.Error(err))
	if d.Verdict == Allow && (p == nil || !p.ContinueUnaudited) {
		d.Verdict, d.Err = Undecided, errors.New("its audit record cannot be written; fix: look at the disk that holds the audit log")
	}
	if k, ok := a.Audit.(audit.Keeper); ok {
		k.Keep(d.record())
	}
}

func (a *Authorizer) policy() *Policy {
	if a.Policy == nil {
		return nil
	}
	return a.Policy()
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
