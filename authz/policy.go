package authz

import (
	"fmt"
	"slices"
	"strings"

	"caisson/authz/image"
	"caisson/authz/rules"
)

// Mode says what happens with what a rule finds.
type Mode uint8

// The modes. The zero value enforces.
const (
	Enforce Mode = iota // refuse
	Audit               // let pass and record
	Off                 // do not look
)

var modeNames = [...]string{"enforce", "audit", "off"}

func (m Mode) String() string { return modeNames[m] }

// MarshalText implements [encoding.TextMarshaler].
func (m Mode) MarshalText() ([]byte, error) { return []byte(m.String()), nil }

// UnmarshalText implements [encoding.TextUnmarshaler].
func (m *Mode) UnmarshalText(b []byte) error {
	for i, n := range modeNames {
		if n == string(b) {
			*m = Mode(i)
			return nil
		}
	}
	return fmt.Errorf("%q is not one of %s", b, strings.Join(modeNames[:], ", "))
}

// Policy is a compiled policy: rules with their options, modes and exceptions. It is never changed once in use; a reload
// puts another one in its place. Package config makes it from a file.
type Policy struct {
	Hash       string // "sha256:…" over the effective policy; in every record
	Profile    rules.Profile
	Mode       Mode // Enforce or Audit
	Rules      []BoundRule
	Exceptions []Exception

	// Access says who may ask for what; without a statement, everyone may ask for everything, and the rules decide.
	Access    []Statement
	Overrides []Override // the first that concerns a principal counts
	Groups    Groups     // used by both

	// Existing is what happens when a request starts or enters a container that the policy would not let be created today:
	// Enforce refuses, Audit records, Off does not look.
	Existing Mode

	// Watch is what happens with a container that runs and that the policy would not let be created today, however it came to run: Enforce
	// stops it, Audit records it, Off does not look.
	Watch Mode

	// Images says who may vouch for images. nil is nobody.
	Images *image.Policy

	// ContinueUnaudited lets a request pass whose record cannot be written. The zero value refuses it.
	ContinueUnaudited bool
}

// BoundRule is a rule of a policy, with its options prepared.
type BoundRule struct {
	Spec *rules.Spec
	Rule rules.Rule
	Mode Mode
}

// mode is what happens with what the rule finds.
func (b *BoundRule) mode() Mode {
	if b.Spec.Permanent {
		return Enforce
	}
	return b.Mode
}

// Protect tells the policy, before it is in use, where the parts of the running process are on the host: files, and folders of sockets.
func (p *Policy) Protect(files, sockets []string) {
	for _, b := range p.Rules { // overrides share the rule
		if r, ok := b.Rule.(*rules.SelfProtection); ok {
			r.Protect(files, sockets)
		}
	}
}

// Override gives some principals rules of their own.
type Override struct {
	Name       string
	Principals []PrincipalName
	Rules      []BoundRule // in the place of the policy's: all of them, also those that are the same
	Changed    []rules.ID  // those that the override sets, or switches off
}

// Judges tells whether a rule is on, for whomever.
func (p *Policy) Judges(id rules.ID) bool {
	is := func(b BoundRule) bool { return b.Spec.ID == id }
	return slices.ContainsFunc(p.Rules, is) || slices.ContainsFunc(p.Overrides, func(o Override) bool { return slices.ContainsFunc(o.Rules, is) })
}
