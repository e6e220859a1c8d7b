package authz

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/distribution/reference"

	"caisson/authz/image"
	"caisson/authz/request"
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

// rulesFor returns the rules for a principal, and the name of the override that they come from, if they do.
func (p *Policy) rulesFor(who *request.Principal) ([]BoundRule, string) {
	for i := range p.Overrides {
		if o := &p.Overrides[i]; p.Groups.concern(o.Principals, who) {
			return o.Rules, o.Name
		}
	}
	return p.Rules, ""
}

// facts is what rules want to know of images.
func facts(bound []BoundRule) (all rules.Facts) {
	for i := range bound {
		if bound[i].mode() != Off {
			all |= bound[i].Spec.Facts
		}
	}
	return all
}

// Exception waives rules for one image or one user until a day. Owner and reason are there so that somebody can be asked.
type Exception struct {
	Name    string
	Rules   []rules.ID
	Image   reference.Canonical // by digest: a name alone can be given to any image. nil matches every image.
	User    string              // common name of the TLS client certificate; "" matches every user
	Owner   string
	Reason  string
	Expires time.Time // the first moment at which it no longer counts
}

// covers tells whether the exception waives a rule for a request at a time.
func (e *Exception) covers(rule rules.ID, r *request.Request, now time.Time) bool {
	return now.Before(e.Expires) && e.names(rule) && e.matchesUser(r) && e.matchesImage(r)
}

func (e *Exception) names(rule rules.ID) bool {
	return slices.Contains(e.Rules, rule)
}

func (e *Exception) matchesUser(r *request.Request) bool {
	return e.User == "" || e.User == r.Call.User && r.Call.AuthMethod == "TLS"
}

// matchesImage compares repository and digest. A request that names its image in any other way, by tag or by ID, is not covered.
func (e *Exception) matchesImage(r *request.Request) bool {
	if e.Image == nil {
		return true
	}
	if r.Workload == nil || !r.Workload.Image.Has() {
		return false
	}
	named, err := reference.ParseDockerRef(r.Workload.Image.V)
	if err != nil {
		return false
	}
	got, ok := named.(reference.Canonical)
	return ok && got.Name() == e.Image.Name() && got.Digest() == e.Image.Digest()
}
