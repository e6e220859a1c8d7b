package rules_test

import (
	"context"
	"os"
	"slices"
	"testing"
	"time"

	"go.uber.org/zap"

	"caisson/authz"
	"caisson/authz/cases"
	"caisson/authz/rules"
	"caisson/config"
)

// chain lists profiles each of which is at least as strict as the one before it.
var chain = []rules.Profile{rules.None, rules.Baseline, rules.Standard, rules.Restricted}

// TestProfilesNest holds a stricter profile to all rules of a weaker one.
func TestProfilesNest(t *testing.T) {
	for _, s := range rules.All() {
		for i, weaker := range chain[:len(chain)-1] {
			stricter := chain[i+1]
			if s.Profiles[weaker] != nil && s.Profiles[stricter] == nil {
				t.Errorf("%s is on in %s but not in %s", s.ID, weaker, stricter)
			}
		}
		if s.Profiles[rules.None] != nil {
			t.Errorf("%s is on in %s", s.ID, rules.None)
		}
	}
}

// TestProfilesTighten runs the requests of all cases through all profiles: what breaks a rule of a profile breaks it in every
// stricter one, whatever their options are.
func TestProfilesTighten(t *testing.T) {
	list, err := cases.Load(os.DirFS("../testdata/cases"), ".")
	if err != nil {
		t.Fatal(err)
	}
	authorizers := make(map[rules.Profile]*authz.Authorizer)
	for _, p := range chain {
		authorizers[p] = authorizer(t, p)
	}
	for _, c := range list {
		var before []rules.ID
		for _, p := range chain {
			d := authorizers[p].Authorize(context.Background(), c.Call())
			var broken []rules.ID
			for _, v := range d.Violations {
				broken = append(broken, v.Rule)
			}
			for _, id := range before {
				if !slices.Contains(broken, id) {
					t.Errorf("%s: profile %s lets pass what a weaker one refuses by %s", c.Name, p, id)
				}
			}
			before = broken
		}
	}
}

// TestProfilesPrepare finds defaults that a rule would refuse in a policy file.
func TestProfilesPrepare(t *testing.T) {
	for _, p := range rules.AllProfiles {
		authorizer(t, p)
	}
}

// policyTime stands for the day on which a policy is loaded; a policy without exceptions is the same on any day.
var policyTime = time.Date(2026, 11, 24, 0, 0, 0, 0, time.UTC)

func authorizer(t *testing.T, p rules.Profile) *authz.Authorizer {
	t.Helper()
	policy, err := config.Parse("policy.toml", []byte("version = 1\nprofile = \""+string(p)+"\"\n"), policyTime)
	if err != nil {
		t.Fatal(err)
	}
	return &authz.Authorizer{Policy: func() *authz.Policy { return policy }, Images: cases.NoImages, Log: zap.NewNop()}
}
