package rules

import (
	"fmt"
	"slices"

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

	// Unsettled says that nobody can tell at the moment, because somebody does not answer, or what would tell is gone. That is a reason not to
	// begin something, and none to end it.
	Unsettled bool
}

// maxFindings bounds what one rule reports about one request. A body can hold a million wrong values, and a message of that length
// helps nobody but somebody who wants to fill the memory and the audit log.
const maxFindings = 16

// Findings collects what a rule finds. It can be used for one rule after the other, see [Findings.Start].
type Findings struct {
	spec *Spec
	list []Violation
	more int // found beyond maxFindings

	service bool // the request is about a service
}

// Start makes it collect for one rule on one request: services have other flags than containers.
func (f *Findings) Start(s *Spec, r *request.Request) {
	f.spec, f.service = s, r.Workload != nil && r.Workload.Door == request.DoorService
	if f.list != nil || f.more > 0 {
		f.list, f.more = nil, 0
	}
}

// Either picks the words for a container or those for a service.
func (f *Findings) Either(container, service string) string {
	if f.service {
		return service
	}
	return container
}

// Violations returns what was added. Where that is more than anybody would read, the last one says how many were left out.
func (f *Findings) Violations() []Violation {
	if f.more == 0 {
		return f.list
	}
	rest := Violation{Rule: f.spec.ID, Field: "request", Got: fmt.Sprintf("has %d more of these", f.more), Allowed: "none", Fix: f.spec.Fix}
	return append(slices.Clip(f.list), rest)
}

// Add reports a violation with the rule's usual fix. got completes the sentence "<field> …": is "host", adds SYS_ADMIN.
func (f *Findings) Add(field, got, allowed string) {
	fix := f.spec.Fix
	if f.service && f.spec.ServiceFix != "" {
		fix = f.spec.ServiceFix
	}
	f.AddFix(field, got, allowed, fix)
}

// Unsettled says of the violation that was added last that it is [Violation.Unsettled].
func (f *Findings) Unsettled() {
	if f.more == 0 { // what is only counted stays as bad as it can be
		f.list[len(f.list)-1].Unsettled = true
	}
}

// AddFix reports a violation with a fix of its own.
func (f *Findings) AddFix(field, got, allowed, fix string) {
	if len(f.list) == maxFindings {
		f.more++
		return
	}
	f.list = append(f.list, Violation{Rule: f.spec.ID, Field: field, Got: got, Allowed: allowed, Fix: fix})
}
