package authz

import (
	"slices"

	"caisson/authz/request"
	"caisson/authz/rules"
)

// plan is a policy prepared for decisions: what would otherwise be searched for in each of them. It is made once for a policy.
type plan struct {
	policy     *Policy
	rules      ruleSet
	overrides  []ruleSet // in the order of the policy's
	exceptions exceptionIndex

	images bool // some rule, for whomever, wants to know something of images
	whole  bool // principals are named by more than their common name
}

func newPlan(policy *Policy) *plan {
	p := &plan{policy: policy, rules: newRuleSet(policy.Rules), exceptions: indexExceptions(policy.Exceptions), whole: policy.needsCertificate()}
	p.images = p.rules.facts != 0
	for i := range policy.Overrides {
		p.overrides = append(p.overrides, newRuleSet(policy.Overrides[i].Rules))
		p.images = p.images || p.overrides[i].facts != 0
	}
	return p
}

// rulesFor returns the rules for a principal, and the name of the override that they come from, if they do.
func (p *plan) rulesFor(who *request.Principal) (*ruleSet, string) {
	for i := range p.policy.Overrides {
		if o := &p.policy.Overrides[i]; p.policy.Groups.concern(o.Principals, who) {
			return &p.overrides[i], o.Name
		}
	}
	return &p.rules, ""
}

// principal reads who asks, if the policy has something to say about that. Only a policy that names principals by more than their
// common name needs the certificate itself.
func (p *plan) principal(c *request.Call) (who request.Principal, err error) {
	if len(p.policy.Access)+len(p.policy.Overrides) == 0 {
		return who, nil
	}
	return c.Principal(p.whole)
}

// ruleSet is a list of rules, sorted by what they judge. Rules that are off are not in it.
type ruleSet struct {
	all        []*BoundRule
	always     []*BoundRule                       // those that judge every request
	operations map[request.Operation][]*BoundRule // those that judge a request without a workload, where these are more
	doors      map[request.Door][]*BoundRule      // those that may judge one with a workload
	facts      rules.Facts                        // what they want to know of images
}

// doors are the ways of workloads into the Engine.
var doors = []request.Door{
	request.DoorCreate, request.DoorExec, request.DoorVolume, request.DoorConnect, request.DoorStored, request.DoorService,
}

func newRuleSet(bound []BoundRule) ruleSet {
	s := ruleSet{operations: make(map[request.Operation][]*BoundRule), doors: make(map[request.Door][]*BoundRule)}
	for i := range bound {
		if bound[i].mode() != Off {
			s.all = append(s.all, &bound[i])
			s.facts |= bound[i].Spec.Facts
		}
	}
	where := func(judges func(*BoundRule) bool) []*BoundRule {
		return slices.Collect(func(yield func(*BoundRule) bool) {
			for _, b := range s.all {
				if judges(b) && !yield(b) {
					return
				}
			}
		})
	}
	s.always = where(func(b *BoundRule) bool { return b.Spec.Always })
	for _, b := range s.all {
		for _, op := range b.Spec.Ops {
			if r := (&request.Request{Operation: op}); s.operations[op] == nil {
				s.operations[op] = where(func(b *BoundRule) bool { return b.Spec.Judges(r) })
			}
		}
	}
	for _, door := range doors {
		w := &request.Workload{Door: door}
		s.doors[door] = where(func(b *BoundRule) bool { return b.Spec.JudgesWorkload(w) || b.Spec.Always || len(b.Spec.Ops) > 0 })
	}
	return s
}

// candidates are the rules that may judge a request, in their order. They are still to be asked whether they do.
func (s *ruleSet) candidates(r *request.Request) []*BoundRule {
	if r.Workload != nil {
		if list, ok := s.doors[r.Workload.Door]; ok {
			return list
		}
		return s.all
	}
	if list, ok := s.operations[r.Operation]; ok {
		return list
	}
	return s.always
}
