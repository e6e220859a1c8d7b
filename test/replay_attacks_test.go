package test

import (
	"net/http"
	"path"
	"slices"
	"strings"
	"testing"
	"time"

	"caisson/authz/cases"
	"caisson/test/engine"
)

// tricks must have their effect on these engines when nothing refuses them. If one has not, its case has lost its point, or the
// engine reads requests in another way than we think.
var tricks = []struct {
	name     string
	versions []engine.Version
	proof    string // in what the engine stores
}{
	{"evasion/deny-json-capadd-string.txtar", []engine.Version{engine.Oldest}, `"CapAdd":["ALL"]`},
	{"evasion/deny-json-capadd-unicode.txtar", engine.Versions, `"CapAdd":["CAP_SYS_ADMIN"]`},
	{"evasion/deny-json-escaped-key.txtar", engine.Versions, `"Privileged":true`},
	{"evasion/deny-json-folded-key.txtar", engine.Versions, `"Privileged":true`},
	{"evasion/deny-json-kelvin-key.txtar", engine.Versions, `"NetworkMode":"host"`},
	{"evasion/deny-json-unicode-key.txtar", engine.Versions, `"Privileged":true`},
	{"evasion/deny-target-encoded-letter.txtar", engine.Versions, `"Privileged":true`},
	{"evasion/deny-target-encoded-slash.txtar", engine.Versions, `"Privileged":true`},
	{"evasion/undecided-json-duplicate-object.txtar", engine.Versions, `"Privileged":true`},
	{"evasion/undecided-json-flat-hostconfig.txtar", []engine.Version{engine.Oldest}, `"Privileged":true`},
	{"evasion/undecided-json-null-after-true.txtar", engine.Versions, `"Privileged":true`},
	{"evasion/undecided-json-stale-bind.txtar", engine.Versions, `"Source":"/"`},
	{"evasion/undecided-body-chunked.txtar", nil, ""},
}

// attacks sends creations that were refused once more, while Caisson only records: to refuse what has no effect proves nothing.
func (r *replay) attacks(t *testing.T, list []*cases.Case) {
	t.Helper()
	start, counts := time.Now(), tally{}
	r.swap(t, strings.Replace(baseline, "profile", "mode = \"audit\"\nprofile", 1))
	stored := make(map[string]string) // what the engine has made of each case
	for _, c := range list {
		verdict, _, _ := strings.Cut(c.Want, "\n")
		if verdict == "allow" || kind(c) == other {
			continue
		}
		before := worldOf(t, r.e)
		answer, err := r.send(c)
		if err != nil {
			t.Errorf("%s: %v", c.Name, err)
			continue
		}
		after := worldOf(t, r.e)
		key := verdict + " " + kind(c)
		counts[key+": sent"]++
		if after != before || kind(c) == "exec" && answer.Status == http.StatusCreated {
			counts[key+": had an effect"]++
		} else {
			counts[key+": had none, in "+path.Dir(c.Name)]++
		}
		for _, id := range added(before.containers, after.containers) {
			container, _, err := r.e.Container(id)
			if err != nil {
				t.Error(err)
			}
			stored[c.Name] = string(container.HostConfig)
		}
	}
	t.Logf("recorded only, in %v:\n%s", time.Since(start).Round(time.Second), counts)
	for _, trick := range tricks {
		if slices.Contains(trick.versions, r.e.Version) && !strings.Contains(stored[trick.name], trick.proof) {
			t.Errorf("%s should have led to %s; stored is %q", trick.name, trick.proof, stored[trick.name])
		}
	}
}
