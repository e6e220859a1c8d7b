package config

import (
	"fmt"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"caisson/authz/rules"
)

func mustRead(t *testing.T, text string) *File {
	t.Helper()
	f, err := Read("policy.toml", []byte(text), noon)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// The same meaning has the same hash.
func TestHashSame(t *testing.T) {
	want := mustRead(t, "version = 1\nprofile = \"standard\"\n[rules.memory]\nmax = \"1GiB\"\nswap = true\n[rules.privileged]\nmode = \"audit\"\n"+
		exception()+exception(`name = "b"`, `rules = ["host-pid", "privileged"]`)).Policy.Hash
	if !regexp.MustCompile(`^sha256:[0-9a-f]{64}$`).MatchString(want) {
		t.Fatal(want)
	}
	same := map[string]string{
		"order and comments": exception(`name = "b"`, `rules = ["privileged", "host-pid", "privileged"]`) + "# x\n" + exception() +
			"[rules.privileged]\nmode = \"audit\"\n[rules.memory]\nswap = true # y\nmax = \"1GiB\"\n",
		"other spellings": "[rules]\nmemory = { max = 1073741824, swap = true }\nprivileged.mode = 'audit'\n" +
			exception(`expires = 2027-04-01T02:00:00+02:00`) + exception(`name = "b"`, `rules = ["host-pid", "privileged"]`),
		"defaults spelt out": "[rules.memory]\nmode = \"enforce\"\nrequired = true\nmax_reservation = 0\nmax = \"1024m\"\nswap = true\n[rules.host-pid]\n" +
			"[rules.privileged]\nmode = \"audit\"\n[audit]\non_failure = \"deny\"\n" + exception(`expires = 2027-04-01T00:00:00`) + exception(`name = "b"`, `rules = ["host-pid", "privileged"]`),
	}
	for name, text := range same {
		if got := mustRead(t, "profile = \"standard\"\nversion = 1\n"+text).Policy.Hash; got != want {
			t.Errorf("%s: another hash", name)
		}
	}
}

// Whatever changes a decision changes the hash.
func TestHashDiffers(t *testing.T) {
	texts := []string{
		"", "mode = \"audit\"", "profile = \"none\"", "profile = \"standard\"", "[audit]\non_failure = \"continue\"",
		"[existing_containers]\nmode = \"audit\"", "[existing_containers]\nmode = \"off\"",
		"[existing_containers]\nwatch = \"audit\"", "[existing_containers]\nwatch = \"enforce\"",
		"[rules.privileged]\nmode = \"off\"", "[rules.privileged]\nmode = \"audit\"", "[rules.memory]", "[rules.memory]\nmode = \"audit\"",
		"[rules.memory]\nmax = \"8GiB\"", "[rules.memory]\nmax = 8589934593", "[rules.capabilities]\nallow = []",
		exception(), exception(`name = "b"`), exception(`rules = ["host-pid"]`), exception(`image = "quay.io/ops/other@` + digest + `"`),
		exception(`image -`, `owner = "ops"`+"\nuser = \"x\""), exception(`owner = "ops"` + "\nuser = \"x\""),
		exception("expires = 2027-04-01"), exception(`owner = "x"`), exception(`reason = "x"`), exception() + exception(`name = "b"`),
	}
	seen := map[string]string{}
	for _, text := range texts {
		h := mustRead(t, "version = 1\n"+text).Policy.Hash
		if other, ok := seen[h]; ok {
			t.Errorf("same hash:\n%s\n--\n%s", text, other)
		}
		seen[h] = text
	}
}

func TestShow(t *testing.T) {
	f := mustRead(t, `version = 1
profile = "none"

[rules.capabilities]
allow = ["CAP_KILL"]
[rules.privileged]
mode = "audit"

[[exceptions]]
name = "probe"
rules = ["privileged"]
user = "ops \"1\""
expires = 2027-03-31
owner = "ops"
reason = "reads counters"
`)
	got := string(Show(f))
	// The rules that are off come last, and there are more of them with every rule that is added.
	got, off, _ := strings.Cut(got, "\n# Off in this profile: ")
	want := `# The policy in force: policy.toml
# ` + f.Policy.Hash + `

version = 1       # policy.toml:1
mode = "enforce"  # default
profile = "none"  # policy.toml:2

[audit]
on_failure = "deny"  # default

[existing_containers]
mode = "enforce"  # default
watch = "off"     # default

[rules.capabilities]
mode = "enforce"          # policy.toml:4, on because its table is there
allow = ["KILL"]          # policy.toml:5
require_drop_all = false  # default

[rules.privileged]
mode = "audit"  # policy.toml:7

[rules.self-protection]
mode = "enforce"  # part of every policy
paths = []        # part of every policy

[[exceptions]]
name = "probe"                  # policy.toml:10
rules = ["privileged"]          # policy.toml:11
user = "ops \"1\""              # policy.toml:12
expires = 2027-04-01T00:00:00Z  # policy.toml:13
owner = "ops"                   # policy.toml:14
reason = "reads counters"       # policy.toml:15
`
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
	if !strings.Contains(off, "host-pid") || strings.Contains(off, "privileged") {
		t.Errorf("off: %s", off)
	}
}

// What Show and DefaultFile write means the same as what it was made from.
func TestWrittenFiles(t *testing.T) {
	for _, p := range rules.AllProfiles {
		want := Default(p).Hash
		if got := mustRead(t, string(Show(Builtin(p)))).Policy.Hash; got != want {
			t.Errorf("%s: Show means something else", p)
		}
		f := mustRead(t, string(DefaultFile(p)))
		if f.Policy.Hash != want || len(f.Warnings) > 0 {
			t.Errorf("%s: DefaultFile means something else (warnings: %v)", p, f.Warnings)
		}
	}
}

// Taking the # away from what DefaultFile has commented out gives a file that is right, with every rule on.
func TestDefaultFileUncommented(t *testing.T) {
	text := regexp.MustCompile(`(?m)^#([^ ])`).ReplaceAllString(string(DefaultFile(rules.Baseline)), "$1")
	text = strings.ReplaceAll(text, "sha256:…", digest)
	text = regexp.MustCompile(`(?m)^#(  .*,|\])$`).ReplaceAllString(text, "$1")
	dir := t.TempDir()
	writeFile(t, filepath.Join(dir, "trust/signers/ca.pem"), rootPEM(t))
	f, err := Read(filepath.Join(dir, "policy.toml"), []byte(text), noon)
	if err != nil {
		t.Fatal(err)
	}
	if len(f.Policy.Rules) != len(rules.All()) || len(f.Policy.Exceptions) != 1 {
		t.Errorf("%d rules of %d, %d exceptions", len(f.Policy.Rules), len(rules.All()), len(f.Policy.Exceptions))
	}
	for line := range strings.SplitSeq(string(DefaultFile(rules.Baseline)), "\n") {
		if len([]rune(line)) > lineWidth {
			t.Errorf("long line: %s", line)
		}
	}
}

func TestWarnings(t *testing.T) {
	until := func(expires string) string { return exception("expires = " + expires) }
	tests := map[string]struct{ text, want string }{
		"far off":    {until("2026-12-07"), ""},
		"soon":       {until("2026-12-06"), `policy.toml:6: exceptions[0].expires: exception "probe" of ops ends at 2026-12-07 00:00 UTC; renew it, or make do without`},
		"today":      {until("2026-11-23"), `policy.toml:6: exceptions[0].expires: exception "probe" of ops ends at 2026-11-24 00:00 UTC; renew it, or make do without`},
		"yesterday":  {until("2026-11-22"), `policy.toml:6: exceptions[0].expires: exception "probe" of ops ended at 2026-11-23 00:00 UTC and counts nowhere; remove it, or renew it with a new date`},
		"this noon":  {until("2026-11-23T12:00:00"), `policy.toml:6: exceptions[0].expires: exception "probe" of ops ended at 2026-11-23 12:00 UTC and counts nowhere; remove it, or renew it with a new date`},
		"other zone": {until("2026-11-23T12:00:00-01:00"), `policy.toml:6: exceptions[0].expires: exception "probe" of ops ends at 2026-11-23 13:00 UTC; renew it, or make do without`},
		"rule off":   {exception(`rules = ["privileged", "memory"]`), `policy.toml:4: exceptions[0].rules[1]: exception "probe" is from rule "memory", which is off`},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			f := mustRead(t, "version = 1\n"+test.text)
			if d := cmp.Diff(test.want, strings.TrimSpace(Errors(f.Warnings).Error())); d != "" {
				t.Error(d)
			}
		})
	}
}

// An exception lasts as long wherever the host stands.
func TestExpiry(t *testing.T) {
	for text, want := range map[string]time.Time{
		"2027-12-31":                time.Date(2028, 1, 1, 0, 0, 0, 0, time.UTC),
		"2027-12-31T23:59:59":       time.Date(2027, 12, 31, 23, 59, 59, 0, time.UTC),
		"2027-12-31 23:59:59.5":     time.Date(2027, 12, 31, 23, 59, 59, 5e8, time.UTC),
		"2027-12-31T23:59:59-08:00": time.Date(2028, 1, 1, 7, 59, 59, 0, time.UTC),
	} {
		got := mustRead(t, "version = 1\n"+exception("expires = "+text)).Policy.Exceptions[0].Expires
		if !got.Equal(want) {
			t.Errorf("%s: ends %s", text, got)
		}
	}
}

func TestReference(t *testing.T) {
	text := Reference()
	for _, spec := range rules.All() {
		if !strings.Contains(text, fmt.Sprintf("\n## %s\n\n**%s.** ", spec.ID, spec.Title)) {
			t.Errorf("no chapter of %s", spec.ID)
		}
	}
	for _, want := range []string{
		"| [memory](#memory) |  | on | on | on |  |\n",
		"* In profile restricted: `allow = [\"NET_BIND_SERVICE\"]`, `require_drop_all = true`\n",
		"| `required` | boolean | `true` | refuse a container without a memory limit |\n",
		"| `allow` | list of strings | `[\"AUDIT_WRITE\", ",
		"\n| `allow[].path` | string |  | ",
		"* Judges: container create",
		"* Fields: `HostConfig.Memory`, `HostConfig.MemorySwap`",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("missing: %s", want)
		}
	}
	for i, line := range strings.Split(text, "\n") {
		if strings.HasPrefix(line, "|") && !strings.HasSuffix(line, "|") {
			t.Errorf("line %d: a row is broken: %s", i+1, line)
		}
	}
}
