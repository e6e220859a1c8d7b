package config

import (
	"reflect"
	"strings"

	"caisson/authz"
)

// imageTrustSections spells out [image_trust] of a policy.
func imageTrustSections(p *authz.Policy) []section {
	if t := imageTrustOf(p); t != nil {
		return imageSections(t)
	}
	return nil
}

// imageTrustOf returns what the file says in [image_trust], nil if it has no such table.
func imageTrustOf(p *authz.Policy) *imageTrust {
	if p.Images == nil {
		return nil
	}
	t, _ := p.Images.Settings.(*imageTrust)
	return t
}

// imageSections spells out [image_trust]: what is set, in the order of the reference.
func imageSections(t *imageTrust) []section {
	all := []section{setSection("["+string(imageTrustPath)+"]", imageTrustPath, reflect.ValueOf(t.imageTrustTable))}
	all = append(all, setSections("registries", t.registries)...)
	all = append(all, setSections("statements", t.statements)...)
	return append(all, setSections("reports", t.reports)...)
}

func setSections[T any](key string, list []T) []section {
	var all []section
	for i := range list {
		at := imageTrustPath.key(key)
		all = append(all, setSection("[["+string(at)+"]]", at.index(i), reflect.ValueOf(list[i])))
	}
	return all
}

// setSection spells out the options of a struct that are set. Tables within it have sections of their own.
func setSection(header string, at path, v reflect.Value) section {
	s := section{header: header, at: at}
	for _, o := range options(v.Type()) {
		f := v.FieldByIndex(o.index)
		if tables := f.Kind() == reflect.Slice && f.Type().Elem().Kind() == reflect.Map; !tables && !f.IsZero() {
			s.addValue(o.name, f)
		}
	}
	return s
}

// text is a section as lines, for hashes.
func (s *section) text() string {
	var b strings.Builder
	b.WriteString(s.header + "\n")
	for _, e := range s.entries {
		b.WriteString(e.line() + "\n")
	}
	return b.String()
}
