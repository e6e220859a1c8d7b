package rules_test

import (
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"caisson/authz/cases"
	"caisson/authz/request"
	"caisson/authz/rules"
)

var (
	reference = regexp.MustCompile(`^(CIS [45]\.\d+|CVE-\d{4}-\d+|PSS (baseline|restricted): .+|GHSA(-[a-z0-9]{4}){3})$`)
	startsLow = regexp.MustCompile(`^[a-z]`)
)

// TestTexts holds the texts of every rule to one form: they are put together into messages, tables and pages.
func TestTexts(t *testing.T) {
	for _, s := range rules.All() {
		if strings.HasSuffix(s.Title, ".") || startsLow.MatchString(s.Title) {
			t.Errorf("%s: title %q must begin with a capital and end without a full stop", s.ID, s.Title)
		}
		if !strings.HasSuffix(s.Why, ".") {
			t.Errorf("%s: why %q must be a sentence", s.ID, s.Why)
		}
		for _, fix := range []string{s.Fix, s.ServiceFix} {
			if strings.HasSuffix(fix, ".") || fix != "" && !startsLow.MatchString(fix) {
				t.Errorf("%s: fix %q must begin with a verb in lower case and end without a full stop", s.ID, fix)
			}
		}
		for _, r := range s.Refs {
			if !reference.MatchString(r) {
				t.Errorf("%s: reference %q is of no known form", s.ID, r)
			}
		}
		for p := range s.Profiles {
			if !slices.Contains(rules.AllProfiles, p) || p == rules.None {
				t.Errorf("%s: profile %q cannot be set", s.ID, p)
			}
		}
	}
}

// TestFiles holds the names of files to the IDs of rules.
func TestFiles(t *testing.T) {
	for _, s := range rules.All() {
		name := strings.ReplaceAll(string(s.ID), "-", "_") + ".go"
		if src, err := os.ReadFile(name); err != nil {
			t.Error(err)
		} else if id := `"` + string(s.ID) + `"`; !strings.Contains(string(src), id) {
			t.Errorf("%s does not declare %s", name, id)
		}
	}
}

// TestEveryRuleHasCases asks for a case that passes and one that is refused by each rule, at each door and operation it judges.
func TestEveryRuleHasCases(t *testing.T) {
	root := os.DirFS("../testdata/cases")
	for _, s := range rules.All() {
		list, err := cases.Load(root, string(s.ID))
		if err != nil {
			t.Errorf("%s: %v", s.ID, err)
			continue
		}
		have := make(map[string]bool)
		for _, c := range list {
			r, err := request.Parse(c.Call())
			if err != nil {
				continue
			}
			verdict, want, _ := strings.Cut(c.Want, "\n")
			if verdict == "deny" && !strings.Contains(want, "["+string(s.ID)+"]") {
				t.Errorf("%s: is not refused by %s", c.Name, s.ID)
			}
			if s.Judges(r) {
				have[verdict+" "+place(r)] = true
				have[verdict] = true
			}
		}
		for _, verdict := range []string{"allow", "deny"} {
			for _, p := range places(s) {
				if s.Permanent && verdict == "allow" && slices.Contains(s.Ops, request.Operation(p)) {
					continue // refused whatever it asks for
				}
				if !have[strings.TrimSpace(verdict+" "+p)] {
					t.Errorf("%s: there is no case %s-*.txtar at %s in authz/testdata/cases/%s", s.ID, verdict, p, s.ID)
				}
			}
		}
	}
}

// places names the doors and operations of a rule. A rule that judges everything needs a case anywhere.
func places(s *rules.Spec) []string {
	var list []string
	for _, d := range s.Doors {
		list = append(list, d.String())
	}
	for _, op := range s.Ops {
		list = append(list, string(op))
	}
	if s.Always {
		list = append(list, "")
	}
	return list
}

func place(r *request.Request) string {
	if r.Workload != nil {
		return r.Workload.Door.String()
	}
	return string(r.Operation)
}
