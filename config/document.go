package config

import (
	"fmt"
	"strings"
	"time"

	"caisson/authz"
	"caisson/authz/rules"
)

// document is a policy file as written.
type document struct {
	Version    int64            `toml:"version"`
	Mode       authz.Mode       `toml:"mode"`
	Profile    profile          `toml:"profile"`
	Rules      map[string]any   `toml:"rules"` // decoded later, into the rules' own types
	Exceptions []exceptionTable `toml:"exceptions"`
	Audit      Audit            `toml:"audit"`
}

// Audit says how decisions are recorded.
type Audit struct {
	OnFailure OnFailure `toml:"on_failure" comment:"deny or continue: what happens with a request whose record cannot be written"`
}

// exceptionTable is one [[exceptions]] as written.
type exceptionTable struct {
	Name    string    `toml:"name"`
	Rules   []string  `toml:"rules"`
	Image   string    `toml:"image"`
	User    string    `toml:"user"`
	Expires time.Time `toml:"expires"`
	Owner   string    `toml:"owner"`
	Reason  string    `toml:"reason"`
}

// OnFailure says what happens with a request whose record cannot be written.
type OnFailure uint8

// The choices. The zero value denies.
const (
	FailDeny     OnFailure = iota // refuse it
	FailContinue                  // let the decision stand and log the failure
)

var onFailureNames = []string{"deny", "continue"}

func (o OnFailure) String() string { return onFailureNames[o] }

// MarshalText implements [encoding.TextMarshaler].
func (o OnFailure) MarshalText() ([]byte, error) { return []byte(o.String()), nil }

// UnmarshalText implements [encoding.TextUnmarshaler].
func (o *OnFailure) UnmarshalText(b []byte) error {
	for i, n := range onFailureNames {
		if n == string(b) {
			*o = OnFailure(i)
			return nil
		}
	}
	return notOneOf(string(b), onFailureNames)
}

// profile is a [rules.Profile] that refuses names which are none.
type profile rules.Profile

// UnmarshalText implements [encoding.TextUnmarshaler].
func (p *profile) UnmarshalText(b []byte) error {
	var names []string
	for _, known := range rules.AllProfiles {
		if string(known) == string(b) {
			*p = profile(known)
			return nil
		}
		names = append(names, string(known))
	}
	return notOneOf(string(b), names)
}

// notOneOf words the refusal of a name.
func notOneOf(got string, names []string) error {
	if near := nearest(got, names); near != "" {
		return fmt.Errorf("%q is not one of %s; did you mean %q?", got, strings.Join(names, ", "), near)
	}
	return fmt.Errorf("%q is not one of %s", got, strings.Join(names, ", "))
}
