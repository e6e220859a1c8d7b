package config

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"caisson/authz"
	"caisson/authz/rules"
)

func TestProfilesCompile(t *testing.T) {
	for _, p := range rules.AllProfiles {
		got := Default(p)
		if got.Profile != p || got.Mode != authz.Enforce {
			t.Errorf("%s: %+v", p, got)
		}
		for _, b := range got.Rules {
			if b.Mode != authz.Enforce || b.Spec.In(p) == nil {
				t.Errorf("%s: rule %s is in mode %s", p, b.Spec.ID, b.Mode)
			}
		}
	}
}

// Every rule can be switched on alone, to audit, and off.
func TestOneRule(t *testing.T) {
	for _, spec := range rules.All() {
		if spec.Permanent {
			continue
		}
		t.Run(string(spec.ID), func(t *testing.T) {
			one := bound(t, "version = 1\nprofile = \"none\"\n[rules.%s]\n", spec.ID)
			if len(one) != 1 || one[0].Spec != spec || one[0].Mode != authz.Enforce {
				t.Errorf("alone: %+v", one)
			}
			one = bound(t, "version = 1\nprofile = \"none\"\n[rules.%s]\nmode = \"audit\"\n", spec.ID)
			if len(one) != 1 || one[0].Mode != authz.Audit {
				t.Errorf("to audit: %+v", one)
			}
			for _, b := range bound(t, "version = 1\nprofile = \"cis-docker-1.6\"\n[rules.%s]\nmode = \"off\"\n", spec.ID) {
				if b.Spec == spec {
					t.Error("off: it is on")
				}
			}
		})
	}
}

func bound(t *testing.T, format string, id rules.ID) []authz.BoundRule {
	t.Helper()
	p, err := Parse("policy.toml", fmt.Appendf(nil, format, id), noon)
	if err != nil {
		t.Fatal(err)
	}
	return slices.DeleteFunc(p.Rules, func(b authz.BoundRule) bool { return b.Spec.Permanent })
}

// A permanent rule is part of every policy, and no policy can say otherwise.
func TestPermanentRule(t *testing.T) {
	for _, profile := range rules.AllProfiles {
		p := Default(profile)
		if !slices.ContainsFunc(p.Rules, func(b authz.BoundRule) bool { return b.Spec.Permanent && b.Mode == authz.Enforce }) {
			t.Errorf("profile %s is without it", profile)
		}
	}
	const exception = `
[[exceptions]]
name = "e"
rules = ["self-protection"]
user = "ops"
expires = 2027-01-01
owner = "o"
reason = "r"
`
	const override = `
[[overrides]]
name = "o"
principals = ["*"]
[overrides.rules.self-protection]
paths = []
`
	for text, want := range map[string]string{
		"[rules.self-protection]\nmode = \"off\"\n": `policy.toml:3: rules.self-protection.mode: "off" is not possible: this rule is part of every policy; ` +
			`to watch everything for a while, set mode = "audit" at the top of the file`,
		"[rules.self-protection]\nmode = \"audit\"\n": `policy.toml:3: rules.self-protection.mode: "audit" is not possible`,
		exception: `policy.toml:5: exceptions[0].rules[0]: "self-protection" cannot be waived`,
		override:  `policy.toml:6: overrides[0].rules.self-protection: this rule is the same for everyone`,
		"[rules.self-protection]\nmode = \"enforce\"\npaths = [\"/srv\"]\n": "",
	} {
		_, err := Parse("policy.toml", []byte("version = 1\n"+text), noon)
		if got := fmt.Sprint(err); want == "" && err != nil || !strings.HasPrefix(got, want) {
			t.Errorf("%s: got %s", text, got)
		}
	}
}

// The rules that a first policy is about are there, under these names.
func TestCoreRules(t *testing.T) {
	for _, id := range []rules.ID{"privileged", "host-network", "host-pid", "host-ipc", "capabilities", "memory"} {
		if rules.Get(id) == nil {
			t.Errorf("no rule %s", id)
		}
	}
}

// Options that are left out keep the profile's values; what is given replaces.
func TestOptions(t *testing.T) {
	options := func(text string) rules.Rule {
		p, err := Parse("policy.toml", []byte("version = 1\nprofile = \"restricted\"\n"+text), noon)
		if err != nil {
			t.Fatal(err)
		}
		for _, b := range p.Rules {
			if b.Spec.ID == "capabilities" {
				return b.Rule
			}
		}
		return nil
	}
	for _, test := range []struct {
		text string
		want rules.Rule
	}{
		{"", &rules.Capabilities{Allow: []string{"NET_BIND_SERVICE"}, RequireDropAll: true}},
		{"[rules.capabilities]", &rules.Capabilities{Allow: []string{"NET_BIND_SERVICE"}, RequireDropAll: true}},
		{"[rules.capabilities]\nallow = [\"cap_kill\"]", &rules.Capabilities{Allow: []string{"KILL"}, RequireDropAll: true}},
		{"[rules.capabilities]\nallow = []", &rules.Capabilities{Allow: []string{}, RequireDropAll: true}},
		{"[rules.capabilities]\nrequire_drop_all = false", &rules.Capabilities{Allow: []string{"NET_BIND_SERVICE"}}},
	} {
		if d := cmp.Diff(test.want, options(test.text)); d != "" {
			t.Errorf("%s: %s", test.text, d)
		}
	}
	if options("[rules.capabilities]\nmode = \"off\"") != nil {
		t.Error("the rule is not off")
	}
}

// Options of all rules are of kinds that can be written down and read back, and none is called mode.
func TestOptionKinds(t *testing.T) {
	for _, spec := range rules.All() {
		v := reflect.ValueOf(spec.New()).Elem()
		d := &decoder{file: "defaults"}
		for _, o := range options(v.Type()) {
			if o.name == "mode" {
				t.Errorf("%s has an option called mode", spec.ID)
			}
			if o.comment == "" {
				t.Errorf("%s.%s has no comment", spec.ID, o.name)
			}
			back := roundTrip(t, d, v.FieldByIndex(o.index))
			if render(back) != render(v.FieldByIndex(o.index)) {
				t.Errorf("%s.%s: %s came back as %s", spec.ID, o.name, render(v.FieldByIndex(o.index)), render(back))
			}
		}
		for _, p := range d.problems {
			t.Errorf("%s: %s", spec.ID, p)
		}
	}
}

func roundTrip(t *testing.T, d *decoder, v reflect.Value) reflect.Value {
	t.Helper()
	raw, err := parseTOML("", []byte("v = "+render(v)))
	if err != nil {
		t.Fatal(err)
	}
	back := reflect.New(v.Type()).Elem()
	d.decode("v", raw["v"], back)
	return back
}

type several struct {
	List []string `toml:"list"`
}

func (several) Prepare() error {
	return errors.Join(errors.New("list[1]: no"), errors.New("list: never"), errors.New("odd: all of it"))
}

// An error of Prepare is put where the option stands, and several of them apart.
func TestPrepareProblems(t *testing.T) {
	d := &decoder{file: "p", lines: map[path]int{"rules.x": 3, "rules.x.list": 4, "rules.x.list[1]": 5}}
	if wrapped := fmt.Errorf("list: %w", several{}.Prepare()); len(split(wrapped)) != 1 || len(split(fmt.Errorf("a: %w: %w", wrapped, wrapped))) != 1 {
		t.Error("an error with a text of its own was taken apart")
	}
	for _, err := range split(several{}.Prepare()) {
		d.prepareProblem("rules.x", err)
	}
	want := []Problem{
		{File: "p", Line: 5, Key: "rules.x.list[1]", Text: "no"},
		{File: "p", Line: 4, Key: "rules.x.list", Text: "never"},
		{File: "p", Line: 3, Key: "rules.x", Text: "odd: all of it"},
	}
	if diff := cmp.Diff(want, d.problems); diff != "" {
		t.Error(diff)
	}
}
