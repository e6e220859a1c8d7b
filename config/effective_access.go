package config

import (
	"fmt"
	"reflect"
	"slices"

	"caisson/authz"
	"caisson/authz/rules"
)

// accessSections spells out groups and access statements, by name: a statement means the same wherever it stands.
func accessSections(p *authz.Policy) []section {
	var groups, statements []section
	for i, g := range p.Groups {
		s := section{header: "[[groups]]", at: path("groups").index(i)}
		s.add("name", quote(g.Name), "")
		s.addValue("members", sorted(g.Members))
		groups = append(groups, s)
	}
	sortByName(groups)
	for i := range p.Access {
		st := &p.Access[i]
		s := section{header: "[[access]]", at: path("access").index(i)}
		s.add("name", quote(st.Name), "")
		s.add("effect", quote(st.Effect.String()), "")
		s.addValue("principals", sorted(st.Principals))
		if st.Effect == authz.EffectReadOnly {
			s.addValue("sensitive", reflect.ValueOf(st.Sensitive))
		} else {
			s.addValue("operations", sorted(st.Operations))
		}
		if len(st.Objects) > 0 {
			s.addValue("objects", reflect.ValueOf(slices.Compact(slices.Sorted(slices.Values(st.Objects)))))
		}
		statements = append(statements, s)
	}
	sortByName(statements)
	return append(groups, statements...)
}

// overrideSections spells the overrides out, in their order: the first that concerns a principal counts. What an override changes
// is given in full.
func overrideSections(p *authz.Policy) []section {
	var all []section
	for i := range p.Overrides {
		o := &p.Overrides[i]
		at := path("overrides").index(i)
		s := section{header: "[[overrides]]", at: at}
		s.add("name", quote(o.Name), "")
		s.addValue("principals", sorted(o.Principals))
		all = append(all, s)
		for _, id := range o.Changed {
			b := authz.BoundRule{Mode: authz.Off}
			if i := slices.IndexFunc(o.Rules, func(b authz.BoundRule) bool { return b.Spec.ID == id }); i >= 0 {
				b = o.Rules[i]
			}
			s := ruleSection(rules.Get(id), b.Rule, b.Mode)
			s.header, s.at = "[overrides."+string(s.at)+"]", at.key("rules").key(string(id))
			all = append(all, s)
		}
	}
	return all
}

// sorted gives the texts of a list whose order means nothing, each once.
func sorted[T fmt.Stringer](list []T) reflect.Value {
	var texts []string
	for _, v := range list {
		texts = append(texts, v.String())
	}
	slices.Sort(texts)
	return reflect.ValueOf(slices.Compact(texts))
}
