package test

import (
	"bytes"
	"fmt"
	"io/fs"
	"maps"
	"net/http"
	"net/url"
	"os"
	"path"
	"regexp"
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
		r := &replay{tally: tally{}}
		list := r.load(t)
		r.e = guarded(t, version, permissive)
		r.fixture = newFixture(t, r.e, list)
		start := time.Now()
		r.enforce(t, list)
		t.Logf("enforced in %v:\n%s", time.Since(start).Round(time.Second), r.tally)
		r.attacks(t, list)
	})
}

// enforce replays the cases, policy by policy. First come those that name a container of the fixture, which is then removed: others
// are about containers that do not exist. Those that create networks come last, because their names must be free.
func (r *replay) enforce(t *testing.T, list []*cases.Case) {
	t.Helper()
	inside, list := partition(list, r.fixture.named)
	networks, others := partition(list, func(c *cases.Case) bool { return kind(c) == "networks/create" })
	r.group(t, inside)
	r.fixture.containers = nil
	r.fixture.restore(t)
	r.group(t, others)
	r.fixture.networks = nil
	r.fixture.restore(t)
	r.group(t, networks)
	r.fixture.arrange(t, list)
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

func partition[T any](list []T, first func(T) bool) (yes, no []T) {
	for _, item := range list {
		if first(item) {
			yes = append(yes, item)
		} else {
			no = append(no, item)
		}
	}
	return yes, no
}

// replay is what one engine goes through.
type replay struct {
	e       *engine.Engine
	fixture *fixture
	policy  string // in force
	tally   tally
}

// tally counts what happened, for the log of the test.
type tally map[string]int

func (t tally) String() string {
	var out strings.Builder
	for _, key := range slices.Sorted(maps.Keys(t)) {
		fmt.Fprintf(&out, "%6d %s\n", t[key], key)
	}
	return out.String()
}

// load reads the case files, but for those that need what is not here.
func (r *replay) load(t *testing.T) (list []*cases.Case) {
	t.Helper()
	files := os.DirFS("../authz/testdata/cases")
	err := fs.WalkDir(files, ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || path.Ext(name) != ".txtar" {
			return err
		}
		text, err := fs.ReadFile(files, name)
		if err != nil {
			return err
		}
		if why := unfit(string(text)); why != "" {
			r.tally["skipped: "+why]++
			return nil
		}
		c, err := cases.Parse(name, text)
		if err != nil {
			return err
		}
		if head, _, _ := strings.Cut(policyOf(c), "["); strings.Contains(head, `mode = "audit"`) {
			r.tally["skipped: its policy refuses nothing"]++
			return nil
		}
		list = append(list, c)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(list) < 100 {
		t.Fatalf("found %d cases", len(list))
	}
	return list
}

// unfit says why a case cannot be replayed, or nothing.
func unfit(text string) string {
	for mark, why := range map[string]string{
		"\nCaisson-User:":        "the engine's socket has no TLS users",
		"\nCaisson-Certificate:": "the engine's socket has no TLS users",
		"\n-- state.json --":     "it wants objects that this engine does not have",
		"\nexpires = ":           "it depends on the day",
	} {
		if strings.Contains(text, mark) {
			return why
		}
	}
	return ""
}

func byPolicy(list []*cases.Case) map[string][]*cases.Case {
	groups := make(map[string][]*cases.Case)
	for _, c := range list {
		groups[policyOf(c)] = append(groups[policyOf(c)], c)
	}
	return groups
}

func policyOf(c *cases.Case) string {
	if c.Policy == nil {
		return baseline
	}
	return string(c.Policy)
}

func (r *replay) swap(t *testing.T, policy string) {
	t.Helper()
	if r.policy != policy {
		setPolicy(t, r.e.Caisson, policy)
		r.policy = policy
	}
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
	if execs := r.fixture.execs(t); verdict != "allow" && (now != r.fixture.world || execs > 0) {
		t.Errorf("the refused request had an effect: containers %q, volumes %q, networks changed: %t, execs: %d",
			added(r.fixture.world.containers, now.containers), added(r.fixture.world.volumes, now.volumes), now.networks != r.fixture.world.networks, execs)
	}
	r.fixture.restore(t)
	r.swap(t, policyOf(c))
}

// records is how much Caisson has recorded. It does so before it answers.
func (r *replay) records(t *testing.T) int64 {
	t.Helper()
	info, err := os.Stat(r.e.Caisson.AuditFile)
	if err != nil {
		t.Fatal(err)
	}
	return info.Size()
}

// creation matches targets as the engine does: decoded. Some cases add to them what the engine does not look at.
var creation = regexp.MustCompile(`/(containers/create|volumes/create|networks/create|exec)($|[?#;])`)

// other is what creates nothing.
const other = "something else"

// kind tells creations apart from the rest.
func kind(c *cases.Case) string {
	target, err := url.PathUnescape(c.Target)
	if match := creation.FindStringSubmatch(target); err == nil && match != nil && c.Method == "POST" {
		return match[1]
	}
	return other
}
