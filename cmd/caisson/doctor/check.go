package doctor

import (
	"cmp"
	"fmt"
	"slices"
)

// Severity says how bad a finding is.
type Severity int

// The severities. Only Fail changes the exit status.
const (
	OK   Severity = iota // as it should be
	Info                 // worth knowing
	Warn                 // weaker than it could be, or soon to be
	Fail                 // the host does not enforce its policy, can be got past it, or will not start
)

func (s Severity) String() string { return [...]string{"ok", "info", "warn", "fail"}[s] }

// MarshalText implements [encoding.TextMarshaler].
func (s Severity) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// Finding is what a check has to say about the host.
type Finding struct {
	Check    string   `json:"check"`
	Severity Severity `json:"severity"`
	What     string   `json:"what"`
	Why      string   `json:"why,omitempty"` // it matters
	Do       string   `json:"do,omitempty"`  // about it
}

// Check looks at one thing.
type Check struct {
	ID    string // stable: for monitoring
	Title string
	Why   string // it matters, unless a finding says it better

	run func(f *Facts, out *findings)
}

// findings collects what one check finds.
type findings struct {
	check *Check
	list  []Finding
}

func (o *findings) add(s Severity, why, do, what string) {
	o.list = append(o.list, Finding{Check: o.check.ID, Severity: s, What: what, Why: cmp.Or(why, o.check.Why), Do: do})
}

// ok reports that all is well; it needs no reason.
func (o *findings) ok(format string, args ...any) {
	o.list = append(o.list, Finding{Check: o.check.ID, What: fmt.Sprintf(format, args...)})
}

func (o *findings) info(do, format string, args ...any) {
	o.add(Info, "", do, fmt.Sprintf(format, args...))
}

func (o *findings) warn(do, format string, args ...any) {
	o.add(Warn, "", do, fmt.Sprintf(format, args...))
}

func (o *findings) fail(do, format string, args ...any) {
	o.add(Fail, "", do, fmt.Sprintf(format, args...))
}

var registry []*Check

// register adds a check. It panics at start if the check is incomplete.
func register(c *Check) *Check { //nolint:unparam // "var _ =" takes a value
	twice := slices.ContainsFunc(registry, func(other *Check) bool { return other.ID == c.ID })
	if c.ID == "" || c.Title == "" || c.Why == "" || c.run == nil || twice {
		panic("doctor: incomplete or double check " + c.ID)
	}
	registry = append(registry, c)
	return c
}

// Checks are all checks, by ID.
func Checks() []*Check {
	return slices.SortedFunc(slices.Values(registry), func(a, b *Check) int { return cmp.Compare(a.ID, b.ID) })
}

// Examine runs all checks: the worst findings first, then by ID.
func Examine(f *Facts) []Finding {
	var list []Finding
	for _, c := range Checks() {
		out := &findings{check: c}
		c.run(f, out)
		list = append(list, out.list...)
	}
	slices.SortStableFunc(list, func(a, b Finding) int { return cmp.Compare(b.Severity, a.Severity) })
	return list
}
