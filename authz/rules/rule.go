package rules

import (
	"caisson/authz/request"
)

// ID names a rule: in the policy file, in messages, as a metric label, and, with underscores, as the name of its file.
type ID string

// Rule checks one request. Its exported fields, with toml tags, are the options of its table in the policy file; the value that
// [Spec.New] returns holds their defaults.
type Rule interface {
	// Check reports what in the request breaks the rule. It is called for the doors and operations of the rule's Spec only.
	Check(r *request.Request, out *Findings)
}

// Preparer is a rule whose options need checking or compiling. Prepare runs once, when the policy is loaded; what it
// accepts, Check can use without fail. An error names the option first: `allow: "FOO" is no capability`.
type Preparer interface {
	Prepare() error
}

// Violation is one way in which a request breaks a rule.
type Violation struct {
	Rule    ID
	Field   string // place in the API: HostConfig.Mounts[1].Source
	Got     string // what was found there, in words: is "host", is not set
	Allowed string // what would pass: "private"
	Fix     string // what the user can do instead
}

// Findings collects what a rule finds.
type Findings struct {
	spec *Spec
	list []Violation
}

// NewFindings collects for one rule.
func NewFindings(s *Spec) *Findings { return &Findings{spec: s} }

// Violations returns what was added.
func (f *Findings) Violations() []Violation { return f.list }

// Add reports a violation with the rule's usual fix. got completes the sentence "<field> …": is "host", adds SYS_ADMIN.
func (f *Findings) Add(field, got, allowed string) { f.AddFix(field, got, allowed, f.spec.Fix) }

// AddFix reports a violation with a fix of its own.
func (f *Findings) AddFix(field, got, allowed, fix string) {
	f.list = append(f.list, Violation{Rule: f.spec.ID, Field: field, Got: got, Allowed: allowed, Fix: fix})
}
