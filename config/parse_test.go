package config

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"caisson/authz"
	"caisson/authz/rules"
)

var noon = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

const digest = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

// exception is a whole [[exceptions]] without the lines whose keys are given, and with what replaces them.
func exception(replace ...string) string {
	lines := []string{
		`name = "probe"`, `rules = ["privileged"]`, `image = "quay.io/ops/probe@` + digest + `"`,
		`expires = 2027-03-31`, `owner = "ops"`, `reason = "reads counters"`,
	}
	text := "[[exceptions]]\n"
	for _, l := range lines {
		key, _, _ := strings.Cut(l, " ")
		for _, r := range replace {
			if k, _, _ := strings.Cut(r, " "); k == key {
				l = strings.TrimSpace(strings.TrimPrefix(r, key+" -"))
			}
		}
		text += l + "\n"
	}
	return text
}

func TestMistakes(t *testing.T) {
	tests := map[string]struct{ text, want string }{
		"empty":            {"", `policy.toml:1: version: is missing; add version = 1`},
		"version unknown":  {"version = 2", `policy.toml:1: version: 2 is not known; this program reads version 1`},
		"version quoted":   {`version = "1"`, `policy.toml:1: version: is a string, must be an integer`},
		"not TOML":         {"version = 1\nmode = enforce\n", `policy.toml:2:8: not TOML: expected value but found "enforce" instead; put a text in quotes: mode = "enforce"`},
		"size unquoted":    {"version = 1\n[rules.memory]\nmax = 8GiB # of RAM\n", `policy.toml:3:8: not TOML: expected a top-level item to end with a newline, comment, or EOF, but got 'G' instead; put a text in quotes: max = "8GiB"`},
		"list not closed":  {"version = 1\n[rules.capabilities]\nallow = [\"CHOWN\"\n", `policy.toml:3:17: not TOML: expected a comma (',') or array terminator (']'), but got end of file`},
		"key twice":        {"version = 1\nversion = 1\n", `policy.toml:2:13: version: this key is here twice, first at line 1; keep one`},
		"not UTF-8":        {"version = 1\nmode = \"\xff\"\n", `policy.toml:2:8: not TOML: invalid UTF-8 byte: 0xff`},
		"mode":             {"version = 1\nmode = \"permissive\"\n", `policy.toml:2: mode: "permissive" is not one of enforce, audit, off`},
		"mode off":         {"version = 1\nmode = \"off\"\n", `policy.toml:2: mode: "off" is not one of enforce, audit; to check nothing, use profile = "none"`},
		"profile":          {"version = 1\nprofile = \"strict\"\n", `policy.toml:2: profile: "strict" is not one of baseline, standard, restricted, cis-docker-1.6, none`},
		"profile misspelt": {"version = 1\nprofile = \"Baseline\"\n", `policy.toml:2: profile: "Baseline" is not one of baseline, standard, restricted, cis-docker-1.6, none; did you mean "baseline"?`},
		"key in capitals":  {"version = 1\nMode = \"audit\"\n", `policy.toml:2: Mode: unknown key; did you mean "mode"?`},
		"key far from any": {"version = 1\nfrobnicate = 1\n", `policy.toml:2: frobnicate: unknown key; valid: access, audit, exceptions, existing_containers, groups, image_trust, mode, overrides, profile, rules, version`},
		"table misspelt":   {"version = 1\n[rule.memory]\n", `policy.toml:2: rule: unknown key; did you mean "rules"?`},
		"rule at the top":  {"version = 1\n[memory]\nmax = \"1g\"\n", `policy.toml:2: memory: unknown key; did you mean [rules.memory]?`},
		"value that the library loses": {
			"version = 1\n[rules.privileged]\n'' = [{ x = 1 },\n2]\n",
			`policy.toml:3: rules.privileged."": unknown key; valid: mode
policy.toml:4: rules.privileged.""[1]: is lost by the TOML parser; write it in another way`,
		},
		"rules no table":         {"version = 1\nrules = 3\n", `policy.toml:2: rules: is an integer, must be a table`},
		"rule unknown":           {"version = 1\n[rules.privilged]\n", `policy.toml:2: rules.privilged: unknown rule; did you mean "privileged"?`},
		"rule with underscore":   {"version = 1\n[rules.host_pid]\n", `policy.toml:2: rules.host_pid: unknown rule; did you mean "host-pid"?`},
		"rule far from any":      {"version = 1\n[rules.\"frobnicate all\"]\n", `policy.toml:2: rules."frobnicate all": unknown rule; "caisson rules list" shows all`},
		"rule no table":          {"version = 1\n[rules]\nprivileged = true\n", `policy.toml:3: rules.privileged: is true, must be a table; write [rules.privileged], and below it mode = "enforce"`},
		"rule switched off":      {"version = 1\n[rules]\nprivileged = false\n", `policy.toml:3: rules.privileged: is false, must be a table; write [rules.privileged], and below it mode = "off"`},
		"path for a table":       {"version = 1\n[rules.bind-mounts]\nallow = [\"/srv\"]\n", `policy.toml:3: rules.bind-mounts.allow[0]: is a string, must be a table such as { path = "/srv" }`},
		"rule twice":             {"version = 1\n[rules.memory]\n[rules.memory]\n", `policy.toml:3:2: rules.memory: this table is here twice, first at line 2; put both together`},
		"key twice, one line":    {"version = 1\nexisting_containers = {mode = \"off\", mode = \"off\"}\n", `policy.toml:2:38: existing_containers.mode: this key is here twice; keep one`},
		"rule twice, quoted":     {"version = 1\n\n[rules.\"a b\"]\n[rules.\"a b\"]\n", `policy.toml:4:2: rules."a b": this table is here twice, first at line 3; put both together`},
		"rule mode":              {"version = 1\n[rules.memory]\nmode = \"wran\"\n", `policy.toml:3: rules.memory.mode: "wran" is not one of enforce, audit, off`},
		"rule mode boolean":      {"version = 1\n[rules.memory]\nmode = false\n", `policy.toml:3: rules.memory.mode: "false" is not one of enforce, audit, off`},
		"option misspelt":        {"version = 1\n[rules.memory]\nmaks = 1\n", `policy.toml:3: rules.memory.maks: unknown key; did you mean "max"?`},
		"mode misspelt":          {"version = 1\n[rules.memory]\nmod = \"audit\"\n", `policy.toml:3: rules.memory.mod: unknown key; did you mean "mode"?`},
		"option of another rule": {"version = 1\n[rules.privileged]\nallow = []\n", `policy.toml:3: rules.privileged.allow: unknown key; valid: mode`},
		"option's kind":          {"version = 1\n[rules.memory]\nrequired = \"yes\"\n", `policy.toml:3: rules.memory.required: is a string, must be true or false`},
		"option's value":         {"version = 1\n[rules.memory]\nmax = \"8 apples\"\n", `policy.toml:3: rules.memory.max: "8 apples" is not a size such as "512MiB"`},
		"option a table":         {"version = 1\n[rules.memory.max]\nbytes = 1\n", `policy.toml:2: rules.memory.max: is a table, must be a string`},
		"list no list":           {"version = 1\n[rules.capabilities]\nallow = \"KILL\"\n", `policy.toml:3: rules.capabilities.allow: is a string, must be a list`},
		"element's kind":         {"version = 1\n[rules.capabilities]\nallow = [\n  \"KILL\",\n  7,\n]\n", `policy.toml:5: rules.capabilities.allow[1]: is an integer, must be a string`},
		"element's key":          {"version = 1\n[rules.bind-mounts]\nallow = [\n  { path = \"/srv\" },\n  { path = \"/data\", readonly = true },\n]\n", `policy.toml:5: rules.bind-mounts.allow[1].readonly: unknown key; did you mean "read_only"?`},
		"option dotted":          {"version = 1\nrules.memory.required = 1\n", `policy.toml:2: rules.memory.required: is an integer, must be true or false`},
		"option prepared":        {"version = 1\n[rules.capabilities]\n\nallow = [\"NET_ADMON\"]\n", `policy.toml:4: rules.capabilities.allow: "NET_ADMON" is no capability; did you mean "NET_ADMIN"?`},
		"prepared of the profile": {
			"version = 1\nprofile = \"restricted\"\n[rules.capabilities]\nmode = \"audit\"\nallow = [\"ALL\"]\n",
			`policy.toml:5: rules.capabilities.allow: "ALL" makes require_drop_all meaningless; name the capabilities instead`,
		},
		"audit key":        {"version = 1\n[audit]\non_failures = \"deny\"\n", `policy.toml:3: audit.on_failures: unknown key; did you mean "on_failure"?`},
		"audit value":      {"version = 1\n[audit]\non_failure = \"allow\"\n", `policy.toml:3: audit.on_failure: "allow" is not one of deny, continue`},
		"exceptions table": {"version = 1\n[exceptions]\nname = \"x\"\n", `policy.toml:2: exceptions: is a table, must be a list`},
		"exception empty": {"version = 1\n[[exceptions]]\n", `policy.toml:2: exceptions[0]: expires is missing
policy.toml:2: exceptions[0]: image or user is missing; an exception is for one image, one user or both
policy.toml:2: exceptions[0]: name is missing
policy.toml:2: exceptions[0]: owner is missing
policy.toml:2: exceptions[0]: reason is missing
policy.toml:2: exceptions[0]: rules is missing`},
		"exception without owner":  {"version = 1\n" + exception("owner -"), `policy.toml:2: exceptions[0]: owner is missing`},
		"exception, empty reason":  {"version = 1\n" + exception(`reason = ""`), `policy.toml:8: exceptions[0].reason: is empty`},
		"exception from no rule":   {"version = 1\n" + exception(`rules = []`), `policy.toml:4: exceptions[0].rules: is empty`},
		"exception, rule unknown":  {"version = 1\n" + exception(`rules = ["host-pid", "host-id"]`), `policy.toml:4: exceptions[0].rules[1]: unknown rule "host-id"; did you mean "host-pid"?`},
		"exception, rule's kind":   {"version = 1\n" + exception(`rules = [1]`), `policy.toml:4: exceptions[0].rules[0]: is an integer, must be a string`},
		"exception, image by tag":  {"version = 1\n" + exception(`image = "busybox:1.36"`), `policy.toml:5: exceptions[0].image: "busybox:1.36" has no digest; a tag can be given to any image, write repository@sha256:…`},
		"exception, image by ID":   {"version = 1\n" + exception(`image = "`+digest+`"`), `policy.toml:5: exceptions[0].image: "` + digest + `" has no digest; a tag can be given to any image, write repository@sha256:…`},
		"exception, image no name": {"version = 1\n" + exception(`image = "Quay.io/Ops@x"`), `policy.toml:5: exceptions[0].image: "Quay.io/Ops@x" is not an image: invalid reference format: repository name (Ops@x) must be lowercase`},
		"exception, image's kind":  {"version = 1\n" + exception(`image = 1`), `policy.toml:5: exceptions[0].image: is an integer, must be a string`},
		"exception, date quoted":   {"version = 1\n" + exception(`expires = "2027-03-31"`), `policy.toml:6: exceptions[0].expires: is a string, must be a date without quotes, such as 2027-03-31`},
		"exception, time alone":    {"version = 1\n" + exception(`expires = 12:00:00`), `policy.toml:6: exceptions[0].expires: 12:00:00 is a time without a date`},
		"exception, any image":     {"version = 1\n" + exception(`image = ""`) + "user = \"x\"\n", `policy.toml:5: exceptions[0].image: is empty`},
		"exception, any user":      {"version = 1\n" + exception() + "user = \"\"\n", `policy.toml:9: exceptions[0].user: is empty`},
		"exception for ever":       {"version = 1\n" + exception(`expires = 9999-12-31`), `policy.toml:6: exceptions[0].expires: the year 10000 is not one to plan for`},
		"exception twice":          {"version = 1\n" + exception() + exception(), `policy.toml:10: exceptions[1].name: "probe" is the name of another exception`},
		"exceptions, all at once": {
			"version = 1\n" + exception("owner -", "image = 1") + exception("name = true", "reason -"),
			`policy.toml:2: exceptions[0]: owner is missing
policy.toml:5: exceptions[0].image: is an integer, must be a string
policy.toml:9: exceptions[1]: reason is missing
policy.toml:10: exceptions[1].name: is true, must be a string`,
		},
		"exceptions, no tables": {"version = 1\nexceptions = [\n1]\n", `policy.toml:3: exceptions[0]: is an integer, must be a table`},
		"exception key":         {"version = 1\n" + exception() + "until = 2027-03-31\n", `policy.toml:9: exceptions[0].until: unknown key; valid: expires, image, name, owner, reason, rules, user`},
		"all at once": {
			"mode = \"x\"\n[rules.memory]\nmax = true\nmaks = 1\n[rules.privilege]\n[audit]\non_failure = 1\n",
			`policy.toml:1: mode: "x" is not one of enforce, audit, off
policy.toml:1: version: is missing; add version = 1
policy.toml:3: rules.memory.max: "true" is not a size such as "512MiB"
policy.toml:4: rules.memory.maks: unknown key; did you mean "max"?
policy.toml:5: rules.privilege: unknown rule; did you mean "privileged"?
policy.toml:7: audit.on_failure: "1" is not one of deny, continue`,
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			p, err := Parse("policy.toml", []byte(test.text), noon)
			if err == nil || p != nil {
				t.Fatalf("accepted: %+v, %v", p, err)
			}
			if d := cmp.Diff(test.want, err.Error()); d != "" {
				t.Error(d)
			}
		})
	}
}

func TestMinimal(t *testing.T) {
	p, err := Parse("policy.toml", []byte("version = 1"), noon)
	if err != nil {
		t.Fatal(err)
	}
	if p.Profile != rules.Baseline || p.Mode != authz.Enforce || p.ContinueUnaudited || len(p.Exceptions) != 0 {
		t.Errorf("%+v", p)
	}
	if want := Default(rules.Baseline); p.Hash != want.Hash || len(p.Rules) != len(want.Rules) {
		t.Error("it is not the built-in baseline")
	}
}

func TestHead(t *testing.T) {
	p, err := Parse("policy.toml", []byte("version = 1\nmode = \"audit\"\nprofile = \"none\"\naudit.on_failure = \"continue\"\n"), noon)
	if err != nil {
		t.Fatal(err)
	}
	if p.Mode != authz.Audit || p.Profile != rules.None || !p.ContinueUnaudited || len(p.Rules) != 1 { // the permanent rule
		t.Errorf("%+v", p)
	}
}
