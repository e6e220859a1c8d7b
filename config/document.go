package config

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"caisson/authz"
	"caisson/authz/rules"
)

// document is a policy file as written.
type document struct {
	Version  int64           `toml:"version"`
	Mode     authz.Mode      `toml:"mode"`
	Profile  profile         `toml:"profile"`
	Audit    auditTable      `toml:"audit"`
	Existing existingTable   `toml:"existing_containers"`
	Images   imageTrustTable `toml:"image_trust"`
	Rules    map[string]any  `toml:"rules"` // decoded later, into the rules' own types

	// Decoded later, each by itself: a mistake in one hides none in another.
	Groups     []map[string]any `toml:"groups"`
	Access     []map[string]any `toml:"access"`
	Overrides  []map[string]any `toml:"overrides"`
	Exceptions []map[string]any `toml:"exceptions"`
}

// auditTable is [audit] as written.
type auditTable struct {
	OnFailure auditFailure `toml:"on_failure" comment:"deny (default) or continue: what happens with a request whose record cannot be written"`
}

// existingTable is [existing_containers] as written.
type existingTable struct {
	Mode  authz.Mode `toml:"mode" comment:"enforce (default), audit or off: what happens with a request that starts, enters or changes a container which the rules would not let be created today"`
	Watch authz.Mode `toml:"watch" comment:"off (default), audit or enforce: what happens with a container that runs, and that the rules would not let be created today, however it came to run: by a restart policy, as a task of a swarm, by a request that overtook another. audit records it, enforce also kills it, at once"`
}

// exceptionTable is one [[exceptions]] as written.
type exceptionTable struct {
	Name    string    `toml:"name" comment:"stands in the audit log"`
	Rules   []string  `toml:"rules" comment:"IDs of the rules that are waived"`
	Image   string    `toml:"image" comment:"for one image, named by digest"`
	User    string    `toml:"user" comment:"for one user: the common name of the TLS client certificate"`
	Expires time.Time `toml:"expires" comment:"the last day, UTC; or a date with a time"`
	Owner   string    `toml:"owner" comment:"whom to ask"`
	Reason  string    `toml:"reason" comment:"why"`
}

// auditFailure says what happens with a request whose record cannot be written.
type auditFailure string

const (
	failDeny     auditFailure = "deny"     // it is refused; so it is if the file does not say
	failContinue auditFailure = "continue" // the decision stands
)

// UnmarshalText implements [encoding.TextUnmarshaler].
func (f *auditFailure) UnmarshalText(b []byte) error {
	switch got := auditFailure(b); got {
	case failDeny, failContinue:
		*f = got
		return nil
	default:
		return notOneOf(string(b), []string{string(failDeny), string(failContinue)})
	}
}

func onFailure(p *authz.Policy) auditFailure {
	if p.ContinueUnaudited {
		return failContinue
	}
	return failDeny
}

// profile is a [rules.Profile] that refuses names which are none.
type profile rules.Profile

// UnmarshalText implements [encoding.TextUnmarshaler].
func (p *profile) UnmarshalText(b []byte) error {
	found, err := ParseProfile(string(b))
	if err == nil {
		*p = profile(found)
	}
	return err
}

// ParseProfile returns the built-in profile of a name.
func ParseProfile(name string) (rules.Profile, error) {
	if slices.Contains(rules.AllProfiles, rules.Profile(name)) {
		return rules.Profile(name), nil
	}
	return "", notOneOf(name, profileNames())
}

func profileNames() []string {
	var names []string
	for _, p := range rules.AllProfiles {
		names = append(names, string(p))
	}
	return names
}

// notOneOf words the refusal of a name.
func notOneOf(got string, names []string) error {
	if near := nearest(got, names); near != "" {
		return fmt.Errorf("%q is not one of %s; did you mean %q?", got, strings.Join(names, ", "), near)
	}
	return fmt.Errorf("%q is not one of %s", got, strings.Join(names, ", "))
}
