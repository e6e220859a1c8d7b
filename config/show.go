package config

import (
	"fmt"
	"slices"
	"strings"

	"caisson/authz"
	"caisson/authz/rules"
)

// Show writes the policy in force as a policy file: every setting, with where it comes from. Options are shown as their rule
// understood them, which may differ in spelling from the file. What is written means the same as what was read.
func Show(f *File) []byte {
	var b strings.Builder
	fmt.Fprintf(&b, "# The policy in force: %s\n# %s\n\n", f.Name, f.Policy.Hash)
	for i, s := range effective(f.Policy) {
		if i > 0 {
			b.WriteString("\n")
		}
		for j := range s.entries {
			s.entries[j].comment = f.origin(s.at, s.entries[j].key)
		}
		s.write(&b, "")
	}
	if off := f.off(); len(off) > 0 {
		b.WriteString("\n")
		comment(&b, "", "Off in this profile: "+strings.Join(off, ", "))
	}
	return []byte(b.String())
}

// origin says where a setting comes from.
func (f *File) origin(at path, key string) string {
	if override, rest, ok := strings.Cut(string(at), ".rules."); ok {
		return f.overrideOrigin(path(override), path(rest), key)
	}
	table, isRule := strings.CutPrefix(string(at), "rules.")
	switch line := f.lines[at.key(key)]; {
	case line > 0:
		return fmt.Sprintf("%s:%d", f.Name, line)
	case isRule && rules.Get(rules.ID(table)).Permanent:
		return "part of every policy"
	case isRule && key == "mode" && f.lines[at] > 0:
		return fmt.Sprintf("%s:%d, on because its table is there", f.Name, f.lines[at])
	case !isRule || rules.Get(rules.ID(table)).In(f.Policy.Profile) == nil:
		return "default"
	default:
		return "profile " + string(f.Policy.Profile)
	}
}

// overrideOrigin says where a setting of an override's rule comes from: from there, or from the policy.
func (f *File) overrideOrigin(override, rule path, key string) string {
	at := override + ".rules." + rule
	switch line := f.lines[at.key(key)]; {
	case line > 0:
		return fmt.Sprintf("%s:%d", f.Name, line)
	case key == "mode" && !slices.ContainsFunc(f.Policy.Rules, func(b authz.BoundRule) bool { return string(b.Spec.ID) == string(rule) }):
		return fmt.Sprintf("%s:%d, on because its table is there", f.Name, f.lines[at])
	}
	return f.origin("rules."+rule, key)
}

// off lists the rules that neither the profile nor the file switches on or off.
func (f *File) off() []string {
	var ids []string
	on := map[rules.ID]bool{}
	for _, b := range f.Policy.Rules {
		on[b.Spec.ID] = true
	}
	for _, s := range rules.All() {
		if !on[s.ID] && s.In(f.Policy.Profile) == nil {
			ids = append(ids, string(s.ID))
		}
	}
	return ids
}
