package test

import (
	"bytes"
	"fmt"
	"maps"
	"net/http"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"caisson/authz/cases"
	"caisson/test/engine"
)

// filler is the body of cases that only state the length of theirs: the tests of Caisson alone need no more.
const filler = `{"Image":"busybox","HostConfig":{"Privileged":true}}`

// TestReplay sends the requests of all case files to real engines behind Caisson. The files say what Caisson must answer; what the
// engine has done afterwards is the proof.
func TestReplay(t *testing.T) {
	onEach(t, func(t *testing.T, version engine.Version) {
		e := guarded(t, version, permissive)
		r := &replay{e: e, caisson: e.Caisson, audit: e.Caisson.AuditFile, tally: tally{}}
		list := r.load(t)
		r.enforce(t, list)
		r.attacks(t, list)
	})
}

// TestReplayManaged does the same with Caisson as a managed plugin, installed from a registry: it has to answer as the service does.
func TestReplayManaged(t *testing.T) {
	onEach(t, func(t *testing.T, version engine.Version) {
		e := engine.Start(t, engine.Options{Version: version})
		m := newManaged(t, e)
		m.writePolicy(t, permissive)
		m.publish(t, "1")
		m.install(t, "1")
		m.name(t)
		r := &replay{e: e, caisson: m, audit: m.auditFile, tally: tally{}}
		r.enforce(t, r.load(t))
	})
}

// enforce replays the cases, policy by policy. First come those that name a container of the fixture, which is then removed: others
// are about containers that do not exist. Those that create networks come last, because their names must be free.
func (r *replay) enforce(t *testing.T, list []*cases.Case) {
	t.Helper()
	start := time.Now()
	r.fixture = newFixture(t, r.e, list)
	r.swap(t, permissive)
	r.fixture.arrange(t, list)
	inside, outside := partition(list, r.fixture.contains)
	networks, others := partition(outside, func(c *cases.Case) bool { return kind(c) == "networks/create" })
	r.group(t, inside)
	r.fixture.containers = nil
	r.fixture.restore(t)
	r.group(t, others)
	r.fixture.networks = nil
	r.fixture.restore(t)
	r.group(t, networks)
	r.fixture.restore(t)
	t.Logf("enforced in %v:\n%s", time.Since(start).Round(time.Second), r.tally)
}

// group replays cases by policy and leaves none in force.
func (r *replay) group(t *testing.T, list []*cases.Case) {
	t.Helper()
	groups := byPolicy(list)
	for _, policy := range slices.Sorted(maps.Keys(groups)) {
		r.swap(t, policy)
		for _, c := range groups[policy] {
			t.Run(c.Name, func(t *testing.T) { r.replay(t, c) })
		}
	}
	r.swap(t, permissive)
}

// replay is what one engine goes through.
type replay struct {
	e       *engine.Engine
	caisson guard
	audit   string // the file of its records
	fixture *fixture
	policy  string // in force
	tally   tally
}

func (r *replay) swap(t *testing.T, policy string) {
	t.Helper()
	if r.policy != policy {
		setPolicy(t, r.caisson, r.vouched(policy))
		r.policy = policy
	}
}

// vouched lets the fixture's image run, which nobody has signed, under policies that ask for signatures: that is not what their cases are about.
func (r *replay) vouched(policy string) string {
	asks := func(part string) bool { return strings.Contains(policy, part) }
	if !asks(`profile = "standard"`) && !asks(`profile = "restricted"`) && !asks("[rules.image-signature]") {
		return policy
	}
	id := strings.TrimSpace(r.e.Docker("image", "inspect", "--format={{.Id}}", engine.Image).Stdout)
	return policy + "\n[image_trust]\nallow_digests = [\"" + id + "\"]\n"
}

// send sends a case's request as it is written.
func (r *replay) send(c *cases.Case) (*engine.Response, error) {
	header, body := make(http.Header), c.Body
	for name, value := range c.Headers {
		header[name] = []string{value}
	}
	if stated, _ := strconv.Atoi(c.Headers["Content-Length"]); len(body) < stated {
		body = append([]byte(filler), bytes.Repeat([]byte(" "), max(0, stated-len(filler)))...)
	}
	return r.e.Begin(c.Method, c.Target, header, body)
}

// replay sends one case and compares.
func (r *replay) replay(t *testing.T, c *cases.Case) {
	t.Helper()
	records := r.records(t)
	answer, err := r.send(c)
	if err != nil && strings.HasPrefix(c.Want, "allow") && strings.Contains(r.e.Log(), "http: panic serving") {
		r.tally["want allow: the engine crashed over it"]++ // 20.10.24 does over a StorageOpt
		return
	}
	if err != nil {
		t.Fatal(err)
	}
	asked := r.records(t) > records
	verdict, rest, _ := strings.Cut(c.Want, "\n")
	r.tally["want "+verdict]++

	text := answer.Message()
	if text == "" {
		text = string(answer.Body) // engines speak plain text to the oldest clients
	}
	switch refused := strings.Contains(text, "plugin caisson"); {
	case verdict == "allow" && refused:
		t.Errorf("refused: %d %s", answer.Status, text)
	case verdict == "allow":
		r.tally[fmt.Sprintf("want allow: the engine answered %d to %s", answer.Status, kind(c))]++
	case !asked && answer.Status >= 300 && answer.Status < 500 && !refused:
		r.tally[fmt.Sprintf("want %s: the engine answered %d without asking", verdict, answer.Status)]++
	case answer.Status != http.StatusForbidden && answer.Status != http.StatusInternalServerError || !refused && c.Method != "HEAD":
		t.Errorf("not refused: %d %s", answer.Status, text)
	case c.Body == nil && c.Headers["Content-Length"] > "0" && verdict == "undecided":
		r.tally["want undecided: refused, perhaps because this engine shows the body"]++
	default:
		if (answer.Status == http.StatusForbidden) != (verdict == "deny") {
			t.Errorf("%s became %d", verdict, answer.Status)
		}
		for line := range strings.Lines(rest) {
			line = strings.TrimSuffix(line, "\n")
			if !strings.HasPrefix(line, "audited: ") && !strings.HasPrefix(line, "excepted by ") && !strings.Contains(text, line) {
				t.Errorf("the message lacks %q:\n%s", line, text)
			}
		}
	}

	now := worldOf(t, r.e)
	if now == r.fixture.world && kind(c) != "exec" {
		return
	}
	r.swap(t, permissive)
	if was := r.fixture.world; verdict != "allow" && (now != was || r.fixture.countExecs(t) > r.fixture.execs) {
		t.Errorf("the refused request had an effect: containers %q, volumes %q, networks changed: %t, or an exec",
			added(was.containers, now.containers), added(was.volumes, now.volumes), now.networks != was.networks)
	}
	r.fixture.restore(t)
	r.swap(t, policyOf(c))
}

// records is how much Caisson has recorded. It does so before it answers.
func (r *replay) records(t *testing.T) int64 {
	t.Helper()
	info, err := os.Stat(r.audit)
	if err != nil {
		t.Fatal(err)
	}
	return info.Size()
}
