package authz

import (
	"context"
	"fmt"
	"iter"
	"slices"
	"strconv"
	"strings"

	"caisson/authz/request"
	"caisson/authz/rules"
	"caisson/authz/state"
)

// accessRule is the ID of violations of the access statements. There is no rule of this name: statements are about who asks for
// what, and rules about what is asked for.
const accessRule rules.ID = "access"

// Effect says what a [Statement] does.
type Effect uint8

// The effects. The zero value refuses.
const (
	EffectDeny     Effect = iota // what the statement names is refused, whatever others allow
	EffectReadOnly               // the principals may read, and nothing else
	EffectAllow                  // what the statement names is allowed; what no such statement names is not, as soon as there is one
)

var effectNames = [...]string{"deny", "read-only", "allow"}

func (e Effect) String() string { return effectNames[e] }

// UnmarshalText implements [encoding.TextUnmarshaler].
func (e *Effect) UnmarshalText(b []byte) error {
	for i, n := range effectNames {
		if n == string(b) {
			*e = Effect(i)
			return nil
		}
	}
	return fmt.Errorf("%q is not one of %s", b, strings.Join(effectNames[:], ", "))
}

// Statement says who may ask for what. All of its parts must match.
type Statement struct {
	Name       string
	Effect     Effect
	Principals []PrincipalName
	Operations []OperationPattern // of EffectReadOnly there are none
	Objects    []string           // patterns of names; empty is every object, and operations without one
	Sensitive  bool               // of EffectReadOnly: also operations of class sensitive
}

// harmless operations are open to everyone whom no statement denies them: clients begin with them, and without an answer say
// something misleading or nothing at all.
var harmless = []request.Operation{"SystemPing", "SystemPingHead", "PingOptions", "SystemVersion"}

// names tells whether the statement is about an operation. What Caisson does not know can be denied, and never allowed.
func (s *Statement) names(op request.Operation) bool {
	return slices.ContainsFunc(s.Operations, func(p OperationPattern) bool {
		return p.Covers(op) || op == "" && s.Effect == EffectDeny && p.text == everything
	})
}

// permits tells whether a read-only statement lets an operation pass. An unknown one has no class and does not.
func (s *Statement) permits(route *request.Route) bool {
	return route != nil && (route.Class == request.Read || route.Class == request.Sensitive && s.Sensitive)
}

// statements yields those of an effect that concern a principal.
func (p *Policy) statements(effect Effect, who *request.Principal) iter.Seq[*Statement] {
	return func(yield func(*Statement) bool) {
		for i := range p.Access {
			if s := &p.Access[i]; s.Effect == effect && p.Groups.concern(s.Principals, who) && !yield(s) {
				return
			}
		}
	}
}

// access judges a request by the access statements: nil if they have nothing against it. An error means that it cannot be told
// what the request acts on.
func (p *Policy) access(ctx context.Context, view state.View, r *request.Request, who *request.Principal) (*rules.Violation, error) {
	objects := &named{view: view, r: r, who: who}
	// All deny statements come first: they win, wherever they stand. Objects are looked up only for those that get this far.
	for s := range p.statements(EffectDeny, who) {
		if !s.names(r.Operation) {
			continue
		}
		denied, err := objects.denied(ctx, s.Objects)
		if err != nil {
			return nil, err
		}
		if denied {
			return refusal(r, who, fmt.Sprintf("and the access statement %q denies it", s.Name)+objects.on(), "what no statement denies", askOperator), nil
		}
	}

	reads := false
	for s := range p.statements(EffectReadOnly, who) {
		if reads = s.permits(r.Route); !reads { // each of them is a limit
			return refusal(r, who, fmt.Sprintf("who by the access statement %q may only read", s.Name), s.reading(), askOperator), nil
		}
	}
	// A statement that allows something to one principal closes the rest to all: whoever lists what is allowed means the list.
	allowList := slices.ContainsFunc(p.Access, func(s Statement) bool { return s.Effect == EffectAllow })
	if reads || !allowList || slices.Contains(harmless, r.Operation) {
		return nil, nil
	}

	var heard []string
	for s := range p.statements(EffectAllow, who) {
		heard = append(heard, strconv.Quote(s.Name))
		if !s.names(r.Operation) {
			continue
		}
		if allowed, err := objects.allowed(ctx, s.Objects); allowed || err != nil {
			return nil, err
		}
	}
	return refusal(r, who, "and no access statement allows it"+objects.on(), allowedBy(heard), addStatement), nil
}

// What to do about a refusal.
const (
	askOperator  = "leave it to somebody who may, or ask the operator of this host"
	addStatement = "use the client certificate of somebody who may, or have the operator add an [[access]] statement"
)

// refusal words that a principal may not do what it asks for.
func refusal(r *request.Request, who *request.Principal, why, allowed, fix string) *rules.Violation {
	field := string(r.Operation)
	if field == "" {
		field = "an operation that this version of Caisson does not know"
	}
	return &rules.Violation{Rule: accessRule, Field: field, Got: "is asked for by " + who.String() + ", " + why, Allowed: allowed, Fix: fix}
}

func allowedBy(statements []string) string {
	switch len(statements) {
	case 0:
		return "nothing"
	case 1:
		return "what the access statement " + statements[0] + " names"
	}
	return "what the access statements " + strings.Join(statements, ", ") + " name"
}

func (s *Statement) reading() string {
	if s.Sensitive {
		return "operations of the classes read and sensitive"
	}
	return "operations of class read"
}

// OwnRequests lists what Caisson asks of the Engine.
func (p *Policy) OwnRequests() []request.Operation {
	list := slices.Clone(state.LookUps)
	if p.Watch != Off {
		list = append(list, "SystemEvents")
	}
	if p.Watch == Enforce {
		list = append(list, "ContainerKill")
	}
	return list
}

// RefusedLookUps lists the requests of Caisson itself that the access statements refuse. Pings are not among them: no decision depends
// on their answers.
func (p *Policy) RefusedLookUps() []request.Operation {
	local := &request.Principal{Local: true}
	var list []request.Operation
	for _, op := range p.OwnRequests() {
		if slices.Contains(harmless, op) {
			continue
		}
		r := &request.Request{Operation: op, Route: routeOf(op)}
		// What holds for some objects only lets no look-up pass in general, and stops none.
		strict := Policy{Groups: p.Groups}
		for _, s := range p.Access {
			if len(s.Objects) > 0 {
				s.Operations = nil
			}
			strict.Access = append(strict.Access, s)
		}
		if v, err := strict.access(context.Background(), state.None, r, local); v != nil || err != nil {
			list = append(list, op)
		}
	}
	return list
}
