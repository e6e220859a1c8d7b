package authz_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"go.uber.org/zap"

	"caisson/authz"
	"caisson/authz/image"
	"caisson/authz/request"
	"caisson/authz/state"
	"caisson/config"
)

func (v *countingView) Network(ctx context.Context, ref string) (*state.Network, error) {
	if v.asked++; v.err != nil {
		return nil, v.err
	}
	return v.View.Network(ctx, ref)
}

// serviceGate lets services pass, under a profile.
func serviceGate(t *testing.T, v state.View, profile string) *authz.Authorizer {
	t.Helper()
	p, err := config.Parse("policy.toml", fmt.Appendf(nil, "version = 1\nprofile = %q\n[rules.swarm]\nservices = true\n", profile), caseTime)
	if err != nil {
		t.Fatal(err)
	}
	return &authz.Authorizer{Policy: func() *authz.Policy { return p }, State: v, Images: vouched{}, Log: zap.NewNop()}
}

// vouched stands for images that somebody vouches for.
type vouched struct{}

func (vouched) Facts(context.Context, *image.Policy, state.View, image.Question) (*request.ImageFacts, error) {
	return &request.ImageFacts{At: caseTime, Trust: request.ImageTrust{Verified: true}}, nil
}

// TestServicesLookOnlyWhenNeeded counts look-ups: a service that names neither networks nor volumes causes none, and neither does a
// container on any network.
func TestServicesLookOnlyWhenNeeded(t *testing.T) {
	for _, tt := range []struct {
		target, body string
		asked        int
	}{
		{"/services/create", `{"TaskTemplate":{"ContainerSpec":{"Image":"x"}}}`, 0},
		{"/services/create", `{"TaskTemplate":{"ContainerSpec":{"Image":"x"},"Networks":[{"Target":"host"}]}}`, 0},
		{"/services/create", `{"TaskTemplate":{"ContainerSpec":{"Image":"x"},"Networks":[{"Target":"web"},{"Target":"web"}]}}`, 2}, // host and web
		{"/containers/create", `{"Image":"x","HostConfig":{"NetworkMode":"web"}}`, 0},
	} {
		v := &countingView{View: state.None}
		do(serviceGate(t, v, "baseline"), "POST", tt.target, tt.body)
		if v.asked != tt.asked {
			t.Errorf("%s: asked %d times, want %d", tt.body, v.asked, tt.asked)
		}
	}
}

// TestServiceNetworkThatCannotBeAsked makes sure that a network which cannot be looked at is refused.
func TestServiceNetworkThatCannotBeAsked(t *testing.T) {
	v := &countingView{err: errors.New("connection refused")}
	body := `{"TaskTemplate":{"ContainerSpec":{"Image":"x"},"Networks":[{"Target":"web"}]}}`
	if d := do(serviceGate(t, v, "baseline"), "POST", "/services/create", body); d.Verdict != authz.Undecided {
		t.Errorf("got %v: %s", d.Verdict, d.Message())
	}
}

// TestHardenedServicePasses holds the strictest profile to what a service can do: no rule may ask for a setting that services do not have.
func TestHardenedServicePasses(t *testing.T) {
	const image = "docker.io/library/busybox@sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
	const body = `{"Name":"web","TaskTemplate":{"ContainerSpec":{"Image":"` + image + `","User":"1000:1000","ReadOnly":true,
		"CapabilityDrop":["ALL"],"Privileges":{"NoNewPrivileges":true},"Healthcheck":{"Test":["CMD","true"]}},
		"Resources":{"Limits":{"NanoCPUs":1000000000,"MemoryBytes":67108864,"Pids":100}},
		"RestartPolicy":{"Condition":"on-failure","MaxAttempts":5},"Networks":[{"Target":"web"}]}}`
	v := state.Fixed{Networks: map[string]*state.Network{"web": {ID: "y1", Name: "web", Driver: "overlay"}}}
	for _, profile := range []string{"baseline", "standard", "restricted", "cis-docker-1.6"} {
		a := serviceGate(t, v, profile)
		for _, target := range []string{"/v1.44/services/create", "/v1.44/services/web/update?version=1"} {
			if d := do(a, "POST", target, body); !d.Passes() {
				t.Errorf("%s %s: %s", profile, target, d.Message())
			}
		}
		d := do(a, "POST", "/v1.44/services/create", `{"TaskTemplate":{"ContainerSpec":{"Image":"`+image+`"}}}`)
		for _, v := range d.Violations {
			if strings.HasPrefix(v.Field, "HostConfig") || v.Field == "" || strings.HasPrefix(v.Field, ".") {
				t.Errorf("%s: %s at a place that services do not have: %q", profile, v.Rule, v.Field)
			}
		}
	}
}

// TestDefaultPolicyClosesSwarm goes through the route table: under the default policy, nothing that changes a swarm passes.
func TestDefaultPolicyClosesSwarm(t *testing.T) {
	n := 0
	for _, route := range request.Routes() {
		if !strings.HasPrefix(route.Template, "/swarm") && !strings.HasPrefix(route.Template, "/services") && !strings.HasPrefix(route.Template, "/nodes") &&
			!strings.HasPrefix(route.Template, "/secrets") && !strings.HasPrefix(route.Template, "/configs") || route.Method == "GET" {
			continue
		}
		n++
		body := `{"TaskTemplate":{"ContainerSpec":{"Image":"x"}}}`
		if route.Body == request.NoBody {
			body = ""
		}
		d := do(gate(state.None), route.Method, strings.ReplaceAll(route.Template, "{id}", "x"), body)
		if d.Verdict != authz.Deny || len(d.Violations) != 1 || d.Violations[0].Rule != "swarm" {
			t.Errorf("%s %s: %v %s", route.Method, route.Template, d.Verdict, d.Message())
		}
	}
	if n != 16 {
		t.Errorf("found %d operations of a swarm", n)
	}
}
