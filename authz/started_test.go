package authz_test

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"caisson/authz"
	"caisson/authz/audit"
	"caisson/authz/cases"
	"caisson/authz/request"
	"caisson/authz/state"
	"caisson/config"
)

type stopper struct {
	stopped *[]string
	err     error
}

func (s stopper) StopContainer(_ context.Context, id string) error {
	*s.stopped = append(*s.stopped, id)
	return s.err
}

// TestStartedImages judges containers by their images: what may be otherwise in a moment is told, and nothing is stopped for it.
func TestStartedImages(t *testing.T) {
	const head = "version = 1\nprofile = \"none\"\n[existing_containers]\nwatch = \"enforce\"\n"
	at := caseTime
	for name, tt := range map[string]struct {
		rules   string
		facts   request.ImageFacts
		stopped bool
	}{
		"unsigned":             {"[rules.image-signature]", request.ImageFacts{At: at, Trust: request.ImageTrust{Reason: "unsigned"}}, true},
		"revoked":              {"[rules.image-signature]", request.ImageFacts{At: at, Trust: request.ImageTrust{Reason: "revoked"}}, true},
		"registry-unavailable": {"[rules.image-signature]", request.ImageFacts{At: at, Trust: request.ImageTrust{Reason: "registry-unavailable", Unsettled: true}}, false},
		"unread in part":       {"[rules.image-signature]", request.ImageFacts{At: at, Trust: request.ImageTrust{Reason: "untrusted-signer", Unsettled: true}}, false},
		"nobody has looked":    {"[rules.image-signature]", request.ImageFacts{}, false},
		"cannot be looked at":  {"[rules.image-signature]", request.ImageFacts{Err: "the Engine is silent", Trust: request.ImageTrust{Reason: "unsigned"}}, false},
		"old":                  {"[rules.image-age]\nmax = \"30d\"", request.ImageFacts{At: at, Age: request.ImageAge{Known: true, Time: at.AddDate(-1, 0, 0)}}, true},
		"old, as long as its signature is unread": {
			"[rules.image-age]\nmax = \"30d\"", request.ImageFacts{At: at, Age: request.ImageAge{Known: true, Time: at.AddDate(-1, 0, 0)}, Trust: request.ImageTrust{Reason: "timeout", Unsettled: true}}, false,
		},
		"of unknown age": {"[rules.image-age]\nmax = \"30d\"", request.ImageFacts{At: at, Age: request.ImageAge{Why: "nobody says"}}, false},
		"vulnerable": {"[rules.image-vulnerabilities]", request.ImageFacts{At: at, Vulnerabilities: request.ImageVulnerabilities{
			Source: "Clair", Made: at, Found: []request.Vulnerability{{ID: "CVE-2026-1", Severity: "critical"}},
		}}, true},
		"vulnerable, and what does no harm is unread": {"[rules.image-vulnerabilities]", request.ImageFacts{At: at, Vulnerabilities: request.ImageVulnerabilities{
			Source: "Clair", Made: at, Found: []request.Vulnerability{{ID: "CVE-2026-1", Severity: "critical"}}, Unread: "the registry is silent",
		}}, false},
		"without a report": {"[rules.image-vulnerabilities]", request.ImageFacts{At: at, Vulnerabilities: request.ImageVulnerabilities{Unknown: "Clair is silent"}}, false},
		"vulnerable, as far as it is known": {"[rules.image-vulnerabilities]", request.ImageFacts{At: at, Vulnerabilities: request.ImageVulnerabilities{
			Unknown: "Clair does not know all of it", Source: "Clair", Found: []request.Vulnerability{{ID: "CVE-2026-1", Severity: "critical"}},
		}}, true},
		"not known as a whole": {"[rules.image-vulnerabilities]", request.ImageFacts{At: at, Vulnerabilities: request.ImageVulnerabilities{
			Unknown: "Clair does not know all of it", Source: "Clair",
		}}, false},
		"nobody has scanned it lately": {"[rules.image-vulnerabilities]\nmax_report_age = \"7d\"", request.ImageFacts{At: at, Vulnerabilities: request.ImageVulnerabilities{
			Source: "Trivy", Made: at.AddDate(0, -1, 0),
		}}, false},
		"unproved, and with the host's processes": {
			"[rules.image-signature]\n[rules.host-pid]", request.ImageFacts{At: at, Trust: request.ImageTrust{Reason: "timeout", Unsettled: true}}, true,
		},
	} {
		t.Run(name, func(t *testing.T) {
			p, err := config.Parse("policy.toml", []byte(head+tt.rules+"\n"), caseTime)
			if err != nil {
				t.Fatal(err)
			}
			f := state.Fixed{
				Containers: map[string]json.RawMessage{madeID: json.RawMessage(`{"Id":"` + madeID + `","Name":"/web","Image":"sha256:` + strings.Repeat("ab", 32) +
					`","Config":{"Image":"app"},"HostConfig":{"PidMode":"host"},"NetworkSettings":{}}`)},
				Images: map[string]*request.ImageFacts{"app": &tt.facts},
			}
			var stopped []string
			var records []audit.Record
			core, logged := observer.New(zap.WarnLevel)
			a := &authz.Authorizer{
				Policy: func() *authz.Policy { return p }, State: f, Images: cases.Images(f), Stop: stopper{stopped: &stopped}, Audit: recorder{&records}, Log: zap.New(core),
			}
			d := a.Started(context.Background(), madeID)
			if tt.stopped && logged.FilterField(zap.String("name", "web")).Len() != 1 {
				t.Errorf("the log does not name the container: %v", logged.All())
			}
			if d.Verdict != authz.Deny || (len(stopped) > 0) != tt.stopped || len(records) != 1 || records[0].Passed == tt.stopped {
				t.Errorf("%v, stopped %v, recorded %+v: %s", d.Verdict, stopped, records, d.Message())
			}
		})
	}
}

// TestStarted judges containers that run.
func TestStarted(t *testing.T) {
	const (
		goneID    = "9999999999999999999999999999999999999999999999999999999999999999"
		digest    = "sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
		privately = "[rules.privileged]\n"
		exception = "[[exceptions]]\nname = \"tool\"\nrules = [\"privileged\"]\nowner = \"ops\"\nreason = \"it needs that\"\n"
		enforce   = "[existing_containers]\nwatch = \"enforce\"\n"
		watch     = "[existing_containers]\nwatch = \"audit\"\n"
		override  = "[[overrides]]\nname = \"admins\"\nprincipals = [\"cn:ann\"]\n[overrides.rules.privileged]\nmode = \"off\"\n"
	)
	privileged, plain := `{"Privileged":true}`, `{}`
	for name, tt := range map[string]struct {
		policy, config string
		err            error // of the look-up
		verdict        authz.Verdict
		recorded       string // mode and whether it is left alone; "" if there is no record
		stopped        bool
	}{
		"not wanted":              {policy: privately, config: privileged},
		"as it should be":         {policy: privately + enforce, config: plain, verdict: authz.Allow},
		"stopped":                 {policy: privately + enforce, config: privileged, verdict: authz.Deny, recorded: "enforce false", stopped: true},
		"existing ones may go on": {policy: privately + enforce + "mode = \"off\"\n", config: privileged, verdict: authz.Deny, recorded: "enforce false", stopped: true},
		"watched":                 {policy: privately + watch, config: privileged, verdict: authz.Deny, recorded: "audit true"},
		"the policy watches":      {policy: "mode = \"audit\"\n" + privately + enforce, config: privileged, verdict: authz.Deny, recorded: "audit true"},
		"the rule watches":        {policy: privately + "mode = \"audit\"\n" + enforce, config: privileged, verdict: authz.Allow, recorded: "enforce true"},
		"nobody may start any": {
			policy:  privately + enforce + "[[access]]\nname = \"a\"\neffect = \"deny\"\nprincipals = [\"*\"]\noperations = [\"ContainerStart\"]\n",
			config:  plain,
			verdict: authz.Allow,
		},
		"nobody may":             {policy: "[rules.operations]\ndeny = [\"ContainerStart\"]\n" + enforce, config: plain, verdict: authz.Allow},
		"somebody may":           {policy: privately + enforce + override, config: privileged, verdict: authz.Allow},
		"nobody may even so":     {policy: privately + "[rules.host-pid]\n" + enforce + override, config: `{"Privileged":true,"PidMode":"host"}`, verdict: authz.Deny, recorded: "enforce false", stopped: true},
		"excepted for somebody":  {policy: privately + enforce + exception + "user = \"ann\"\nexpires = 2027-01-01\n", config: privileged, verdict: authz.Allow, recorded: "enforce true"},
		"excepted for the image": {policy: privately + enforce + exception + "image = \"docker.io/library/x@" + digest + "\"\nexpires = 2027-01-01\n", config: privileged, verdict: authz.Allow, recorded: "enforce true"},
		"another image":          {policy: privately + enforce + exception + "image = \"docker.io/library/y@" + digest + "\"\nexpires = 2027-01-01\n", config: privileged, verdict: authz.Deny, recorded: "enforce false", stopped: true},
		"no longer excepted":     {policy: privately + enforce + exception + "user = \"ann\"\nexpires = 2026-11-01\n", config: privileged, verdict: authz.Deny, recorded: "enforce false", stopped: true},
		"of a container that is gone": {
			policy: "[rules.shared-namespaces]\n" + enforce, config: `{"NetworkMode":"container:` + goneID + `"}`, verdict: authz.Deny, recorded: "enforce true",
		},
		"of one that may have been excepted": {
			policy: "[rules.shared-namespaces]\nallow = [\"vpn\"]\n" + enforce, config: `{"NetworkMode":"container:` + goneID + `"}`, verdict: authz.Deny, recorded: "enforce true",
		},
		"of one that none may join": {
			policy: "[rules.shared-namespaces]\nallow = []\n" + enforce, config: `{"NetworkMode":"container:` + goneID + `"}`, verdict: authz.Deny, recorded: "enforce false", stopped: true,
		},
		"it is gone":           {policy: privately + enforce, config: privileged, err: state.ErrNotFound, verdict: authz.Allow},
		"the Engine is silent": {policy: privately + enforce, config: privileged, err: errors.New("silent"), recorded: "enforce true"},
	} {
		t.Run(name, func(t *testing.T) {
			p, err := config.Parse("policy.toml", []byte("version = 1\nprofile = \"none\"\n"+tt.policy), caseTime)
			if err != nil {
				t.Fatal(err)
			}
			var stopped []string
			var records []audit.Record
			inspect := json.RawMessage(`{"Id":"` + madeID + `","Name":"/web","Config":{"Image":"x@` + digest + `"},"HostConfig":` + tt.config + `,"NetworkSettings":{}}`)
			view := &countingView{View: state.Fixed{Containers: map[string]json.RawMessage{madeID: inspect}}, err: tt.err}
			a := &authz.Authorizer{Policy: func() *authz.Policy { return p }, State: view, Stop: stopper{stopped: &stopped}, Audit: recorder{&records}, Log: zap.NewNop()}
			a.Now = func() time.Time { return caseTime }
			d := a.Started(context.Background(), madeID)
			if d == nil {
				if a.Watch() != authz.Off || view.asked+len(records)+len(stopped) > 0 {
					t.Errorf("it is watched, and there is no decision")
				}
				return
			}
			if d.Verdict != tt.verdict || d.Phase != authz.OfEvent || slices.Contains(stopped, madeID) != tt.stopped {
				t.Errorf("%v, stopped %v: %s", d.Verdict, stopped, d.Message())
			}
			recorded := ""
			for _, r := range records {
				recorded += strings.TrimSpace(r.Mode + " " + map[bool]string{true: "true", false: "false"}[r.Passed])
				if r.Phase != "event" || tt.err == nil && r.Image != "x@"+digest || r.Operation != "ContainerStart" || r.Object != madeID {
					t.Errorf("recorded %+v", r)
				}
			}
			if recorded != tt.recorded {
				t.Errorf("recorded %q, want %q", recorded, tt.recorded)
			}
		})
	}
}

// lostFiles is a file system that does not answer.
type lostFiles struct{}

func (lostFiles) Follow(context.Context, string) (string, string, error) {
	return "", "", errors.New("the host's file system does not answer")
}

// TestStartedLost has a container with a directory of the host that nobody can look at, as on a network file system whose server is gone.
func TestStartedLost(t *testing.T) {
	p, err := config.Parse("policy.toml", []byte("version = 1\nprofile = \"none\"\n[rules.bind-mounts]\nallow = [{ path = \"/srv/**\" }]\n[existing_containers]\nwatch = \"enforce\"\n"), caseTime)
	if err != nil {
		t.Fatal(err)
	}
	for path, stops := range map[string]bool{"/srv/data": false, "/etc": true} {
		view := state.Fixed{Containers: map[string]json.RawMessage{
			madeID: json.RawMessage(`{"Id":"` + madeID + `","Name":"/web","Config":{},"HostConfig":{"Binds":["` + path + `:/data"]},"NetworkSettings":{}}`),
		}}
		var stopped []string
		a := &authz.Authorizer{Policy: func() *authz.Policy { return p }, State: view, Files: lostFiles{}, Stop: stopper{stopped: &stopped}, Log: zap.NewNop()}
		if d := a.Started(context.Background(), madeID); d.Verdict != authz.Deny || len(stopped) > 0 != stops {
			t.Errorf("%s: stopped %v: %s", path, stopped, d.Message())
		}
	}
}

// TestStartedUnstopped has a container that cannot be stopped. It is left alone, and the record says so.
func TestStartedUnstopped(t *testing.T) {
	p, err := config.Parse("policy.toml", []byte("version = 1\nprofile = \"none\"\n[rules.host-pid]\n[existing_containers]\nwatch = \"enforce\"\n"), caseTime)
	if err != nil {
		t.Fatal(err)
	}
	view := state.Fixed{Containers: map[string]json.RawMessage{
		madeID: json.RawMessage(`{"Id":"` + madeID + `","Name":"/web","Config":{},"HostConfig":{"PidMode":"host"},"NetworkSettings":{}}`),
	}}
	var stopped []string
	var records []audit.Record
	stop := stopper{stopped: &stopped, err: errors.New("the Engine is busy")}
	a := &authz.Authorizer{Policy: func() *authz.Policy { return p }, State: view, Stop: stop, Audit: recorder{&records}, Log: zap.NewNop()}
	d := a.Started(context.Background(), madeID)
	if len(stopped) != 1 || d.Verdict != authz.Deny || !d.Again() {
		t.Errorf("stopped %v, %v, again %t", stopped, d.Verdict, d.Again())
	}
	if len(records) != 1 || records[0].Verdict != "deny" || !records[0].Passed || !strings.Contains(records[0].Error, "the Engine is busy") {
		t.Errorf("recorded %+v", records)
	}
}

// TestStartedBeside has an image that is refused beside one of which nobody can tell.
func TestStartedBeside(t *testing.T) {
	p, err := config.Parse("policy.toml", []byte("version = 1\nprofile = \"none\"\n[rules.image-signature]\n[existing_containers]\nwatch = \"enforce\"\n"), caseTime)
	if err != nil {
		t.Fatal(err)
	}
	const beside = "silent.example.com/x@sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
	f := state.Fixed{
		Containers: map[string]json.RawMessage{madeID: json.RawMessage(`{"Id":"` + madeID + `","Name":"/web","Image":"sha256:` + strings.Repeat("ab", 32) +
			`","Config":{"Image":"app"},"HostConfig":{"Mounts":[{"Type":"image","Source":"` + beside + `","Target":"/x"}]},"NetworkSettings":{}}`)},
		Images: map[string]*request.ImageFacts{
			"app":  {At: caseTime, Trust: request.ImageTrust{Reason: "unsigned"}},
			beside: {At: caseTime, Trust: request.ImageTrust{Reason: "registry-unavailable", Unsettled: true}},
		},
	}
	var stopped []string
	a := &authz.Authorizer{Policy: func() *authz.Policy { return p }, State: f, Images: cases.Images(f), Stop: stopper{stopped: &stopped}, Log: zap.NewNop()}
	if d := a.Started(context.Background(), madeID); len(d.Violations) != 2 || len(stopped) != 1 {
		t.Errorf("stopped %v: %s", stopped, d.Message())
	}
}

// TestStartedOverride has an override of which it is not certain whether it lets the container pass.
func TestStartedOverride(t *testing.T) {
	for reason, stops := range map[string]bool{"registry-unavailable": false, "unsigned": true} {
		p, err := config.Parse("policy.toml", []byte(`version = 1
profile = "none"
[rules.host-pid]
[rules.image-signature]
[existing_containers]
watch = "enforce"
[[overrides]]
name = "admins"
principals = ["cn:ann"]
[overrides.rules.host-pid]
mode = "off"
`), caseTime)
		if err != nil {
			t.Fatal(err)
		}
		f := state.Fixed{
			Containers: map[string]json.RawMessage{madeID: json.RawMessage(`{"Id":"` + madeID + `","Name":"/web","Image":"sha256:` + strings.Repeat("ab", 32) +
				`","Config":{"Image":"app"},"HostConfig":{"PidMode":"host"},"NetworkSettings":{}}`)},
			Images: map[string]*request.ImageFacts{"app": {At: caseTime, Trust: request.ImageTrust{Reason: reason, Unsettled: !stops}}},
		}
		var stopped []string
		a := &authz.Authorizer{Policy: func() *authz.Policy { return p }, State: f, Images: cases.Images(f), Stop: stopper{stopped: &stopped}, Log: zap.NewNop()}
		if d := a.Started(context.Background(), madeID); d.Verdict != authz.Deny || len(stopped) > 0 != stops {
			t.Errorf("%s: stopped %v: %s", reason, stopped, d.Message())
		}
	}
}
