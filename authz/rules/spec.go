package rules

import (
	"fmt"
	"regexp"
	"slices"
	"sort"

	"caisson/authz/request"
)

// Spec declares a rule.
type Spec struct {
	ID         ID
	Title      string   // one line: what the rule asks for
	Why        string   // what happens without it
	Fix        string   // what a user does about a refusal, starting with a verb
	ServiceFix string   // the same for a service, if that has other flags
	Refs       []string // CIS Docker Benchmark 1.6.0 items ("CIS 5.5"), CVEs, Pod Security Standards

	Doors  []request.Door      // where it judges a Workload
	Ops    []request.Operation // operations it judges besides, with or without a Workload
	Always bool                // judges every request
	Fields []string            // Engine API fields it claims, as in HostConfig.CapAdd; subfields are claimed with it

	// Facts is what has to be found out about images before the rule can judge.
	Facts Facts

	// Permanent makes the rule a part of every policy: nothing switches it off, audits it alone or waives it.
	Permanent bool

	// Profiles holds the rule's setting in each built-in profile. A profile that is left out has the rule off.
	Profiles Profiles

	// New returns the rule with its default options.
	New func() Rule
}

// Facts are what is found out about images, for rules that ask. It costs look-ups, so nobody looks for what no rule in force wants. The zero
// value is nothing.
type Facts uint8

// The facts.
const (
	FactTrust   Facts = 1 << iota // who vouches for an image
	FactReports                   // what scanners say of it
)

// Profiles maps a profile to the options the rule has there: a function that changes the defaults, or [Default].
type Profiles map[Profile]func(Rule)

// Profile is a named, versioned set of checks in the manner of the Pod Security Standards.
type Profile string

// The built-in profiles.
const (
	Baseline   Profile = "baseline"       // stops the known ways to the host; ordinary images and commands run
	Standard   Profile = "standard"       // baseline, a memory limit on every container, and signed images
	Restricted Profile = "restricted"     // standard and the hardening practice
	CIS        Profile = "cis-docker-1.6" // section 5 of the CIS Docker Benchmark 1.6.0, item by item
	None       Profile = "none"           // nothing but what the policy file switches on
)

// AllProfiles lists the built-in profiles, weakest first but for None.
var AllProfiles = []Profile{Baseline, Standard, Restricted, CIS, None}

// Default leaves a rule's options as they are.
func Default(Rule) {}

// With adapts a function on a concrete rule type to [Profiles].
func With[R Rule](change func(R)) func(Rule) {
	return func(r Rule) { change(r.(R)) }
}

// Everywhere switches a rule on with its defaults in every profile but None.
var Everywhere = Profiles{Baseline: Default, Standard: Default, Restricted: Default, CIS: Default}

var registry = map[ID]*Spec{}

// register adds a rule when the program starts. A bad declaration is a programming error. The result is there for "var _ =".
func register(s *Spec) *Spec { //nolint:unparam // see above
	if err := s.validate(); err != nil {
		panic(fmt.Sprintf("rule %q: %v", s.ID, err))
	}
	registry[s.ID] = s
	return s
}

var validID = regexp.MustCompile(`^[a-z]+(-[a-z0-9]+)*$`)

func (s *Spec) validate() error {
	switch {
	case !validID.MatchString(string(s.ID)):
		return fmt.Errorf("the ID is not lower-case words with dashes")
	case registry[s.ID] != nil:
		return fmt.Errorf("the ID is taken")
	case s.Title == "" || s.Why == "" || s.Fix == "" || s.New == nil:
		return fmt.Errorf("title, why, fix and New are required")
	case len(s.Doors)+len(s.Ops) == 0 && !s.Always:
		return fmt.Errorf("it guards no door")
	}
	return nil
}

// All returns the rules in order of their IDs.
func All() []*Spec {
	all := make([]*Spec, 0, len(registry))
	for _, s := range registry {
		all = append(all, s)
	}
	sort.Slice(all, func(i, j int) bool { return all[i].ID < all[j].ID })
	return all
}

// Get returns a rule by ID, or nil.
func Get(id ID) *Spec { return registry[id] }

// In returns the rule's setting in a profile, nil if it is off there.
func (s *Spec) In(p Profile) func(Rule) {
	if apply := s.Profiles[p]; apply != nil || !s.Permanent {
		return apply
	}
	return Default
}

// Judges tells whether the rule has something to say about a request itself.
func (s *Spec) Judges(r *request.Request) bool {
	return s.Always || s.JudgesWorkload(r.Workload) || slices.Contains(s.Ops, r.Operation)
}

// JudgesWorkload tells whether the rule judges a workload, be it a request's own or one that the request acts on. What may not be
// created may not be started, entered or joined either, so every rule for container create also judges existing containers.
func (s *Spec) JudgesWorkload(w *request.Workload) bool {
	if w == nil {
		return false
	}
	door := w.Door
	if door == request.DoorStored {
		door = request.DoorCreate
	}
	return slices.Contains(s.Doors, door)
}
