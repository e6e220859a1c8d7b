package test

import (
	"net/http"
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
	{"evasion/deny-json-capadd-unicode.txtar", engine.Versions, `"CapAdd":["ſyſ_admın"]`}, // of an unknown capability the engine would complain,
	{"evasion/deny-json-escaped-key.txtar", engine.Versions, `"Privileged":true`},
	{"evasion/deny-json-folded-key.txtar", engine.Versions, `"Privileged":true`},
	{"evasion/deny-json-kelvin-key.txtar", engine.Versions, `"NetworkMode":"host"`},
	{"evasion/deny-json-unicode-key.txtar", engine.Versions, `"Privileged":true`},
	{"evasion/deny-target-encoded-letter.txtar", engine.Versions, `"Privileged":true`},
	{"evasion/deny-target-encoded-slash.txtar", engine.Versions, `"Privileged":true`},
	{"evasion/undecided-json-duplicate-folded.txtar", engine.Versions, `"Privileged":true`},
	{"evasion/undecided-json-flat-hostconfig.txtar", []engine.Version{engine.Oldest}, `"Privileged":true`},
	{"evasion/undecided-json-null-after-true.txtar", engine.Versions, `"Privileged":true`},
	{"evasion/undecided-json-stale-bind.txtar", engine.Versions, `"Binds":["/:/h"]`},
}

// attacks sends creations that were refused once more, while Caisson only records: to refuse what has no effect proves nothing.
func (r *replay) attacks(t *testing.T, list []*cases.Case) {
	t.Helper()
	start, counts := time.Now(), tally{}
	r.swap(t, "mode = \"audit\"\n"+baseline)
	r.fixture.arrange(t, list)
	stored := make(map[string]string) // what the engine has made of each case
	for _, c := range list {
		verdict, _, _ := strings.Cut(c.Want, "\n")
		if verdict == "allow" || kind(c) == other {
			continue
		}
		if slices.ContainsFunc(namedBy(c).drivers(), func(name string) bool { return strings.Contains(name, "/") }) {
			counts["not sent: the engine would look long for the driver"]++
			continue
		}
		before := worldOf(t, r.e)
		answer, err := r.send(c)
		if err != nil {
			t.Errorf("%s: %v", c.Name, err)
			continue
		}
		key := verdict + " " + kind(c)
		counts[key+": sent"]++
		if answer.Status == http.StatusCreated {
			counts[key+": had an effect"]++
		}
		for _, id := range added(before.containers, worldOf(t, r.e).containers) {
			container, _, err := r.e.Container(id)
			if err != nil {
				t.Error(err)
			}
			stored[c.Name] = string(container.HostConfig)
		}
		switch kind(c) {
		case "networks/create":
			r.fixture.networks = nil
			fallthrough
		case "volumes/create":
			r.fixture.restore(t) // their names are taken otherwise
		}
	}
	for _, kind := range []string{"containers/create", "networks/create", "volumes/create", "exec"} {
		if counts["deny "+kind+": had an effect"] == 0 {
			t.Errorf("nothing that is refused by %s has an effect", kind)
		}
	}
	t.Logf("recorded only, in %v:\n%s", time.Since(start).Round(time.Second), counts)
	for _, trick := range tricks {
		if slices.Contains(trick.versions, r.e.Version) && !strings.Contains(stored[trick.name], trick.proof) {
			t.Errorf("%s should have led to %s; stored is %q", trick.name, trick.proof, stored[trick.name])
		}
	}
}
