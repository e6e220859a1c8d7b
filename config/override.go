package config

import (
	"reflect"
	"slices"

	"caisson/authz"
	"caisson/authz/rules"
)

// overrideTable is one [[overrides]] as written.
type overrideTable struct {
	Name       string         `toml:"name" comment:"what the override is for; it stands in the audit log"`
	Principals []string       `toml:"principals" comment:"whose requests are judged by these rules, as in access"`
	Rules      map[string]any `toml:"rules" comment:"[overrides.rules.<id>]: options that change the policy's own for these principals"` // decoded later, like those of the policy
}

// overrides compiles the [[overrides]] of a file, each into a whole list of rules.
func (d *decoder) overrides(p *authz.Policy, doc *document) []authz.Override {
	var list []authz.Override
	seen := map[string]bool{}
	for i, table := range doc.Overrides {
		at := path("overrides").index(i)
		var t overrideTable
		d.decodeStruct(at, table, reflect.ValueOf(&t).Elem())
		if t.Name != "" && seen[t.Name] {
			d.problem(at.key("name"), "%q is the name of another override", t.Name)
		}
		seen[t.Name] = true
		d.missing(at, "name", t.Name == "")
		d.missing(at, "principals", len(t.Principals) == 0)
		d.missing(at, "rules", len(t.Rules) == 0)
		o := authz.Override{Name: t.Name, Principals: d.principals(at, t.Principals, p.Groups)}
		o.Rules, o.Changed = d.rebind(at.key("rules"), t.Rules, p, doc.Rules)
		list = append(list, o)
	}
	return list
}

// rebind makes the rules of an override: those that it names anew, with what it says on top of what the policy says, and the rest
// as they are. The policy's own rules are prepared by now, so their options cannot be the start: preparing may rewrite them.
func (d *decoder) rebind(at path, tables map[string]any, p *authz.Policy, policy map[string]any) (bound []authz.BoundRule, changed []rules.ID) {
	d.unknownRules(at, tables)
	for _, spec := range rules.All() {
		v, ok := tables[string(spec.ID)]
		if !ok {
			if i := slices.IndexFunc(p.Rules, func(b authz.BoundRule) bool { return b.Spec == spec }); i >= 0 {
				bound = append(bound, p.Rules[i])
			}
			continue
		}
		if spec.Permanent {
			d.problem(at.key(string(spec.ID)), "this rule is the same for everyone")
		}
		changed = append(changed, spec.ID)
		quiet := &decoder{file: d.file, lines: d.lines} // what is wrong with the policy's own table has been reported
		b := quiet.rule(p.Profile, spec, policy)
		d.override(at.key(string(spec.ID)), &b, v)
		if b.Mode == authz.Off {
			continue
		}
		if !d.reported(rulePath(string(spec.ID))) {
			d.prepare(at.key(string(spec.ID)), &b)
		}
		bound = append(bound, b)
	}
	return bound, changed
}
