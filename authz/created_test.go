package authz_test

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"go.uber.org/zap"

	"caisson/authz"
	"caisson/authz/audit"
	"caisson/authz/cases"
	"caisson/authz/request"
	"caisson/authz/state"
	"caisson/config"
)

// madeID is the container that the Engine has made.
var madeID = strings.Repeat("cd", 32)

// making is a create request, and what the Engine has made of it.
type making struct {
	policy string
	facts  *request.ImageFacts // of the image that the container runs
	state  state.View          // nil: the container is there
	id     string              // "" is madeID
	fail   error               // of the removal
}

func (m *making) run(t *testing.T) (d *authz.Decision, removed []string, records []audit.Record) {
	t.Helper()
	p, err := config.Parse("policy.toml", []byte("version = 1\n"+m.policy), caseTime)
	if err != nil {
		t.Fatal(err)
	}
	f := state.Fixed{
		Containers: map[string]json.RawMessage{madeID: json.RawMessage(`{"Id":"` + madeID + `","Name":"/web","Image":"sha256:` + strings.Repeat("ab", 32) +
			`","Config":{"Image":"app"},"HostConfig":{},"NetworkSettings":{}}`)},
		Images: map[string]*request.ImageFacts{"app": m.facts},
	}
	a := &authz.Authorizer{
		Policy: func() *authz.Policy { return p }, State: f, Images: cases.Images(f), Remove: remover{&removed, m.fail}, Audit: recorder{&records}, Log: zap.NewNop(),
	}
	if m.state != nil {
		a.State = m.state
	}
	if m.id == "" {
		m.id = madeID
	}
	return a.Created(context.Background(), request.Call{Method: "POST", Target: "/v1.41/containers/create", Body: []byte(`{"Image":"app"}`)}, m.id), removed, records
}

type remover struct {
	removed *[]string
	err     error
}

func (r remover) RemoveContainer(_ context.Context, id string) error {
	*r.removed = append(*r.removed, id)
	return r.err
}

type recorder struct{ records *[]audit.Record }

func (r recorder) Write(rec *audit.Record, _ audit.Late) error {
	*r.records = append(*r.records, *rec)
	return nil
}

var (
	vouchedFor = &request.ImageFacts{At: caseTime, Trust: request.ImageTrust{Verified: true, Reason: "verified"}}
	unsigned   = &request.ImageFacts{At: caseTime, Trust: request.ImageTrust{Reason: "unsigned", Detail: "has no signature"}}
)

const signatures = "profile = \"none\"\n[rules.image-signature]\n"

// TestCreated judges what the Engine has made of a request that was allowed.
func TestCreated(t *testing.T) {
	for _, tt := range []struct {
		name    string
		m       making
		verdict authz.Verdict
		passes  bool
		removed int
		records int
	}{
		{"vouched for", making{policy: signatures, facts: vouchedFor}, authz.Allow, true, 0, 0},
		{"another image under the name", making{policy: signatures, facts: unsigned}, authz.Deny, false, 1, 1},
		{"not to be removed", making{policy: signatures + "remove_unverified = false\n", facts: unsigned}, authz.Deny, false, 0, 1},
		{"cannot be removed", making{policy: signatures, facts: unsigned, fail: errors.New("no")}, authz.Deny, false, 1, 1},
		{"the rule only watches", making{policy: signatures + "mode = \"audit\"\n", facts: unsigned}, authz.Allow, true, 0, 1},
		{"the policy only watches", making{policy: "mode = \"audit\"\n" + signatures, facts: unsigned}, authz.Deny, true, 0, 1},
		{"existing containers are not looked at", making{policy: signatures + "[existing_containers]\nmode = \"off\"\n", facts: unsigned}, authz.Deny, false, 1, 1},
		{"no rule asks", making{policy: "profile = \"baseline\"\n", facts: unsigned}, authz.Allow, true, 0, 0},
		{"nobody has looked", making{policy: signatures, facts: &request.ImageFacts{}}, authz.Deny, false, 1, 1},
		{"gone again", making{policy: signatures, state: state.None}, authz.Allow, true, 0, 0},
		{"no ID", making{policy: signatures, facts: vouchedFor, id: "web"}, authz.Undecided, false, 0, 1},
		{"the Engine cannot be asked", making{policy: signatures, facts: vouchedFor, state: &countingView{View: state.None, err: errors.New("no answer")}}, authz.Undecided, false, 0, 1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			d, removed, records := tt.m.run(t)
			if d.Verdict != tt.verdict || d.Passes() != tt.passes || len(removed) != tt.removed || len(records) != tt.records {
				t.Errorf("%s (passes: %v), %d removed, %d records: %v %s", d.Verdict, d.Passes(), len(removed), len(records), d.Err, d.Message())
			}
			if len(removed) > 0 && removed[0] != madeID {
				t.Errorf("removed %q", removed)
			}
			if len(records) > 0 && (records[0].Phase != "response" || records[0].Operation != "ContainerCreate") {
				t.Errorf("record: %+v", records[0])
			}
		})
	}
}

func TestCreatedMessage(t *testing.T) {
	d, _, _ := (&making{policy: signatures, facts: unsigned}).run(t)
	const want = `container create refused: container web: Image is "app", which has no signature (unsigned); allowed: images that a statement of the policy vouches for [image-signature] fix: `
	if got := d.Message(); !strings.HasPrefix(got, want) {
		t.Errorf("got %s", got)
	}
}
