package rules_test

import (
	"bufio"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"

	"caisson/authz/rules"
)

// TestFields is red when the Engine's API grows: each field of a body that Caisson judges must be claimed by a rule, or be listed
// in testdata/reviewed_fields.txt with the reason why no rule looks at it.
func TestFields(t *testing.T) {
	reviewed := readReviewed(t)
	for _, b := range bodies {
		fields := append(fieldsOf(b.typ, ""), b.legacy...)
		claimed := b.claims()
		for _, f := range fields {
			if !covers(claimed, f) && !covers(slices.Collect(maps.Keys(reviewed[b.name])), f) {
				t.Errorf("%s %s: no rule claims it and testdata/reviewed_fields.txt does not list it", b.name, f)
			}
		}
		for r := range reviewed[b.name] {
			if !slices.ContainsFunc(fields, func(f string) bool { return covers([]string{r}, f) }) {
				t.Errorf("testdata/reviewed_fields.txt: %s %s: the API has no such field (any more)", b.name, r)
			}
			if covers(claimed, r) {
				t.Errorf("testdata/reviewed_fields.txt: %s %s: a rule claims it; remove the line", b.name, r)
			}
		}
		delete(reviewed, b.name)
	}
	for name := range reviewed {
		t.Errorf("testdata/reviewed_fields.txt: %q is no body", name)
	}
}

// TestClaimedFieldsExist finds misspelled claims.
func TestClaimedFieldsExist(t *testing.T) {
	for _, s := range rules.All() {
		var fields []string
		for _, b := range bodies {
			if b.judgedBy(s) {
				fields = append(append(fields, fieldsOf(b.typ, "")...), b.legacy...)
			}
		}
		for _, claim := range s.Fields {
			if !slices.ContainsFunc(fields, func(f string) bool { return covers([]string{claim}, f) }) {
				t.Errorf("%s: claims %s, which no body at its doors has", s.ID, claim)
			}
		}
	}
}

// covers tells whether a field is one of the claims or below one.
func covers(claims []string, field string) bool {
	return slices.ContainsFunc(claims, func(c string) bool { return field == c || strings.HasPrefix(field, c+".") })
}

// readReviewed reads the reasons by body and field.
func readReviewed(t *testing.T) map[string]map[string]string {
	t.Helper()
	file, err := os.Open("testdata/reviewed_fields.txt")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	list := make(map[string]map[string]string)
	lines := bufio.NewScanner(file)
	for lines.Scan() {
		line := strings.TrimSpace(lines.Text())
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		place, reason, _ := strings.Cut(line, ": ")
		name, field, ok := strings.Cut(place, " ")
		if !ok || reason == "" {
			t.Errorf("testdata/reviewed_fields.txt: %q is not of the form \"body field: reason\"", line)
			continue
		}
		if list[name] == nil {
			list[name] = make(map[string]string)
		}
		if list[name][field] != "" {
			t.Errorf("testdata/reviewed_fields.txt: %s %s is listed twice", name, field)
		}
		list[name][field] = reason
	}
	return list
}
