package authz

import (
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/distribution/reference"

	"caisson/authz/request"
	"caisson/authz/rules"
)

// The index finds the exception that a search through the whole list finds first.
func TestExceptionIndex(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	pick := func(list ...string) string { return list[r.IntN(len(list))] }
	images := make(map[string]reference.Canonical)
	for _, name := range []string{"docker.io/library/a", "docker.io/library/b"} {
		named, err := reference.ParseDockerRef(name + "@sha256:" + strings.Repeat("0", 64))
		if err != nil {
			t.Fatal(err)
		}
		images[name] = named.(reference.Canonical)
	}
	now := time.Date(2027, 1, 1, 0, 0, 0, 0, time.UTC)
	for range 20_000 {
		list := make([]Exception, r.IntN(10))
		for i := range list {
			e := &list[i]
			e.Name, e.User = string(rune('a'+i)), pick("", "ann", "bob")
			e.Image = images[pick("", "docker.io/library/a", "docker.io/library/b")]
			e.Rules = []rules.ID{rules.ID(pick("r", "s")), rules.ID(pick("r", "s"))}
			e.Expires = now.Add(time.Duration(r.IntN(5)-2) * time.Hour)
		}
		rule, user, image := rules.ID(pick("r", "s")), pick("", "ann", "bob"), pick("", "docker.io/library/a", "docker.io/library/b")
		name := ""
		if image != "" {
			name = canonical(images[image])
		}
		want := slices.IndexFunc(list, func(e Exception) bool {
			return now.Before(e.Expires) && slices.Contains(e.Rules, rule) && (e.User == "" || e.User == user) &&
				(e.Image == nil || image != "" && canonical(e.Image) == name)
		})
		switch got := indexExceptions(list).find(rule, name, user, now); {
		case got == nil && want >= 0, got != nil && (want < 0 || got != &list[want]):
			t.Fatalf("rule %s, user %q, image %q: %v, want place %d of %+v", rule, user, image, got, want, list)
		}
	}
}

// Reads decide without an allocation of their own.
func TestReadsAllocateNothing(t *testing.T) {
	p := newPlan(&Policy{Rules: boundForTest()})
	a := &Authorizer{}
	for _, target := range []string{"/_ping", "/v1.50/containers/json?all=1", "/v1.50/containers/web-1/json", "/v1.50/images/json", "/v1.50/info"} {
		d := a.begin(callFor(target))
		if n := testing.AllocsPerRun(100, func() {
			d.Verdict, d.Err = Undecided, nil
			a.decide(t.Context(), p, d)
		}); n > 0 || d.Verdict != Allow {
			t.Errorf("%s: %v allocations, %v %v", target, n, d.Verdict, d.Err)
		}
	}
}

func callFor(target string) request.Call { return request.Call{Method: "GET", Target: target} }

// boundForTest are all rules that a profile has on, with their defaults.
func boundForTest() (list []BoundRule) {
	for _, spec := range rules.All() {
		if spec.In(rules.Restricted) != nil {
			list = append(list, BoundRule{Spec: spec, Rule: spec.New()})
		}
	}
	return list
}

// The rules that are found for a request are those that a search through all of them finds, in the same order.
func TestCandidates(t *testing.T) {
	set := newRuleSet(boundForTest())
	for _, op := range append(OperationNames(), "", "NewOperation") {
		for _, door := range append(doors, request.NoDoor, 99) {
			r := &request.Request{Operation: request.Operation(op)}
			if door != request.NoDoor {
				r.Workload = &request.Workload{Door: door}
			}
			s := &subject{r: r}
			var want, got []rules.ID
			for _, b := range set.all {
				if s.judgedBy(b.Spec) {
					want = append(want, b.Spec.ID)
				}
			}
			for _, b := range set.candidates(r) {
				if s.judgedBy(b.Spec) {
					got = append(got, b.Spec.ID)
				}
			}
			if !slices.Equal(got, want) {
				t.Errorf("%q at door %d: %v, want %v", op, door, got, want)
			}
		}
	}
}
