package config

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"reflect"
	"slices"
	"strings"
	"time"

	"caisson/authz"
	"caisson/authz/rules"
)

// effective spells a policy out: everything that has a say in a decision, and nothing else, in an order of its own. Read as a
// file, it gives the same policy.
//
// A rule that is off appears if the profile would have it on. That makes the text depend on what the profile means in this
// version of the program, so that an update which adds a rule to a profile changes the hash too.
func effective(p *authz.Policy) []section {
	head := section{}
	head.add("version", "1", "")
	head.add("mode", quote(p.Mode.String()), "")
	head.add("profile", quote(string(p.Profile)), "")
	record := section{header: "[audit]", at: "audit"}
	record.add("on_failure", quote(string(onFailure(p))), "")

	existing := section{header: "[existing_containers]", at: "existing_containers"}
	existing.add("mode", quote(p.Existing.String()), "")
	existing.add("watch", quote(p.Watch.String()), "")

	all := append([]section{head, record, existing}, imageTrustSections(p)...)
	all = append(all, accessSections(p)...)
	on := map[rules.ID]*authz.BoundRule{}
	for i := range p.Rules {
		on[p.Rules[i].Spec.ID] = &p.Rules[i]
	}
	for _, spec := range rules.All() {
		if b := on[spec.ID]; b != nil {
			all = append(all, ruleSection(spec, b.Rule, b.Mode))
		} else if spec.In(p.Profile) != nil {
			all = append(all, ruleSection(spec, nil, authz.Off))
		}
	}
	all = append(all, overrideSections(p)...)
	return append(all, exceptionSections(p)...)
}

// ruleSection spells out a rule's mode and, if it is given, its options.
func ruleSection(spec *rules.Spec, r rules.Rule, mode authz.Mode) section {
	at := rulePath(string(spec.ID))
	s := section{header: "[" + string(at) + "]", at: at}
	s.add("mode", quote(mode.String()), "")
	if r == nil {
		return s
	}
	v := reflect.ValueOf(r).Elem()
	for _, o := range options(v.Type()) {
		if f := v.FieldByIndex(o.index); !absent(f) {
			s.addValue(o.name, f)
		}
	}
	return s
}

// exceptionSections spells the exceptions out, by name.
func exceptionSections(p *authz.Policy) []section {
	var all []section
	for i, e := range p.Exceptions {
		s := section{header: "[[exceptions]]", at: path("exceptions").index(i)}
		s.add("name", quote(e.Name), "")
		// The order of rules in an exception means nothing, that of a rule's options may.
		ids := slices.Sorted(slices.Values(e.Rules))
		s.addValue("rules", reflect.ValueOf(slices.Compact(ids)))
		if e.Image != nil {
			s.add("image", quote(e.Image.String()), "")
		}
		if e.User != "" {
			s.add("user", quote(e.User), "")
		}
		s.add("expires", e.Expires.UTC().Format(time.RFC3339Nano), "")
		s.add("owner", quote(e.Owner), "")
		s.add("reason", quote(e.Reason), "")
		all = append(all, s)
	}
	sortByName(all)
	return all
}

// sortByName orders tables whose order means nothing. The name is the first of their keys.
func sortByName(all []section) {
	slices.SortFunc(all, func(a, b section) int { return cmp.Compare(a.entries[0].value, b.entries[0].value) })
}

// hash identifies what a policy means. Comments, order and ways of writing do not change it. Every record of a decision carries
// it: with it, one can tell later which policy decided, and hosts that ought to have the same policy can be compared.
func hash(p *authz.Policy) string {
	var b strings.Builder
	for _, s := range effective(p) {
		b.WriteString(s.text())
	}
	if t := imageTrustOf(p); t != nil {
		b.WriteString(t.inputs) // the certificates and keys have a say, too
	}
	sum := sha256.Sum256([]byte(b.String()))
	return "sha256:" + hex.EncodeToString(sum[:])
}
