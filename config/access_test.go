package config

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const accessText = `version = 1
profile = "none"

[[groups]]
name = "ci"
members = ["ou:Builders", "cn:runner-1"]

[[access]]
name = "ci"
effect = "allow"
principals = ["group:ci", "local", "dns:HOST.example"]
operations = ["Container*", "read", "sensitive"]
objects = ["ci-*"]

[[access]]
name = "viewers"
effect = "read-only"
principals = ["*"]

[rules.capabilities]
allow = ["KILL"]

[[overrides]]
name = "ci may do more"
principals = ["group:ci"]
[overrides.rules.capabilities]
allow = ["CHOWN", "KILL"]
[overrides.rules.privileged]
mode = "audit"
`

// with replaces one line of accessText, or adds lines in its place.
func with(line, by string) string { return strings.Replace(accessText, line+"\n", by+"\n", 1) }

func TestAccessMistakes(t *testing.T) {
	const allOf = `write "local", "*", or one of cn:, ou:, o:, dns:, email:, uri:, group: and a name`
	for name, test := range map[string]struct{ text, want string }{
		"groups no tables":       {"version = 1\n[groups]\nname = \"x\"\n", `policy.toml:2: groups: is a table, must be a list`},
		"group empty":            {"version = 1\n[[groups]]\n", "policy.toml:2: groups[0]: members is missing\npolicy.toml:2: groups[0]: name is missing"},
		"group without members":  {with(`members = ["ou:Builders", "cn:runner-1"]`, `members = []`), `policy.toml:6: groups[0].members: is empty`},
		"group twice":            {accessText + "[[groups]]\nname = \"ci\"\nmembers = [\"local\"]\n", `policy.toml:31: groups[1].name: "ci" is the name of another group`},
		"group key":              {with(`members = ["ou:Builders", "cn:runner-1"]`, `member = ["local"]`), "policy.toml:4: groups[0]: members is missing\npolicy.toml:6: groups[0].member: unknown key; did you mean \"members\"?"},
		"group in a group":       {with(`members = ["ou:Builders", "cn:runner-1"]`, `members = ["group:x"]`), `policy.toml:6: groups[0].members[0]: "group:x" cannot be a member of a group; name it in the statement`},
		"everyone in a group":    {with(`members = ["ou:Builders", "cn:runner-1"]`, `members = ["*"]`), `policy.toml:6: groups[0].members[0]: "*" cannot be a member of a group; name it in the statement`},
		"principal without kind": {with(`members = ["ou:Builders", "cn:runner-1"]`, `members = ["alice"]`), `policy.toml:6: groups[0].members[0]: "alice" names no principal; ` + allOf},
		"principal's kind":       {with(`principals = ["*"]`, `principals = ["CN:alice"]`), `policy.toml:18: access[1].principals[0]: "CN:alice" names no principal; ` + allOf},
		"principal's value":      {with(`principals = ["*"]`, `principals = ["cn:"]`), `policy.toml:18: access[1].principals[0]: "cn:" has no name after the colon`},
		"principal's space":      {with(`principals = ["*"]`, `principals = ["cn: a"]`), `policy.toml:18: access[1].principals[0]: "cn: a" has a space at an end of the name`},
		"principal a pattern":    {with(`principals = ["*"]`, `principals = ["cn:dash*"]`), `policy.toml:18: access[1].principals[0]: "cn:dash*" is no pattern: names of principals are compared as they are; to name everyone, write "*"`},
		"principal's type":       {with(`principals = ["*"]`, `principals = [1]`), `policy.toml:18: access[1].principals[0]: is an integer, must be a string`},
		"group unknown":          {with(`principals = ["*"]`, `principals = ["local", "group:cii"]`), `policy.toml:18: access[1].principals[1]: unknown group "cii"; did you mean "ci"?`},
		"group unknown, far":     {with(`principals = ["*"]`, `principals = ["group:frobnicators"]`), `policy.toml:18: access[1].principals[0]: unknown group "frobnicators"; valid: ci`},
		"statement empty":        {"version = 1\n[[access]]\n", "policy.toml:2: access[0]: effect is missing\npolicy.toml:2: access[0]: name is missing\npolicy.toml:2: access[0]: principals is missing"},
		"statement's effect":     {with(`effect = "read-only"`, `effect = "readonly"`), `policy.toml:17: access[1].effect: "readonly" is not one of deny, read-only, allow`},
		"statement twice":        {with(`name = "viewers"`, `name = "ci"`), `policy.toml:16: access[1].name: "ci" is the name of another statement`},
		"statement key":          {with(`objects = ["ci-*"]`, `object = ["ci-*"]`), `policy.toml:13: access[0].object: unknown key; did you mean "objects"?`},
		"without operations":     {with(`operations = ["Container*", "read", "sensitive"]`, ``), `policy.toml:8: access[0]: operations is missing`},
		"no operations":          {with(`operations = ["Container*", "read", "sensitive"]`, `operations = []`), `policy.toml:12: access[0].operations: is empty`},
		"operation misspelt":     {with(`operations = ["Container*", "read", "sensitive"]`, `operations = ["read", "ContainerCraete"]`), `policy.toml:12: access[0].operations[1]: "ContainerCraete" is no operation, no pattern of any, and no class; did you mean "ContainerCreate"?`},
		"class misspelt":         {with(`operations = ["Container*", "read", "sensitive"]`, `operations = ["reads"]`), `policy.toml:12: access[0].operations[0]: "reads" is no operation, no pattern of any, and no class; did you mean "read"?`},
		"pattern of nothing":     {with(`operations = ["Container*", "read", "sensitive"]`, `operations = ["Pod*"]`), `policy.toml:12: access[0].operations[0]: "Pod*" is no operation, no pattern of any, and no class`},
		"no objects":             {with(`objects = ["ci-*"]`, `objects = []`), `policy.toml:13: access[0].objects: is empty`},
		"object no pattern":      {with(`objects = ["ci-*"]`, `objects = ["ci-["]`), `policy.toml:13: access[0].objects[0]: "ci-[" is no pattern; write *, ** and ? as in a shell, and \ before a character that stands for itself`},
		"sensitive elsewhere":    {with(`objects = ["ci-*"]`, `sensitive = true`), `policy.toml:13: access[0].sensitive: is for read-only statements; name the class in operations`},
		"read-only operations":   {with(`principals = ["*"]`, "principals = [\"*\"]\noperations = [\"read\"]"), `policy.toml:19: access[1].operations: is not for read-only statements: those are about everything that their principals do`},
		"override empty":         {"version = 1\n[[overrides]]\n", "policy.toml:2: overrides[0]: name is missing\npolicy.toml:2: overrides[0]: principals is missing\npolicy.toml:2: overrides[0]: rules is missing"},
		"override key":           {with(`principals = ["group:ci"]`, "principals = [\"group:ci\"]\nmode = \"audit\""), `policy.toml:26: overrides[0].mode: unknown key; valid: name, principals, rules`},
		"override twice":         {accessText + "[[overrides]]\nname = \"ci may do more\"\nprincipals = [\"local\"]\nrules.privileged.mode = \"off\"\n", `policy.toml:31: overrides[1].name: "ci may do more" is the name of another override`},
		"override of no rule":    {with(`[overrides.rules.privileged]`, `[overrides.rules.privilege]`), `policy.toml:28: overrides[0].rules.privilege: unknown rule; did you mean "privileged"?`},
		"override's option":      {with(`allow = ["CHOWN", "KILL"]`, `allows = []`), `policy.toml:27: overrides[0].rules.capabilities.allows: unknown key; did you mean "allow"?`},
		"override's value":       {with(`allow = ["CHOWN", "KILL"]`, `allow = 1`), `policy.toml:27: overrides[0].rules.capabilities.allow: is an integer, must be a list`},
		"override's mode":        {with(`mode = "audit"`, `mode = "wran"`), `policy.toml:29: overrides[0].rules.privileged.mode: "wran" is not one of enforce, audit, off`},
		"override prepared":      {with(`allow = ["CHOWN", "KILL"]`, `allow = ["NET_ADMON"]`), `policy.toml:27: overrides[0].rules.capabilities.allow: "NET_ADMON" is no capability; did you mean "NET_ADMIN"?`},
		"override on a mistake": {
			strings.ReplaceAll(with(`allow = ["KILL"]`, `allow = ["NET_ADMON"]`), `allow = ["CHOWN", "KILL"]`, `require_drop_all = true`),
			`policy.toml:21: rules.capabilities.allow: "NET_ADMON" is no capability; did you mean "NET_ADMIN"?`,
		},
		"override on a bad table": {
			with(`allow = ["KILL"]`, `allows = []`),
			`policy.toml:21: rules.capabilities.allows: unknown key; did you mean "allow"?`,
		},
		"existing": {"version = 1\n[existing_containers]\nmode = \"deny\"\n", `policy.toml:3: existing_containers.mode: "deny" is not one of enforce, audit, off`},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := Read("policy.toml", []byte(test.text), noon)
			if err == nil {
				t.Fatal("accepted")
			}
			if d := cmp.Diff(test.want, err.Error()); d != "" {
				t.Error(d)
			}
		})
	}
}

// A container that may be started, and is stopped at once, is a surprise.
func TestWarnWatch(t *testing.T) {
	const want = `existing_containers.watch: "enforce" stops what mode = "audit" lets start; watch = "audit" only records it`
	for text, warned := range map[string]bool{
		"mode = \"audit\"\nwatch = \"enforce\"\n": true, "mode = \"audit\"\nwatch = \"audit\"\n": false, "watch = \"enforce\"\n": false,
	} {
		f := mustRead(t, "version = 1\n[existing_containers]\n"+text)
		if got := Errors(f.Warnings).Error(); warned != strings.Contains(got, want) || !warned && got != "" {
			t.Errorf("%s: %s", text, got)
		}
	}
}

// So are those that keep it from watching.
func TestWarnRefusedWatch(t *testing.T) {
	for mode, refused := range map[string]string{"off": "", "audit": "SystemEvents", "enforce": `SystemEvents", "ContainerKill`} {
		f := mustRead(t, "version = 1\n[existing_containers]\nwatch = \""+mode+"\"\n[[access]]\nname = \"a\"\neffect = \"deny\"\nprincipals = [\"local\"]\n"+
			"operations = [\"SystemEvents\", \"ContainerKill\"]\n")
		got := Errors(f.Warnings).Error()
		want := `and containers that run cannot be watched; let principals = ["local"] do operations = ["` + refused + `"]`
		if refused == "" && got != "" || refused != "" && !strings.Contains(got, want) {
			t.Errorf("%s: %s", mode, got)
		}
	}
}

// So is the rule that closes them for all.
func TestWarnClosedLookUps(t *testing.T) {
	const text = "version = 1\n[rules.operations]\ndeny = [\"ImageBuild\", \"ContainerInspect\", \"SystemEvents\"]\n"
	for more, want := range map[string]string{
		"": "policy.toml:3: rules.operations.deny: closes ContainerInspect for Caisson itself too, so requests that depend on existing containers or volumes " +
			"cannot be decided; take it out, and refuse it to others with access statements",
		"[existing_containers]\nwatch = \"audit\"\n": "policy.toml:3: rules.operations.deny: closes ContainerInspect, SystemEvents for Caisson itself too, so requests that depend on " +
			"existing containers or volumes cannot be decided, and containers that run cannot be watched; take it out, and refuse it to others with access statements",
		"mode = \"audit\"\n": "",
	} {
		if got := Errors(mustRead(t, text+more).Warnings).Error(); got != want {
			t.Errorf("%s: %s", more, got)
		}
	}
}

// Statements that keep Caisson from looking are warned about.
func TestWarnRefusedLookUps(t *testing.T) {
	const head = "version = 1\n[[access]]\nname = \"a\"\n"
	const all = `ContainerInspect, ContainerList, ExecInspect, VolumeInspect, NetworkInspect, ImageInspect, SystemInfo`
	for text, refused := range map[string]string{
		"effect = \"allow\"\nprincipals = [\"local\"]\noperations = [\"*\"]\n":                                       "",
		"effect = \"allow\"\nprincipals = [\"*\"]\noperations = [\"read\", \"sensitive\"]\n":                         "",
		"effect = \"deny\"\nprincipals = [\"cn:bob\"]\noperations = [\"*\"]\n":                                       "",
		"effect = \"deny\"\nprincipals = [\"*\"]\noperations = [\"dangerous\"]\nobjects = [\"x\"]\n":                 "",
		"effect = \"read-only\"\nprincipals = [\"local\"]\nsensitive = true\n":                                       "",
		"effect = \"read-only\"\nprincipals = [\"local\"]\n":                                                         "ContainerInspect, ExecInspect",
		"effect = \"allow\"\nprincipals = [\"cn:alice\"]\noperations = [\"*\"]\n":                                    all,
		"effect = \"allow\"\nprincipals = [\"local\"]\noperations = [\"*\"]\nobjects = [\"**\"]\n":                   all,
		"effect = \"allow\"\nprincipals = [\"local\"]\noperations = [\"read\"]\n":                                    "ContainerInspect, ExecInspect",
		"effect = \"deny\"\nprincipals = [\"local\"]\noperations = [\"ContainerInspect\"]\nobjects = [\"prod-*\"]\n": "",
		"effect = \"deny\"\nprincipals = [\"local\"]\noperations = [\"*\"]\n":                                        all,
	} {
		f := mustRead(t, head+text)
		want := ""
		if refused != "" {
			want = "policy.toml:2: access: the statements refuse " + refused + " to the local socket, where Caisson's own requests come from, so requests that " +
				"depend on existing containers or volumes cannot be decided; let principals = [\"local\"] do operations = [\"" + strings.ReplaceAll(refused, ", ", `", "`) + `"]`
		}
		if d := cmp.Diff(want, strings.TrimSpace(Errors(f.Warnings).Error())); d != "" {
			t.Errorf("%s: %s", text, d)
		}
	}
}
