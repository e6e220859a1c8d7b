package authz_test

import (
	"context"
	"testing"
	"time"

	"caisson/authz"
	"caisson/authz/audit"
	"caisson/authz/rules"
)

// TestClockIsSet moves the clock between decisions. An exception counts until its end by the clock of the decision, whatever has been
// decided before, and records say what the clock said. The clock of the machine cannot be moved for a test, nor can that of one process:
// a time namespace does not have its own.
func TestClockIsSet(t *testing.T) {
	noon := time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)
	p := policyOf(authz.Enforce, &always{})
	p.Exceptions = []authz.Exception{
		{Name: "short", Rules: []rules.ID{"always"}, User: "ann", Expires: noon.Add(time.Hour)},
		{Name: "long", Rules: []rules.ID{"always"}, User: "ann", Expires: noon.Add(48 * time.Hour)},
	}
	a := authorizer(p)
	var records []audit.Record
	a.Audit = sinkFunc(func(r *audit.Record) error { records = append(records, *r); return nil })
	call := ping
	call.User, call.AuthMethod = "ann", "TLS"
	seen := make(map[string]bool)
	for _, step := range []struct {
		name  string
		clock time.Duration // from noon
		by    string        // the exception that counts; none refuses
	}{
		{"noon", 0, "short"},
		{"a jump past the first end", 24 * time.Hour, "long"},
		{"back", 0, "short"},
		{"a jump past all ends", 100 * 24 * time.Hour, ""},
		{"on the moment of the last end", 48 * time.Hour, ""},
		{"a moment before", 48*time.Hour - 1, "long"},
		{"a clock without a battery", -50 * 365 * 24 * time.Hour, "short"},
	} {
		now := noon.Add(step.clock)
		a.Now = func() time.Time { return now }
		d := a.Authorize(context.Background(), call)
		by := ""
		if len(d.Excepted) > 0 {
			by = d.Excepted[0].Exception
		}
		if by != step.by || (d.Verdict == authz.Allow) != (step.by != "") {
			t.Errorf("%s: %v by %q, want %q", step.name, d.Verdict, by, step.by)
		}
		r := records[len(records)-1]
		if !r.Time.Equal(now) || r.Decision != d.ID || seen[d.ID] {
			t.Errorf("%s: recorded at %s as %s; seen %t", step.name, r.Time, r.Decision, seen[d.ID])
		}
		seen[d.ID] = true
	}
}

// TestClockIsSetMeanwhile moves it while a decision is taken: the time that the request came counts.
func TestClockIsSetMeanwhile(t *testing.T) {
	noon := time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)
	p := policyOf(authz.Enforce, &always{})
	p.Exceptions = []authz.Exception{{Name: "e", Rules: []rules.ID{"always"}, User: "ann", Expires: noon.Add(time.Hour)}}
	call := ping
	call.User, call.AuthMethod = "ann", "TLS"
	for name, tt := range map[string]struct {
		first, then time.Duration
		want        authz.Verdict
	}{
		"forward past the end": {0, 2 * time.Hour, authz.Allow},
		"back before the end":  {2 * time.Hour, 0, authz.Deny},
	} {
		a := authorizer(p)
		times := []time.Time{noon.Add(tt.first), noon.Add(tt.then)}
		a.Now = func() time.Time { now := times[0]; times = times[min(1, len(times)-1):]; return now }
		if d := a.Authorize(context.Background(), call); d.Verdict != tt.want {
			t.Errorf("%s: %v", name, d.Verdict)
		}
	}
}
