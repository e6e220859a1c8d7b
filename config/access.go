package config

import (
	"fmt"
	"reflect"
	"slices"
	"strings"

	"github.com/bmatcuk/doublestar/v4"

	"caisson/authz"
	"caisson/authz/rules"
)

// groupTable is one [[groups]] as written.
type groupTable struct {
	Name    string   `toml:"name" comment:"used as group:NAME"`
	Members []string `toml:"members" comment:"principals, as in access, but for groups and \"*\""`
}

// statementTable is one [[access]] as written.
type statementTable struct {
	Name       string        `toml:"name" comment:"what the statement is for, in messages"`
	Effect     *authz.Effect `toml:"effect" comment:"allow, deny or read-only"`
	Principals []string      `toml:"principals" comment:"who: cn:, ou:, o:, dns:, email: or uri: and a part of the client certificate; group: and a group; \"local\" is who shows no certificate, \"*\" everyone"`
	Operations []string      `toml:"operations" comment:"operations by name (ContainerCreate), pattern (Container*) or class (read, sensitive, mutating, dangerous), or \"*\"; not for read-only"`
	Objects    []string      `toml:"objects" comment:"patterns of names of what is acted on; left out: any; not for read-only"`
	Sensitive  bool          `toml:"sensitive" comment:"for read-only: also operations of class sensitive, which reveal what may be secret, such as inspects and logs"`
}

// groups compiles the [[groups]] of a file. Groups hold no groups: then nobody has to follow them, and none can hold itself.
func (d *decoder) groups(tables []map[string]any) authz.Groups {
	var groups authz.Groups
	for i, table := range tables {
		p := path("groups").index(i)
		var t groupTable
		d.decodeStruct(p, table, reflect.ValueOf(&t).Elem())
		d.missing(p, "name", t.Name == "")
		d.missing(p, "members", len(t.Members) == 0)
		if t.Name != "" && groups.Has(t.Name) {
			d.problem(p.key("name"), "%q is the name of another group", t.Name)
		}
		g := authz.Group{Name: t.Name}
		for j, text := range t.Members {
			at := p.key("members").index(j)
			switch name, err := authz.ParsePrincipalName(text); {
			case err != nil:
				d.problem(at, "%v", err)
			case !name.Member():
				d.problem(at, "%q cannot be a member of a group; name it in the statement", text)
			default:
				g.Members = append(g.Members, name)
			}
		}
		groups = append(groups, g)
	}
	return groups
}

// access compiles the [[access]] statements of a file. A slip must not open anything: a deny statement whose principal or operation
// is misspelt would match nothing, so every name has to be one of something.
func (d *decoder) access(tables []map[string]any, groups authz.Groups) []authz.Statement {
	var list []authz.Statement
	seen := map[string]bool{}
	for i, table := range tables {
		p := path("access").index(i)
		var t statementTable
		d.decodeStruct(p, table, reflect.ValueOf(&t).Elem())
		if t.Name != "" && seen[t.Name] {
			d.problem(p.key("name"), "%q is the name of another statement", t.Name)
		}
		seen[t.Name] = true
		d.missing(p, "name", t.Name == "")
		d.missing(p, "effect", t.Effect == nil)
		d.missing(p, "principals", len(t.Principals) == 0)
		s := authz.Statement{Name: t.Name, Objects: t.Objects, Sensitive: t.Sensitive, Principals: d.principals(p, t.Principals, groups)}
		if t.Effect != nil {
			s.Effect = *t.Effect
			d.fits(p, &t)
		}
		s.Operations = d.operations(p.key("operations"), t.Operations)
		for j, pattern := range t.Objects {
			if pattern == "" || !doublestar.ValidatePattern(pattern) {
				d.problem(p.key("objects").index(j), "%q is no pattern; write *, ** and ? as in a shell, and \\ before a character that stands for itself", pattern)
			}
		}
		list = append(list, s)
	}
	return list
}

// fits reports keys that have no meaning with the statement's effect, and those that it cannot do without.
func (d *decoder) fits(p path, t *statementTable) {
	if *t.Effect != authz.EffectReadOnly {
		d.missing(p, "operations", len(t.Operations) == 0)
		d.missing(p, "objects", len(t.Objects) == 0 && d.lines[p.key("objects")] > 0) // would mean any; who wants that leaves it out
		if at := p.key("sensitive"); d.lines[at] > 0 {
			d.problem(at, "is for read-only statements; name the class in operations")
		}
		return
	}
	for _, key := range []string{"operations", "objects"} {
		if at := p.key(key); d.lines[at] > 0 {
			d.problem(at, "is not for read-only statements: those are about everything that their principals do")
		}
	}
}

// principals compiles the principals of a statement or an override.
func (d *decoder) principals(p path, texts []string, groups authz.Groups) []authz.PrincipalName {
	var list []authz.PrincipalName
	for i, text := range texts {
		at := p.key("principals").index(i)
		name, err := authz.ParsePrincipalName(text)
		if err != nil {
			d.problem(at, "%v", err)
			continue
		}
		if group, ok := name.Group(); ok && !groups.Has(group) {
			d.problem(at, "unknown group %q%s", group, suggest(group, groupNames(groups)))
		}
		list = append(list, name)
	}
	return list
}

func groupNames(groups authz.Groups) []string {
	var names []string
	for _, g := range groups {
		names = append(names, g.Name)
	}
	return names
}

// operations compiles the operations of a statement.
func (d *decoder) operations(p path, texts []string) []authz.OperationPattern {
	var list []authz.OperationPattern
	for i, text := range texts {
		pattern, err := authz.ParseOperationPattern(text)
		if err != nil {
			d.problem(p.index(i), "%v%s", err, suggest(text, authz.OperationNames()))
			continue
		}
		list = append(list, pattern)
	}
	return list
}

// refusedLookUps words that the access statements keep Caisson from seeing what it has to judge; "" if they do not.
func refusedLookUps(p *authz.Policy) string {
	var names []string
	for _, op := range p.RefusedLookUps() {
		names = append(names, string(op))
	}
	if len(names) == 0 {
		return ""
	}
	return fmt.Sprintf("the statements refuse %s to the local socket, where Caisson's own requests come from, so %s; let principals = [\"local\"] do operations = [\"%s\"]",
		strings.Join(names, ", "), blind(p), strings.Join(names, `", "`))
}

// blind words what comes of it if Caisson's own requests are refused.
func blind(p *authz.Policy) string {
	so := "requests that depend on existing containers or volumes cannot be decided"
	if p.Watch != authz.Off {
		so += ", and containers that run cannot be watched"
	}
	return so
}

// closedLookUps words that the rule operations closes, for all, what Caisson itself asks for; "" if it does not.
func closedLookUps(p *authz.Policy) string {
	for i := range p.Rules {
		b := &p.Rules[i]
		o, ok := b.Rule.(*rules.Operations)
		if !ok || b.Mode != authz.Enforce {
			continue
		}
		var names []string
		for _, op := range p.OwnRequests() {
			if slices.Contains(o.Deny, string(op)) {
				names = append(names, string(op))
			}
		}
		if len(names) > 0 {
			return fmt.Sprintf("closes %s for Caisson itself too, so %s; take it out, and refuse it to others with access statements", strings.Join(names, ", "), blind(p))
		}
	}
	return ""
}
