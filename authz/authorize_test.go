package authz_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/distribution/reference"
	"go.uber.org/zap"

	"caisson/authz"
	"caisson/authz/audit"
	"caisson/authz/request"
	"caisson/authz/rules"
)

// always is a rule that finds one violation in every request, or panics, or is slow.
type always struct {
	panics bool
	sleep  time.Duration
}

func (r *always) Check(_ *request.Request, out *rules.Findings) {
	time.Sleep(r.sleep)
	if r.panics {
		panic("injected")
	}
	out.Add("Field", "is wrong", "right")
}

func policyOf(mode authz.Mode, r rules.Rule) *authz.Policy {
	spec := &rules.Spec{ID: "always", Fix: "do not", Always: true}
	return &authz.Policy{Hash: "sha256:test", Rules: []authz.BoundRule{{Spec: spec, Rule: r, Mode: mode}}}
}

var ping = request.Call{Method: "GET", Target: "/_ping"}

func authorizer(p *authz.Policy) *authz.Authorizer {
	return &authz.Authorizer{Policy: func() *authz.Policy { return p }, Log: zap.NewNop()}
}

func TestZeroDenies(t *testing.T) {
	var d authz.Decision
	if d.Passes() || d.Verdict != authz.Undecided {
		t.Error("the zero decision passes")
	}
	for name, a := range map[string]*authz.Authorizer{
		"no policy func": {Log: zap.NewNop()},
		"no policy":      authorizer(nil),
	} {
		if d := a.Authorize(context.Background(), ping); d.Passes() || d.Err == nil {
			t.Errorf("%s: passes", name)
		}
	}
}

func TestModes(t *testing.T) {
	for mode, want := range map[authz.Mode]authz.Verdict{authz.Enforce: authz.Deny, authz.Audit: authz.Allow, authz.Off: authz.Allow} {
		d := authorizer(policyOf(mode, &always{})).Authorize(context.Background(), ping)
		if d.Verdict != want || len(d.Audited) > 0 != (mode == authz.Audit) {
			t.Errorf("%v: %v, audited %v", mode, d.Verdict, d.Audited)
		}
	}
}

func TestPanicIsUndecided(t *testing.T) {
	d := authorizer(policyOf(authz.Enforce, &always{panics: true})).Authorize(context.Background(), ping)
	if d.Passes() || d.Verdict != authz.Undecided || !strings.Contains(d.Message(), "internal error; fix: report this") {
		t.Errorf("got %v: %s", d.Verdict, d.Message())
	}
}

func TestDeadlineIsUndecided(t *testing.T) {
	p := policyOf(authz.Enforce, &always{sleep: 20 * time.Millisecond})
	p.Rules = append(p.Rules, p.Rules[0])
	a := authorizer(p)
	a.Deadline = time.Millisecond
	if d := a.Authorize(context.Background(), ping); d.Passes() || !errors.Is(d.Err, context.DeadlineExceeded) {
		t.Errorf("got %v, %v", d.Verdict, d.Err)
	}
}

// TestAuditOnlyRefusesNothing covers each way in which a request would be refused.
func TestAuditOnlyRefusesNothing(t *testing.T) {
	broken := sinkFunc(func(*audit.Record) error { return errors.New("disk full") })
	for name, a := range map[string]*authz.Authorizer{
		"violation": authorizer(policyOf(authz.Enforce, &always{})),
		"panic":     authorizer(policyOf(authz.Enforce, &always{panics: true})),
		"no policy": authorizer(nil),
		"no record": {Policy: func() *authz.Policy { return policyOf(authz.Off, &always{}) }, Audit: broken, Log: zap.NewNop()},
	} {
		if d := a.Authorize(context.Background(), ping); d.Passes() {
			t.Errorf("%s: passes when enforced", name)
		}
		a.AuditOnly = true
		if d := a.Authorize(context.Background(), ping); !d.Passes() {
			t.Errorf("%s: refused in audit mode", name)
		}
	}
	a := authorizer(policyOf(authz.Enforce, &always{}))
	a.AuditOnly = true
	if d := a.Authorize(context.Background(), request.Call{Method: "POST", Target: "/containers/create"}); !d.Passes() || d.Verdict != authz.Undecided {
		t.Error("a call that cannot be parsed is refused in audit mode")
	}
}

type sinkFunc func(*audit.Record) error

func (f sinkFunc) Write(r *audit.Record, _ audit.Late) error { return f(r) }

func TestUnrecordedIsRefused(t *testing.T) {
	p := policyOf(authz.Off, &always{})
	a := authorizer(p)
	a.Audit = sinkFunc(func(*audit.Record) error { return errors.New("disk full") })
	if d := a.Authorize(context.Background(), ping); d.Passes() || !strings.Contains(d.Message(), "audit record cannot be written") {
		t.Errorf("got %v: %s", d.Verdict, d.Message())
	}
	p.ContinueUnaudited = true
	if d := a.Authorize(context.Background(), ping); !d.Passes() {
		t.Error("refused though the policy says to continue")
	}
}

// keeper is a sink that is full, and keeps records.
type keeper struct{ kept []*audit.Record }

func (k *keeper) Write(*audit.Record, audit.Late) error { return errors.New("disk full") }
func (k *keeper) Keep(r *audit.Record)                  { k.kept = append(k.kept, r) }

// TestLastWord hands in what became of a decision that could not be recorded, and counts all decisions once, as they are in the end.
func TestLastWord(t *testing.T) {
	for name, c := range map[string]struct {
		mode      authz.Mode
		auditOnly bool
		goOn      bool
		want      authz.Verdict
		passed    bool
	}{
		"refused for want of a record": {mode: authz.Off, want: authz.Undecided},
		"passed all the same":          {mode: authz.Off, goOn: true, want: authz.Allow, passed: true},
		"refused anyway":               {mode: authz.Enforce, goOn: true, want: authz.Deny},
		"audit mode refuses nothing":   {mode: authz.Enforce, auditOnly: true, want: authz.Deny, passed: true},
	} {
		p := policyOf(c.mode, &always{})
		p.ContinueUnaudited = c.goOn
		k := &keeper{}
		var seen []authz.Decision
		a := authorizer(p)
		a.Audit, a.AuditOnly = k, c.auditOnly
		a.Observe = func(d *authz.Decision) { seen = append(seen, *d) }
		d := a.Authorize(context.Background(), ping)
		if len(k.kept) != 1 || k.kept[0].Decision != d.ID || k.kept[0].Passed != c.passed || k.kept[0].Verdict != c.want.String() || d.Passes() != c.passed {
			t.Errorf("%s: %+v", name, k.kept)
		}
		if len(seen) != 1 || !seen[0].Unrecorded || seen[0].Verdict != c.want || seen[0].ID != d.ID {
			t.Errorf("%s: observed %+v", name, seen)
		}
		a.Audit = nil
		a.Reject(errors.New("no call"))
		if len(seen) != 2 || seen[1].Unrecorded || seen[1].Verdict != authz.Undecided {
			t.Errorf("%s: observed %+v", name, seen)
		}
	}
}

func TestExceptions(t *testing.T) {
	const digest = "@sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
	image := func(s string) reference.Canonical {
		r, err := reference.ParseDockerRef(s)
		if err != nil {
			t.Fatal(err)
		}
		return r.(reference.Canonical)
	}
	now := time.Date(2026, 11, 24, 0, 0, 0, 0, time.UTC)
	base := authz.Exception{Name: "e", Rules: []rules.ID{"always"}, Image: image("quay.io/a/b" + digest), Expires: now.Add(time.Hour)}
	with := func(change func(*authz.Exception)) authz.Exception {
		e := base
		change(&e)
		return e
	}
	create := func(img string) request.Call {
		return request.Call{Method: "POST", Target: "/containers/create", Body: []byte(`{"Image":"` + img + `"}`), User: "ann", AuthMethod: "TLS"}
	}
	for name, tt := range map[string]struct {
		e    authz.Exception
		call request.Call
		want authz.Verdict
	}{
		"digest":             {base, create("quay.io/a/b" + digest), authz.Allow},
		"tag and digest":     {base, create("quay.io/a/b:1" + digest), authz.Allow},
		"tag only":           {base, create("quay.io/a/b:1"), authz.Deny},
		"other repository":   {base, create("quay.io/evil/b" + digest), authz.Deny},
		"bare ID":            {base, create("sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"), authz.Deny},
		"other rule":         {with(func(e *authz.Exception) { e.Rules = []rules.ID{"other"} }), create("quay.io/a/b" + digest), authz.Deny},
		"expired":            {with(func(e *authz.Exception) { e.Expires = now }), create("quay.io/a/b" + digest), authz.Deny},
		"no image in call":   {base, ping, authz.Deny},
		"user":               {with(func(e *authz.Exception) { e.Image, e.User = nil, "ann" }), create("x"), authz.Allow},
		"other user":         {with(func(e *authz.Exception) { e.Image, e.User = nil, "bob" }), create("x"), authz.Deny},
		"user, not over TLS": {with(func(e *authz.Exception) { e.Image, e.User = nil, "ann" }), request.Call{Method: "GET", Target: "/_ping", User: "ann"}, authz.Deny},
	} {
		p := policyOf(authz.Enforce, &always{})
		p.Exceptions = []authz.Exception{tt.e}
		a := authorizer(p)
		a.Now = func() time.Time { return now }
		if d := a.Authorize(context.Background(), tt.call); d.Verdict != tt.want || tt.want == authz.Allow && d.Excepted[0].Exception != "e" {
			t.Errorf("%s: got %v, want %v", name, d.Verdict, tt.want)
		}
	}
}

func TestMessage(t *testing.T) {
	v := rules.Violation{Rule: "privileged", Field: "HostConfig.Privileged", Got: "is true", Allowed: "false", Fix: "drop --privileged"}
	r, err := request.Parse(request.Call{Method: "GET", Target: "/info"})
	if err != nil {
		t.Fatal(err)
	}
	one := authz.Decision{ID: "01J", Request: r, Verdict: authz.Deny, Violations: []rules.Violation{v}}
	if got, want := one.Message(), "info refused: HostConfig.Privileged is true; allowed: false [privileged] fix: drop --privileged (decision 01J)"; got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	two := one
	two.Violations = []rules.Violation{v, v}
	if got, want := two.Message(), `info refused, 2 violations:
  - HostConfig.Privileged is true; allowed: false [privileged] fix: drop --privileged
  - HostConfig.Privileged is true; allowed: false [privileged] fix: drop --privileged
(decision 01J)`; got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

// TestRecordHoldsNoSecrets sends secrets by every way that a client has and looks for them in the record.
func TestRecordHoldsNoSecrets(t *testing.T) {
	var buf bytes.Buffer
	a := authorizer(policyOf(authz.Enforce, &always{}))
	a.Audit = audit.NewLog(&buf)
	a.Authorize(context.Background(), request.Call{
		Method: "POST", Target: "/v1.41/containers/create?name=web&token=s3cret-query",
		Headers: map[string]string{"Content-Type": "application/json", "X-Registry-Auth": "s3cret-header"},
		Body: []byte(`{"Image":"x","Env":["PASSWORD=s3cret-env"],"Cmd":["--token=s3cret-cmd"],"Labels":{"l":"s3cret-label"},"s3": "s3cret-unknown",
			"HostConfig":{"LogConfig":{"Type":"splunk","Config":{"splunk-token":"s3cret-log"}},
			"Mounts":[{"Type":"volume","Target":"/d","VolumeOptions":{"DriverConfig":{"Options":{"o":"password=s3cret-volume"}}}}]}}`),
	})
	a.Authorize(context.Background(), request.Call{Method: "POST", Target: "/v1.41/build?buildargs=%7B%22T%22%3A%22s3cret-build%22%7D"})
	if strings.Contains(buf.String(), "s3cret") {
		t.Errorf("a secret is in the record:\n%s", buf.String())
	}
	if n := strings.Count(buf.String(), "\n"); n != 2 {
		t.Errorf("%d lines for 2 decisions", n)
	}
	var rec struct {
		Object, Operation, Verdict string
	}
	if err := json.Unmarshal(bytes.SplitN(buf.Bytes(), []byte("\n"), 2)[0], &rec); err != nil || rec.Object != "web" || rec.Operation != "ContainerCreate" || rec.Verdict != "deny" {
		t.Errorf("%v: %+v", err, rec)
	}
}
