package authz_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/zap"

	"caisson/authz"
	"caisson/authz/cases"
	"caisson/authz/request"
	"caisson/authz/state"
	"caisson/config"
)

// guard decides under a policy file without rules.
func guard(t *testing.T, v state.View, policy string) *authz.Authorizer {
	t.Helper()
	p, err := config.Parse("policy.toml", []byte("version = 1\nprofile = \"none\"\n"+policy), caseTime)
	if err != nil {
		t.Fatal(err)
	}
	return &authz.Authorizer{Policy: func() *authz.Policy { return p }, State: v, Log: zap.NewNop()}
}

// statement is an [[access]] table.
func statement(effect, principals, operations, more string) string {
	return fmt.Sprintf("[[access]]\nname = %q\neffect = %q\nprincipals = [%q]\noperations = [%q]\n%s\n", effect+principals+operations+more, effect, principals, operations, more)
}

// TestPrincipalNames compares every kind of name with certificates that have the text in each of their parts.
func TestPrincipalNames(t *testing.T) {
	const text = "x.example"
	lines := map[string]string{"cn": "cn=" + text, "ou": "ou=" + text, "o": "o=" + text, "dns": "dns=" + text, "email": "email=" + text, "uri": "uri=" + text, "local": ""}
	for kind := range lines {
		name := kind + ":" + text
		if kind == "local" {
			name = kind
		}
		a := guard(t, nil, statement("allow", name, "*", ""))
		for has, line := range lines {
			c := mustCase(t, "GET /v1.41/info\nCaisson-Certificate: "+line)
			if d := a.Authorize(context.Background(), c.Call()); d.Passes() != (has == kind) || d.Verdict == authz.Undecided {
				t.Errorf("%s for a certificate with %s: %v", name, has, d.Verdict)
			}
		}
	}
}

func mustCase(t *testing.T, text string) *cases.Case {
	t.Helper()
	c, err := cases.Parse("case", []byte("-- request --\n"+text+"\n"))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// TestHeadersNameNobody sends what proxies send, to a policy that would let each of them pass.
func TestHeadersNameNobody(t *testing.T) {
	a := guard(t, nil, statement("allow", "cn:alice", "*", ""))
	call := request.Call{Method: "GET", Target: "/info", Headers: map[string]string{}}
	want := a.Authorize(context.Background(), call)
	for _, h := range []string{
		"User", "X-User", "X-Remote-User", "Remote-User", "X-Forwarded-User", "X-Auth-Request-User", "X-Ssl-Client-Cn", "X-Client-Cn",
		"X-Meta-User", "Authzuser", "X-Ssl-Client-Verify", "X-Forwarded-Client-Cert", "Caisson-User", "Caisson-Certificate", "Authorization",
	} {
		for _, value := range []string{"alice", "cn:alice", "CN=alice", `Subject="CN=alice"`} {
			call.Headers = map[string]string{h: value}
			got := a.Authorize(context.Background(), call)
			if got.Verdict != authz.Deny || !cmp.Equal(got.Violations, want.Violations) {
				t.Errorf("%s: %s changes the decision: %v", h, value, got.Message())
			}
		}
	}
}

// TestOwnLookUpsAreNotLookedUp sends every look-up of Caisson's own under statements that are about objects: one that led to a
// look-up would have no end.
func TestOwnLookUpsAreNotLookedUp(t *testing.T) {
	for _, target := range []string{"/containers/x/json", "/containers/json", "/exec/x/json", "/volumes/x", "/networks/x", "/info", "/_ping"} {
		for _, policy := range []string{
			statement("allow", "local", "*", `objects = ["x"]`), statement("deny", "*", "*", `objects = ["y"]`),
			statement("deny", "local", "*", `objects = ["cafe"]`) + statement("allow", "*", "*", `objects = ["**"]`),
		} {
			v := &countingView{err: errors.New("asked")}
			if d := do(guard(t, v, policy), "GET", target, ""); v.asked > 0 || d.Verdict == authz.Undecided {
				t.Errorf("%s: asked %d times, %v: %s\n%s", target, v.asked, d.Verdict, d.Message(), policy)
			}
		}
	}
}

// TestOneLookUp makes sure that statements and rules look at the same answer.
func TestOneLookUp(t *testing.T) {
	v := &countingView{View: state.Fixed{Containers: map[string]json.RawMessage{"web": stored("web", `{}`)}}}
	policy := statement("deny", "*", "*", `objects = ["db"]`) + statement("allow", "local", "*", `objects = ["web"]`) + "[rules.privileged]\n"
	if d := do(guard(t, v, policy), "POST", "/containers/web/start", ""); !d.Passes() || v.asked != 1 {
		t.Errorf("asked %d times; %v: %s", v.asked, d.Verdict, d.Message())
	}
}

// TestObjectsThatCannotBeLookedUp holds statements about objects to what can be known.
func TestObjectsThatCannotBeLookedUp(t *testing.T) {
	broken := &countingView{err: errors.New("connection refused")}
	for policy, want := range map[string]authz.Verdict{
		statement("allow", "*", "*", `objects = ["web"]`):                                              authz.Undecided,
		statement("deny", "*", "*", `objects = ["db"]`):                                                authz.Undecided,
		statement("deny", "*", "*", ``):                                                                authz.Deny,
		statement("deny", "*", "read", `objects = ["db"]`):                                             authz.Allow,
		statement("allow", "*", "*", ``) + statement("allow", "*", "ContainerStop", `objects = ["x"]`): authz.Allow,
	} {
		if d := do(guard(t, broken, policy), "POST", "/containers/web/stop", ""); d.Verdict != want {
			t.Errorf("%v: %s\n%s", d.Verdict, d.Message(), policy)
		}
	}
}

// TestNamesakes has a container whose name begins the ID of another one: when it is renamed at the right moment, the request reaches
// the other one.
func TestNamesakes(t *testing.T) {
	prod := "cafe" + strings.Repeat("0", 60)
	inspect := func(id, name string) json.RawMessage {
		return json.RawMessage(fmt.Sprintf(`{"Id":%q,"Name":"/%s","Config":{},"HostConfig":{}}`, id, name))
	}
	v := state.Fixed{Containers: map[string]json.RawMessage{
		"cafe": inspect(strings.Repeat("1", 64), "cafe"), prod: inspect(prod, "prod"),
	}}
	for policy, want := range map[string]authz.Verdict{
		statement("allow", "*", "*", `objects = ["c*"]`):         authz.Deny,
		statement("allow", "*", "*", `objects = ["c*", "prod"]`): authz.Allow,
		statement("deny", "*", "*", `objects = ["prod"]`):        authz.Deny,
		statement("deny", "*", "*", `objects = ["other"]`):       authz.Allow,
	} {
		if d := do(guard(t, v, policy), "POST", "/containers/cafe/stop", ""); d.Verdict != want {
			t.Errorf("%v: %s\n%s", d.Verdict, d.Message(), policy)
		}
	}
}

// TestNetworkNamesakes is the same for networks, whose IDs are not looked for.
func TestNetworkNamesakes(t *testing.T) {
	v := state.Fixed{Networks: map[string]*state.Network{
		"cafe": {ID: strings.Repeat("1", 64), Name: "cafe"}, "1111": {ID: strings.Repeat("1", 64), Name: "cafe"},
	}}
	for policy, want := range map[string][2]authz.Verdict{
		statement("allow", "*", "*", `objects = ["c*"]`):   {authz.Deny, authz.Allow},
		statement("allow", "*", "*", `objects = ["cafe"]`): {authz.Allow, authz.Allow},
		statement("deny", "*", "*", `objects = ["cafe"]`):  {authz.Deny, authz.Deny},
		statement("deny", "*", "*", `objects = ["prod"]`):  {authz.Undecided, authz.Allow},
	} {
		for i, ref := range []string{"cafe", "1111"} {
			if d := do(guard(t, v, policy), "DELETE", "/networks/"+ref, ""); d.Verdict != want[i] {
				t.Errorf("%s: %v: %s\n%s", ref, d.Verdict, d.Message(), policy)
			}
		}
	}
}

// TestPatternsOfOperations makes sure that classes and names are not mixed up, and that no pattern covers the unknown.
func TestPatternsOfOperations(t *testing.T) {
	classes := map[string]int{}
	for _, r := range request.Routes() {
		classes[r.Class.String()]++
		for _, text := range []string{r.Class.String(), string(r.Operation), "*", "?*", "**"} {
			p, err := authz.ParseOperationPattern(text)
			if err != nil || !p.Covers(r.Operation) || p.Covers("") || p.String() != text {
				t.Errorf("%s does not cover %s: %v", text, r.Operation, err)
			}
		}
	}
	if got := slices.Sorted(maps.Keys(classes)); !slices.Equal(got, []string{"dangerous", "mutating", "read", "sensitive"}) {
		t.Errorf("classes: %v", got)
	}
	for _, text := range []string{"", "Read", "containercreate", "Frobnicate*", "[", "read*", "mutating,read"} {
		if _, err := authz.ParseOperationPattern(text); err == nil {
			t.Errorf("%q is accepted", text)
		}
	}
	if p := (authz.OperationPattern{}); p.Covers("") || p.Covers("SystemPing") {
		t.Error("the zero pattern covers something")
	}
}

// TestZeroStatementRefuses makes sure that what has been forgotten in a statement opens nothing.
func TestZeroStatementRefuses(t *testing.T) {
	var s authz.Statement
	if s.Effect != authz.EffectDeny {
		t.Error("the zero effect allows")
	}
	p := &authz.Policy{Access: []authz.Statement{{Effect: authz.EffectAllow, Principals: []authz.PrincipalName{{}}}}}
	a := authorizer(p)
	if d := a.Authorize(context.Background(), request.Call{Method: "GET", Target: "/info"}); d.Verdict != authz.Deny {
		t.Errorf("a statement without principals and operations: %v", d.Verdict)
	}
	if d := a.Authorize(context.Background(), request.Call{Method: "GET", Target: "/info", User: "x", AuthMethod: "TLS"}); d.Verdict == authz.Allow {
		t.Errorf("the zero principal name: %v", d.Verdict)
	}
}
