package test

import (
	"fmt"
	"io/fs"
	"maps"
	"net/url"
	"os"
	"path"
	"regexp"
	"slices"
	"strings"
	"testing"

	"caisson/authz/cases"
)

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
