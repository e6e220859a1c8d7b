package config

import (
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"

	"caisson/authz"
	"caisson/authz/rules"
)

// bind makes the rules of a profile, changed by the [rules.*] tables of a file. Rules that are off are left out.
func (d *decoder) bind(profile rules.Profile, tables map[string]any) []authz.BoundRule {
	d.unknownRules("rules", tables)
	var bound []authz.BoundRule
	for _, spec := range rules.All() {
		b := d.rule(profile, spec, tables)
		// Options of a rule that is off are decoded, so that their mistakes show before somebody switches it on. They are not
		// prepared: a value that is missing is no mistake then.
		if b.Mode == authz.Off {
			continue
		}
		d.prepare(rulePath(string(spec.ID)), &b)
		bound = append(bound, b)
	}
	return bound
}

// rule makes one rule of a profile, changed by the file's table if there is one.
func (d *decoder) rule(profile rules.Profile, spec *rules.Spec, tables map[string]any) authz.BoundRule {
	b := authz.BoundRule{Spec: spec, Rule: spec.New(), Mode: authz.Off}
	if apply := spec.In(profile); apply != nil {
		b.Mode = authz.Enforce
		apply(b.Rule)
	}
	if v, ok := tables[string(spec.ID)]; ok {
		d.override(rulePath(string(spec.ID)), &b, v)
	}
	return b
}

// unknownRules reports tables of rules that there are none of. A misspelt rule that is passed over would be a rule that is off.
func (d *decoder) unknownRules(at path, tables map[string]any) {
	for _, id := range slices.Sorted(maps.Keys(tables)) {
		if rules.Get(rules.ID(id)) == nil {
			d.problem(at.key(id), "unknown rule%s", UnknownRule(id))
		}
	}
}

// override applies a rule's table. The table switches the rule on, if its mode does not say otherwise.
func (d *decoder) override(p path, b *authz.BoundRule, v any) {
	if on, ok := v.(bool); ok && !b.Spec.Permanent {
		d.mismatch(p, v, fmt.Sprintf("a table; write [%s], and below it mode = %q", p, map[bool]authz.Mode{true: authz.Enforce, false: authz.Off}[on]))
		return
	}
	table, ok := d.table(p, v)
	if !ok {
		return
	}
	if b.Mode == authz.Off {
		b.Mode = authz.Enforce // whoever writes down how a rule is to be wants it on
	}
	if m, ok := table["mode"]; ok {
		d.decode(p.key("mode"), m, reflect.ValueOf(&b.Mode).Elem())
	}
	if b.Spec.Permanent && b.Mode != authz.Enforce {
		d.problem(p.key("mode"), `%q is not possible: this rule is part of every policy; to watch everything for a while, set mode = "audit" at the top of the file`, b.Mode)
		b.Mode = authz.Enforce
	}
	d.decodeStruct(p, table, reflect.ValueOf(b.Rule).Elem(), "mode")
}

// prepare lets a rule check and compile its options.
func (d *decoder) prepare(at path, b *authz.BoundRule) {
	r, ok := b.Rule.(rules.Preparer)
	if !ok {
		return
	}
	for _, err := range split(r.Prepare()) {
		d.prepareProblem(at, err)
	}
}

// prepareProblem reports an error of a rule. It begins with the option's name, with or without the place in a list.
func (d *decoder) prepareProblem(rule path, err error) {
	p, text := rule, err.Error()
	if name, rest, ok := strings.Cut(text, ": "); ok {
		if at := rule + "." + path(name); d.lines[at] > 0 {
			p, text = at, rest
		}
	}
	d.problem(p, "%s", text)
}

// split takes joined errors apart, those of [errors.Join] only: another error that wraps several has a text of its own.
func split(err error) []error {
	var joined interface{ Unwrap() []error }
	switch {
	case err == nil:
		return nil
	case errors.As(err, &joined) && err.Error() == errors.Join(joined.Unwrap()...).Error():
		return joined.Unwrap()
	}
	return []error{err}
}

func rulePath(id string) path { return path("rules").key(id) }

func ruleIDs() []string {
	var ids []string
	for _, s := range rules.All() {
		ids = append(ids, string(s.ID))
	}
	return ids
}
