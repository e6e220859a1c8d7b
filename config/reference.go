package config

import (
	"fmt"
	"reflect"
	"strings"

	"caisson/authz"
	"caisson/authz/rules"
)

const referenceHead = `<!-- Made by "make generate" from the rules themselves; changes here are lost. -->

# Policy reference

Every rule has a table ` + "`[rules.<id>]`" + ` in the policy file. The table switches the rule on, whatever the profile says.
Beside the rule's own options it takes ` + "`mode`" + `: ` + "`enforce`" + ` (refuse; the default), ` + "`audit`" + ` (let pass and record) or
` + "`off`" + `. An option that is left out has the profile's value; a list or map replaces the profile's.

`

const referenceTables = `
## Tables beside the rules

[access.md](access.md) tells who may ask for what, and has examples.

| Key | Type | |
|---|---|---|
| ` + "`version`" + ` | integer | 1; required |
| ` + "`mode`" + ` | string | enforce (default), or audit: refuse nothing, and record what would be refused |
| ` + "`profile`" + ` | string | the profile that the rules start from; baseline (default) |
`

// tables are those of a policy file but for the rules, and what stands in one of each.
var tables = []struct {
	name string
	typ  reflect.Type
}{
	{"audit", reflect.TypeFor[auditTable]()},
	{"existing_containers", reflect.TypeFor[existingTable]()},
	{"image_trust", reflect.TypeFor[imageTrustTable]()},
	{"image_trust.registries[]", reflect.TypeFor[registryTable]()},
	{"image_trust.statements[]", reflect.TypeFor[trustTable]()},
	{"image_trust.reports[]", reflect.TypeFor[reportTable]()},
	{"groups[]", reflect.TypeFor[groupTable]()},
	{"access[]", reflect.TypeFor[statementTable]()},
	{"overrides[]", reflect.TypeFor[overrideTable]()},
	{"exceptions[]", reflect.TypeFor[exceptionTable]()},
}

// Reference describes the policy file in Markdown.
func Reference() string {
	var b strings.Builder
	b.WriteString(referenceHead)
	overview(&b)
	b.WriteString(referenceTables)
	for _, t := range tables {
		for _, o := range options(t.typ) {
			row(&b, t.name+"."+o.name, typeName(o.typ), prose(o.comment))
		}
	}
	for _, spec := range rules.All() {
		describe(&b, spec)
	}
	return b.String()
}

// overview shows which rules each profile switches on.
func overview(b *strings.Builder) {
	profiles := profileNames()
	fmt.Fprintf(b, "| Rule | %s |\n|---|%s\n", strings.Join(profiles, " | "), strings.Repeat("---|", len(profiles)))
	for _, spec := range rules.All() {
		fmt.Fprintf(b, "| [%[1]s](#%[1]s)", spec.ID)
		for _, p := range rules.AllProfiles {
			b.WriteString(" | ")
			if spec.In(p) != nil {
				b.WriteString("on")
			}
		}
		b.WriteString(" |\n")
	}
}

// describe writes the chapter of a rule.
func describe(b *strings.Builder, spec *rules.Spec) {
	fmt.Fprintf(b, "\n## %s\n\n**%s.** %s\n\n", spec.ID, prose(spec.Title), prose(spec.Why))
	fmt.Fprintf(b, "* Fix: %s\n", prose(spec.Fix))
	if spec.ServiceFix != "" {
		fmt.Fprintf(b, "* Fix of a service: %s\n", prose(spec.ServiceFix))
	}
	fmt.Fprintf(b, "* Judges: %s\n", judges(spec))
	if len(spec.Fields) > 0 {
		fmt.Fprintf(b, "* Fields: `%s`\n", strings.Join(spec.Fields, "`, `"))
	}
	if len(spec.Refs) > 0 {
		fmt.Fprintf(b, "* See: %s\n", strings.Join(spec.Refs, "; "))
	}
	for _, p := range rules.AllProfiles {
		if changed := changes(spec, p); len(changed) > 0 {
			fmt.Fprintf(b, "* In profile %s: `%s`\n", p, strings.Join(changed, "`, `"))
		}
	}
	v := reflect.ValueOf(spec.New()).Elem()
	list := options(v.Type())
	if len(list) == 0 {
		return
	}
	b.WriteString("\n| Option | Type | Default | |\n|---|---|---|---|\n")
	for _, o := range list {
		row(b, o.name, typeName(o.typ), defaultOf(v.FieldByIndex(o.index)), prose(o.comment))
		for _, f := range o.fields() {
			row(b, o.name+"[]."+f.name, typeName(f.typ), "", prose(f.comment))
		}
	}
}

// judges says where a rule applies.
func judges(spec *rules.Spec) string {
	if spec.Always {
		return "every request"
	}
	var names []string
	for _, d := range spec.Doors {
		names = append(names, d.String())
	}
	for _, op := range spec.Ops {
		names = append(names, string(op))
	}
	return strings.Join(names, ", ")
}

// changes lists the options that a profile sets to something else than their defaults.
func changes(spec *rules.Spec, p rules.Profile) []string {
	apply := spec.In(p)
	if apply == nil {
		return nil
	}
	r := spec.New()
	apply(r)
	usual := ruleSection(spec, spec.New(), authz.Enforce)
	set := map[string]bool{}
	for _, e := range usual.entries {
		set[e.line()] = true
	}
	var list []string
	for _, e := range ruleSection(spec, r, authz.Enforce).entries {
		if !set[e.line()] {
			list = append(list, e.line())
		}
	}
	return list
}

func defaultOf(v reflect.Value) string {
	if absent(v) {
		return ""
	}
	return "`" + render(v) + "`"
}

// prose keeps what patterns and placeholders are made of from being taken for Markdown.
func prose(s string) string {
	return strings.NewReplacer("*", `\*`, "<", "&lt;", "`", "\\`").Replace(s)
}

// row writes the cells of a table's row.
func row(b *strings.Builder, name string, cells ...string) {
	fmt.Fprintf(b, "| `%s`", name)
	for _, c := range cells {
		b.WriteString(" | " + strings.ReplaceAll(c, "|", `\|`))
	}
	b.WriteString(" |\n")
}
