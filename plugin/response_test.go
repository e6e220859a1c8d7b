package plugin

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"caisson/authz"
	"caisson/authz/image"
	"caisson/authz/request"
	"caisson/authz/rules"
	"caisson/authz/state"
)

var made = strings.Repeat("cd", 32)

// oneImage is of a container that the Engine has made, and vouched for by nobody unless it is good.
type oneImage struct{ good bool }

func (o oneImage) Facts(context.Context, *image.Policy, state.View, image.Question) (*request.ImageFacts, error) {
	return &request.ImageFacts{At: time.Date(2026, 11, 24, 0, 0, 0, 0, time.UTC), Trust: request.ImageTrust{Verified: o.good, Reason: "unsigned", Detail: "has no signature"}}, nil
}

// signing is a policy that asks for signatures.
func signing(mode authz.Mode) *authz.Policy {
	spec := rules.Get("image-signature")
	return &authz.Policy{Hash: "sha256:test", Mode: mode, Rules: []authz.BoundRule{{Spec: spec, Rule: spec.New()}}}
}

// response is a call about the answer to a create request, or another.
func response(method, target string, status int, body string) string {
	text := fmt.Sprintf(`{"RequestMethod":%q,"RequestUri":%q,"RequestBody":%q`, method, target, base64.StdEncoding.EncodeToString([]byte(`{"Image":"app"}`)))
	if status != 0 {
		text += fmt.Sprintf(`,"ResponseStatusCode":%d`, status)
	}
	return text + fmt.Sprintf(`,"ResponseBody":%q}`, base64.StdEncoding.EncodeToString([]byte(body)))
}

// TestResponses lets everything pass but containers that turned out to run an image that nobody vouches for, and what might be one.
func TestResponses(t *testing.T) {
	const create = "/v1.41/containers/create?name=web"
	created := `{"Id":"` + made + `","Warnings":[]}`
	stored := state.Fixed{Containers: map[string]json.RawMessage{
		made: json.RawMessage(`{"Id":"` + made + `","Name":"/web","Image":"sha256:` + strings.Repeat("ab", 32) + `","Config":{"Image":"app"},"HostConfig":{},"NetworkSettings":{}}`),
	}}
	for _, tt := range []struct {
		name   string
		policy *authz.Policy
		good   bool
		call   string
		status int
		want   string // what the answer begins with
	}{
		{"vouched for", signing(authz.Enforce), true, response("POST", create, 201, created), 200, allowText},
		{"not vouched for", signing(authz.Enforce), false, response("POST", create, 201, created), 200, `{"Allow":false,"Msg":"container create refused: container web: Image is`},
		{"watched only", signing(authz.Audit), false, response("POST", create, 201, created), 200, allowText},
		{"no rule asks", usual, false, response("POST", create, 201, created), 200, allowText},
		{"nothing was made", signing(authz.Enforce), false, response("POST", create, 404, `{"message":"No such image"}`), 200, allowText},
		{"the Engine does not say what it made", signing(authz.Enforce), true, response("POST", create, 201, `{}`), 500, `{"Allow":false,"Err":"container create refused, because Caisson cannot decide: the Engine has made a container and does not show which`},
		{"the answer went to the client already", signing(authz.Enforce), true, response("POST", create, 0, ``), 500, `{"Allow":false,"Err":"container create refused`},
		{"in another spelling", signing(authz.Enforce), false, response("POST", "/v1.41/containers%2Fcreate", 201, created), 200, `{"Allow":false,"Msg":"container create refused`},
		{"another operation", signing(authz.Enforce), false, response("GET", "/v1.41/containers/json", 200, `[]`), 200, allowText},
		{"a pull", signing(authz.Enforce), false, response("POST", "/v1.41/images/create?fromImage=app&tag=1", 200, ``), 200, allowText},
		{"no target that can be read", signing(authz.Enforce), false, response("POST", "http://[::1%25x]/v1.41/containers/create", 400, ``), 200, allowText},
		{"a broken connection", signing(authz.Enforce), false, ``, 500, `{"Allow":false,"Err":"request refused`},
		{"no method", signing(authz.Enforce), false, `{"RequestUri":"/v1.41/containers/create"}`, 500, `{"Allow":false,"Err":"request refused`},
		{"cut off", signing(authz.Enforce), false, response("POST", create, 201, created)[:90], 500, `{"Allow":false,"Err":"request refused`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := start(t, tt.policy, func(s *service, _ *Server) {
				s.handler.authorizer.State, s.handler.authorizer.Images = stored, oneImage{tt.good}
			})
			status, got := s.post(responsePath, strings.NewReader(tt.call))
			if status != tt.status || !strings.HasPrefix(got, tt.want) {
				t.Errorf("%d %s", status, got)
			}
		})
	}
}

// TestLargeResponses reads no more of an answer that nobody wants to see than it takes to know that.
func TestLargeResponses(t *testing.T) {
	s := start(t, signing(authz.Enforce))
	call := response("GET", "/v1.41/images/get", 200, strings.Repeat("x", 8<<20))
	if status, got := s.post(responsePath, strings.NewReader(call)); status != 200 || got != allowText {
		t.Errorf("%d %s", status, got)
	}
}
