package authz

import (
	"fmt"
	"slices"
	"strings"

	"caisson/authz/request"
)

// PrincipalName names principals in a policy: "cn:alice", "ou:Ops", "group:ci", "local", "*". The zero value names nobody.
//
// What stands before the first colon says which part of a certificate is meant. So a certificate whose common name is "ou:Ops",
// "local" or "*" is none of these: it is "cn:ou:Ops", and so on.
type PrincipalName struct{ Kind, Value string }

// The kinds of names. Those without a value stand for themselves.
const (
	kindEveryone = "*"
	kindLocal    = "local" // who shows no certificate
	kindGroup    = "group"
	kindCN       = "cn" // common name
	kindOU       = "ou" // organisational unit
	kindO        = "o"  // organisation
	kindDNS      = "dns"
	kindEmail    = "email"
	kindURI      = "uri"
)

var kindsWithValue = []string{kindCN, kindOU, kindO, kindDNS, kindEmail, kindURI, kindGroup}

// ParsePrincipalName reads a name. Values are compared as they are, whole and with their case, but for host names.
func ParsePrincipalName(text string) (PrincipalName, error) {
	kind, value, _ := strings.Cut(text, ":")
	switch {
	case text == kindEveryone || text == kindLocal:
		return PrincipalName{Kind: text}, nil
	case kind == text || !slices.Contains(kindsWithValue, kind):
		return PrincipalName{}, fmt.Errorf(`%q names no principal; write "local", "*", or one of %s: and a name`, text, strings.Join(kindsWithValue, ":, "))
	case value == "":
		return PrincipalName{}, fmt.Errorf("%q has no name after the colon", text)
	case strings.TrimSpace(value) != value:
		return PrincipalName{}, fmt.Errorf("%q has a space at an end of the name", text)
	case strings.Contains(value, "*"):
		// It would look like a pattern. A deny statement that matches nobody is a hole.
		return PrincipalName{}, fmt.Errorf(`%q is no pattern: names of principals are compared as they are; to name everyone, write "*"`, text)
	case kind == kindDNS:
		value = strings.ToLower(value)
	}
	return PrincipalName{kind, value}, nil
}

func (n PrincipalName) String() string {
	if n.Value == "" {
		return n.Kind
	}
	return n.Kind + ":" + n.Value
}

// Group returns the name of the group, if it is one that is meant.
func (n PrincipalName) Group() (string, bool) { return n.Value, n.Kind == kindGroup }

// Member tells whether the name can stand in a group.
func (n PrincipalName) Member() bool { return n.Kind != kindGroup && n.Kind != kindEveryone }

// MarshalText implements [encoding.TextMarshaler].
func (n PrincipalName) MarshalText() ([]byte, error) { return []byte(n.String()), nil }

// Group is a list of principals under a name. It holds no groups.
type Group struct {
	Name    string
	Members []PrincipalName
}

// Groups are the groups of a policy. Their names differ.
type Groups []Group

// Has tells whether there is a group of a name.
func (g Groups) Has(name string) bool {
	return slices.ContainsFunc(g, func(x Group) bool { return x.Name == name })
}

// concern tells whether one of the names is a principal's.
func (g Groups) concern(names []PrincipalName, who *request.Principal) bool {
	return slices.ContainsFunc(names, func(n PrincipalName) bool {
		switch n.Kind {
		case kindEveryone:
			return true
		case kindLocal:
			return who.Local
		case kindGroup:
			return g.holds(n.Value, who)
		}
		return n.names(who)
	})
}

func (g Groups) holds(group string, who *request.Principal) bool {
	return slices.ContainsFunc(g, func(x Group) bool {
		return x.Name == group && slices.ContainsFunc(x.Members, func(n PrincipalName) bool {
			return n.Kind == kindLocal && who.Local || n.names(who)
		})
	})
}

// names compares with the principal's certificate.
func (n PrincipalName) names(who *request.Principal) bool {
	if who.Local || n.Value == "" {
		return false
	}
	switch n.Kind {
	case kindCN:
		return who.CommonName == n.Value
	case kindOU:
		return slices.Contains(who.Units, n.Value)
	case kindO:
		return slices.Contains(who.Organizations, n.Value)
	case kindDNS:
		return slices.Contains(who.DNSNames, n.Value)
	case kindEmail:
		return slices.Contains(who.Emails, n.Value)
	case kindURI:
		return slices.Contains(who.URIs, n.Value)
	}
	return false
}

// needsCertificate tells whether the policy names principals by more than their common name.
func (p *Policy) needsCertificate() bool {
	beyond := func(n PrincipalName) bool {
		return !slices.Contains([]string{kindEveryone, kindLocal, kindCN, kindGroup}, n.Kind)
	}
	return slices.ContainsFunc(p.Groups, func(g Group) bool { return slices.ContainsFunc(g.Members, beyond) }) ||
		slices.ContainsFunc(p.Access, func(s Statement) bool { return slices.ContainsFunc(s.Principals, beyond) }) ||
		slices.ContainsFunc(p.Overrides, func(o Override) bool { return slices.ContainsFunc(o.Principals, beyond) })
}
