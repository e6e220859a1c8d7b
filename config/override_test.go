package config

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"caisson/authz"
	"caisson/authz/rules"
)

func ruleOf(list []authz.BoundRule, id rules.ID) *authz.BoundRule {
	i := slices.IndexFunc(list, func(b authz.BoundRule) bool { return b.Spec.ID == id })
	if i < 0 {
		return nil
	}
	return &list[i]
}

// An override starts from what the policy has come to, rule by rule.
func TestOverrides(t *testing.T) {
	p := mustRead(t, `version = 1
[rules.memory]
mode = "audit"
max = "8GiB"
swap = true
[rules.pids]
mode = "off"
max = 100
[[overrides]]
name = "one"
principals = ["local"]
[overrides.rules.memory]
max = "32GiB"
[overrides.rules.pids]
[overrides.rules.privileged]
mode = "off"
`).Policy
	o := p.Overrides[0].Rules
	memory, base := ruleOf(o, "memory"), ruleOf(p.Rules, "memory")
	want := *base.Rule.(*rules.Memory)
	want.Max = 32 << 30
	if got := *memory.Rule.(*rules.Memory); got != want || memory.Mode != authz.Audit || base.Rule.(*rules.Memory).Max != 8<<30 {
		t.Errorf("memory: %+v in mode %v", got, memory.Mode)
	}
	pids := ruleOf(o, "pids")
	if ruleOf(p.Rules, "pids") != nil || pids == nil || pids.Mode != authz.Enforce || pids.Rule.(*rules.Pids).Max != 100 {
		t.Errorf("pids: %+v", pids)
	}
	if ruleOf(o, "privileged") != nil || ruleOf(p.Rules, "privileged") == nil {
		t.Error("privileged is not off for some alone")
	}
	if len(o) != len(p.Rules) || !slices.IsSortedFunc(o, func(a, b authz.BoundRule) int { return strings.Compare(string(a.Spec.ID), string(b.Spec.ID)) }) {
		t.Errorf("%d rules of %d, or out of order", len(o), len(p.Rules))
	}
}

func TestExisting(t *testing.T) {
	for text, want := range map[string]authz.Mode{"": authz.Enforce, "existing_containers.mode = \"audit\"": authz.Audit, "[existing_containers]\nmode = \"off\"": authz.Off} {
		if got := mustRead(t, "version = 1\n"+text).Policy.Existing; got != want {
			t.Errorf("%q: %v", text, got)
		}
	}
}

func TestShowAccess(t *testing.T) {
	var got string
	for section := range strings.SplitSeq(string(Show(mustRead(t, accessText))), "\n\n") {
		if strings.HasPrefix(section, "[[") || strings.HasPrefix(section, "[overrides") {
			got += strings.TrimSpace(section) + "\n\n"
		}
	}
	want := `[[groups]]
name = "ci"                               # policy.toml:5
members = ["cn:runner-1", "ou:Builders"]  # policy.toml:6

[[access]]
name = "ci"         # policy.toml:9
effect = "allow"    # policy.toml:10
# policy.toml:11
principals = ["dns:host.example", "group:ci", "local"]
# policy.toml:12
operations = ["Container*", "read", "sensitive"]
objects = ["ci-*"]  # policy.toml:13

[[access]]
name = "viewers"      # policy.toml:16
effect = "read-only"  # policy.toml:17
principals = ["*"]    # policy.toml:18
sensitive = false     # default

[[overrides]]
name = "ci may do more"    # policy.toml:24
principals = ["group:ci"]  # policy.toml:25

[overrides.rules.capabilities]
mode = "enforce"           # policy.toml:20, on because its table is there
allow = ["CHOWN", "KILL"]  # policy.toml:27
require_drop_all = false   # default

[overrides.rules.privileged]
mode = "audit"  # policy.toml:29

`
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}

// Order and spelling do not matter, but for that of overrides.
func TestAccessHash(t *testing.T) {
	want := mustRead(t, accessText).Policy.Hash
	for name, text := range map[string]string{
		"order of principals": with(`principals = ["group:ci", "local", "dns:HOST.example"]`, `principals = ["dns:host.example", "local", "group:ci", "local"]`),
		"order of operations": with(`operations = ["Container*", "read", "sensitive"]`, `operations = ["sensitive", "read", "Container*"]`),
		"defaults spelt out":  with(`principals = ["*"]`, "principals = [\"*\"]\nsensitive = false"),
		"shown":               string(Show(mustRead(t, accessText))),
	} {
		if got := mustRead(t, text).Policy.Hash; got != want {
			t.Errorf("%s: another hash", name)
		}
	}
	const other = "[[overrides]]\nname = \"other\"\nprincipals = [\"local\"]\nrules.privileged = {}\n"
	seen := map[string]string{want: "accessText"}
	for _, text := range []string{
		with(`name = "ci"`, `name = "c"`) + "[[groups]]\nname = \"ci\"\nmembers = [\"local\"]\n", with(`members = ["ou:Builders", "cn:runner-1"]`, `members = ["cn:runner-1"]`),
		with(`effect = "allow"`, `effect = "deny"`), with(`principals = ["*"]`, `principals = ["local"]`), with(`principals = ["*"]`, "principals = [\"*\"]\nsensitive = true"),
		with(`operations = ["Container*", "read", "sensitive"]`, `operations = ["Container*", "read"]`), with(`objects = ["ci-*"]`, ``), with(`objects = ["ci-*"]`, `objects = ["ci-**"]`),
		with(`principals = ["group:ci"]`, `principals = ["local"]`), with(`allow = ["CHOWN", "KILL"]`, `allow = ["CHOWN"]`), with(`mode = "audit"`, `mode = "enforce"`), with(`mode = "audit"`, `mode = "off"`),
		accessText + other, with("[[overrides]]", other+"[[overrides]]"),
	} {
		h := mustRead(t, text).Policy.Hash
		if same, ok := seen[h]; ok {
			t.Errorf("same hash:\n%s\n--\n%s", text, same)
		}
		seen[h] = text
	}
}
