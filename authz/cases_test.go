package authz_test

import (
	"context"
	"flag"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/zap/zaptest"

	"caisson/authz"
	"caisson/authz/cases"
	"caisson/config"
)

var update = flag.Bool("update", false, "rewrite the want sections of the case files")

// caseTime is the clock of all cases, so that exceptions expire on the same day for ever.
var caseTime = time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)

func TestCases(t *testing.T) {
	const root = "testdata/cases"
	list, err := cases.Load(os.DirFS(root), ".")
	if err != nil {
		t.Fatal(err)
	}
	if len(list) < 2 {
		t.Fatalf("found %d cases", len(list))
	}
	for _, c := range list {
		t.Run(c.Name, func(t *testing.T) {
			text := c.Policy
			if text == nil {
				text = []byte("version = 1\nprofile = \"baseline\"\n")
			}
			policy, err := config.Parse("policy.toml", text, caseTime)
			if err != nil {
				t.Fatal(err)
			}
			a := &authz.Authorizer{
				Policy: func() *authz.Policy { return policy },
				State:  c.State,
				Images: cases.Images(c.State),
				Log:    zaptest.NewLogger(t),
				Now:    func() time.Time { return caseTime },
			}
			got := cases.Outcome(a.Authorize(context.Background(), c.Call()))
			if *update {
				if err := os.WriteFile(filepath.Join(root, c.Name), c.Format(got), 0o644); err != nil {
					t.Fatal(err)
				}
			} else if diff := cmp.Diff(c.Want, got); diff != "" {
				t.Errorf("%s\n(-want +got):\n%s", c.Why, diff)
			}
		})
	}
}
