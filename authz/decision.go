package authz

import (
	"fmt"
	"strings"
	"time"

	"caisson/authz/request"
	"caisson/authz/rules"
)

// Verdict is the outcome of a decision. Only [Allow] lets a request through.
type Verdict uint8

// The verdicts. Undecided is the zero value: what has not been decided is refused.
const (
	Undecided Verdict = iota // the request, or something it depends on, could not be understood in time
	Deny                     // at least one enforced rule is broken
	Allow
)

func (v Verdict) String() string { return [...]string{"undecided", "deny", "allow"}[v] }

// Phase says what a decision is about.
type Phase uint8

// The phases. The zero value is about a request.
const (
	OfRequest  Phase = iota
	OfResponse       // what the Engine has made of a request
	OfEvent          // a container that runs; the Call is what would have started it
)

// Decision is what was decided about one call, and why. Request is nil if the call could not be parsed.
type Decision struct {
	ID      string // ULID; ties the user's message, the audit record and the log together
	Time    time.Time
	Call    request.Call
	Request *request.Request

	Phase      Phase
	Verdict    Verdict
	AuditOnly  bool              // the policy's mode is audit: whatever the verdict, the request passes
	Violations []rules.Violation // of enforced rules, by rule and field
	Audited    []rules.Violation // of rules in audit mode: recorded, not enforced
	Excepted   []Excepted        // waived by an exception
	Err        error             // why it is undecided

	Unrecorded bool // its audit record could not be written in time

	Policy   string // hash of the policy that decided
	Override string // name of the policy's override that was in force for whoever asked
	Duration time.Duration

	running   string          // of an event: the container's name
	image     string          // of an event: what the container runs
	passing   bool            // of an event: what is wrong may be gone in a moment
	unstopped bool            // of an event: the container should have been stopped, and was not
	request   request.Request // what Request points to
	findings  rules.Findings
	clock     clock
}

// Excepted is a violation that an exception waives.
type Excepted struct {
	rules.Violation
	Exception string
}

// Passes tells whether the Engine may go on, or whether a container that runs is left alone: it is if nothing is certain to be wrong with it,
// as there is nobody to try again.
func (d *Decision) Passes() bool {
	return d.AuditOnly || d.Verdict == Allow || d.Phase == OfEvent && (d.Verdict == Undecided || d.passing || d.unstopped)
}

// Again tells whether it is worth while to try once more soon, of a container that runs: nothing could be decided, or done.
func (d *Decision) Again() bool { return d.Verdict == Undecided || d.unstopped }

// Operation names the operation in plain words.
func (d *Decision) Operation() string {
	if d.Request == nil || d.Request.Route == nil {
		return "request"
	}
	return d.Request.Route.Text
}

// Message is the text that the user sees when the request is refused. It names every broken rule, where, what was found, what
// is allowed and what to do, and ends in the decision's ID. It is empty for a decision that allows.
func (d *Decision) Message() string {
	switch d.Verdict {
	case Allow:
		return ""
	case Deny:
		return d.denial()
	default:
		return fmt.Sprintf("%s refused, because Caisson cannot decide: %v (decision %s)", d.Operation(), d.Err, d.ID)
	}
}

// denial keeps one violation on one line, for logs, and gives each of several its own, for readers.
func (d *Decision) denial() string {
	if len(d.Violations) == 1 {
		return fmt.Sprintf("%s refused: %s (decision %s)", d.Operation(), Sentence(d.Violations[0]), d.ID)
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%s refused, %d violations:\n", d.Operation(), len(d.Violations))
	for _, v := range d.Violations {
		fmt.Fprintf(&b, "  - %s\n", Sentence(v))
	}
	fmt.Fprintf(&b, "(decision %s)", d.ID)
	return b.String()
}

// Sentence words one violation: place and value, what is allowed, the rule, the fix.
func Sentence(v rules.Violation) string {
	return fmt.Sprintf("%s %s; allowed: %s [%s] fix: %s", v.Field, v.Got, v.Allowed, v.Rule, v.Fix)
}
