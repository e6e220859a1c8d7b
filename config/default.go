package config

import (
	"fmt"
	"reflect"
	"strings"
	"time"

	"caisson/authz"
	"caisson/authz/rules"
)

// Default compiles a built-in profile without a file. It panics if there is no such profile.
func Default(p rules.Profile) *authz.Policy { return Builtin(p).Policy }

// Builtin is [Default] as a [File].
func Builtin(p rules.Profile) *File {
	f, err := Read("built-in profile "+string(p), fmt.Appendf(nil, "version = 1\nprofile = %q\n", p), time.Time{})
	if err != nil {
		panic(err)
	}
	f.lines = nil
	return f
}

const defaultHead = `The policy of Caisson. Caisson reads it again whenever it changes; a mistake is logged, and the last good policy stays in force.
"caisson policy show" prints what is in force and where each setting comes from.`

const defaultAccess = `Who may ask for what, before the rules have their say. Without such a table everyone may ask for everything. As soon as one
statement allows, what no statement allows is refused; a deny statement wins over all others. docs/access.md says more.`

const defaultStatements = `#[[groups]]
#name = "builders"
#members = ["cn:runner-1", "ou:Builders"]

#[[access]]
#name = "operators"
#effect = "allow"
#principals = ["ou:Ops", "local"]
#operations = ["*"]

#[[access]]
#name = "builders have containers of their own"
#effect = "allow"
#principals = ["group:builders"]
#operations = ["Container*", "Exec*"]
#objects = ["ci-*"]

#[[access]]
#name = "dashboard"
#effect = "read-only"
#principals = ["cn:dashboard"]
#sensitive = true
`

const defaultTrust = `Who has to vouch for images, for the rules image-signature, image-age and image-vulnerabilities. Names of files begin in the folder of this
file. docs/image-trust.md says more. Until there is a statement, image-signature refuses every image but those in allow_digests.`

const defaultStatement = `#[image_trust]
#allow_digests = ["sha256:…"]

#[[image_trust.registries]]
#host = "registry.example.com"

#[[image_trust.statements]]
#name = "our own images"
#repositories = ["registry.example.com/team"]
#certificates = ["trust/signers"]
#identities = ["x509.subject: C=DE, ST=Berlin, O=Example"]
`

const defaultOverrides = `Overrides change options of rules for some users, on top of what stands above. The first that is for a user counts.`

const defaultOverride = `#[[overrides]]
#name = "builders get more memory"
#principals = ["group:builders"]
#[overrides.rules.memory]
#max = "32GiB"
`

const defaultRules = `The rules, with all their options. A table switches its rule on; mode = "audit" records what the rule finds and refuses
nothing, mode = "off" switches it off. An option that is left out has the profile's value, and a list or map replaces the profile's:
as long as nothing is changed, this file means the same as its profile alone.`

const defaultExceptions = `Exceptions waive rules for one image, named by digest, or for one user, named by the common name of the TLS client certificate,
or for both together. "expires" is the last day, in UTC.`

const defaultException = `#[[exceptions]]
#name = "node-exporter"
#rules = ["host-network", "host-pid"]
#image = "quay.io/prometheus/node-exporter@sha256:…"
#expires = 2027-03-31
#owner = "ops"
#reason = "needs the host's network counters"
`

// DefaultFile writes the policy file of a profile: every rule with every option, and what they are for. Rules that the profile
// has off stand there commented out. The file means the same as the profile alone.
func DefaultFile(p rules.Profile) []byte {
	var b strings.Builder
	paragraphs(&b, defaultHead)
	head := section{}
	head.add("version", "1", "")
	head.add("mode", quote(authz.Enforce.String()), `"audit" refuses nothing and records what would be refused`)
	head.add("profile", quote(string(p)), "one of "+strings.Join(profileNames(), ", "))
	head.write(&b, "")

	b.WriteString("\n")
	record := section{header: "[audit]"}
	record.add("on_failure", quote(string(failDeny)), commentOf[auditTable]("on_failure"))
	record.write(&b, "")

	b.WriteString("\n")
	existing := section{header: "[existing_containers]"}
	existing.add("mode", quote(authz.Enforce.String()), commentOf[existingTable]("mode"))
	existing.add("watch", quote(authz.Off.String()), commentOf[existingTable]("watch"))
	existing.write(&b, "")

	b.WriteString("\n")
	paragraphs(&b, defaultAccess)
	b.WriteString(defaultStatements + "\n")
	paragraphs(&b, defaultRules)
	for _, spec := range rules.All() {
		writeRule(&b, spec, p)
	}
	paragraphs(&b, defaultTrust)
	b.WriteString(defaultStatement + "\n")
	paragraphs(&b, defaultOverrides)
	b.WriteString(defaultOverride + "\n")
	paragraphs(&b, defaultExceptions)
	b.WriteString(defaultException)
	return []byte(b.String())
}

// writeRule writes a rule as it is in a profile.
func writeRule(b *strings.Builder, spec *rules.Spec, p rules.Profile) {
	r, prefix, title := spec.New(), "", spec.Title
	if apply := spec.In(p); apply != nil {
		apply(r)
	} else {
		prefix, title = "#", spec.Title+" (off in this profile)"
	}
	comment(b, "", string(spec.ID)+": "+title)
	comment(b, "", spec.Why)
	if len(spec.Refs) > 0 {
		comment(b, "", "See "+strings.Join(spec.Refs, "; "))
	}
	s := ruleSection(spec, r, authz.Enforce)
	byName := map[string]option{}
	for _, o := range options(reflect.TypeOf(r).Elem()) {
		byName[o.name] = o
	}
	for i := range s.entries {
		e := &s.entries[i]
		o, ok := byName[e.key]
		if !ok {
			continue // mode
		}
		e.comment = o.comment
		for _, f := range o.fields() {
			e.notes = append(e.notes, "  "+f.name+": "+f.comment)
		}
	}
	s.write(b, prefix)
	b.WriteString("\n")
}

// commentOf is what the reference says about a key of a table, too.
func commentOf[Table any](key string) string {
	for _, o := range options(reflect.TypeFor[Table]()) {
		if o.name == key {
			return o.comment
		}
	}
	panic("no such key: " + key)
}

// paragraphs writes texts, a comment each line wrapped, and an empty line.
func paragraphs(b *strings.Builder, text string) {
	comment(b, "", text)
	b.WriteString("\n")
}
