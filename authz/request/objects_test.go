package request_test

import (
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"caisson/authz/request"
)

func TestObjects(t *testing.T) {
	type list = []request.Reference
	for _, tt := range []struct {
		method, target, body string
		want                 list
	}{
		{"POST", "/v1.41/containers/web/stop", "", list{{Kind: request.ContainerReference, Name: "web", Field: "path"}}},
		{"DELETE", "/containers/web", "", list{{Kind: request.ContainerReference, Name: "web", Field: "path"}}},
		{"DELETE", "/containers/web/checkpoints/c", "", list{{Kind: request.ContainerReference, Name: "web", Field: "path"}}},
		{"POST", "/containers/create?name=/web", "{}", list{{Kind: request.NewReference, Name: "web", Field: "query parameter name"}}},
		{"POST", "/containers/create", "{}", list{{Kind: request.NewReference, Field: "query parameter name"}}},
		{"POST", "/containers/web/rename?name=api", "", list{
			{Kind: request.ContainerReference, Name: "web", Field: "path"}, {Kind: request.NewReference, Name: "api", Field: "query parameter name"},
		}},
		{"POST", "/commit?container=/web", "", list{{Kind: request.ContainerReference, Name: "web", Field: "query parameter container"}}},
		{"POST", "/commit?container=/web&repo=x&tag=1", "", list{
			{Kind: request.ContainerReference, Name: "web", Field: "query parameter container"}, {Kind: request.ImageReference, Name: "x:1", Field: "query parameter repo"},
		}},
		{"GET", "/images/get?names=a/b&names=c%3A1", "", list{
			{Kind: request.ImageReference, Name: "a/b", Field: "query parameter names"}, {Kind: request.ImageReference, Name: "c:1", Field: "query parameter names"},
		}},
		{"GET", "/images/get", "", nil},
		{"POST", "/exec/e1/start", "{}", list{{Kind: request.ExecReference, Name: "e1", Field: "path"}}},
		{"GET", "/exec/e1/json", "", list{{Kind: request.ExecReference, Name: "e1", Field: "path"}}},
		{"POST", "/volumes/create", `{"Name":"data"}`, list{{Kind: request.NewReference, Name: "data", Field: "Name"}}},
		{"DELETE", "/volumes/data", "", list{{Kind: request.VolumeReference, Name: "data", Field: "path"}}},
		{"POST", "/networks/create", `{"Name":"n"}`, list{{Kind: request.NewReference, Name: "n", Field: "Name"}}},
		{"POST", "/networks/n/connect", `{"Container":"web"}`, list{
			{Kind: request.NetworkReference, Name: "n", Field: "path"}, {Kind: request.ContainerReference, Name: "web", Field: "Container"},
		}},
		{"POST", "/networks/n/disconnect", `{"Container":"web","Force":true}`, list{
			{Kind: request.NetworkReference, Name: "n", Field: "path"}, {Kind: request.ContainerReference, Name: "web", Field: "Container"},
		}},
		{"POST", "/services/create", `{"Name":"s"}`, list{{Kind: request.NewReference, Name: "s", Field: "Name"}}},
		{"POST", "/images/create?fromImage=busybox&tag=1", "", list{{Kind: request.ImageReference, Name: "busybox:1", Field: "query parameter fromImage"}}},
		{"POST", "/images/create?fromSrc=-&repo=mine&tag=2", "", list{{Kind: request.ImageReference, Name: "mine:2", Field: "query parameter repo"}}},
		{"POST", "/images/a/b/tag?repo=c&tag=1", "", list{
			{Kind: request.ImageReference, Name: "a/b", Field: "path"}, {Kind: request.ImageReference, Name: "c:1", Field: "query parameter repo"},
		}},
		{"GET", "/distribution/a/b/json", "", list{{Kind: request.ImageReference, Name: "a/b", Field: "path"}}},
		{"POST", "/plugins/a/b/disable", "", list{{Kind: request.ImageReference, Name: "a/b", Field: "path"}}},
		{"GET", "/secrets/s", "", list{{Kind: request.OtherReference, Name: "s", Field: "path"}}},
		{"GET", "/containers/json", "", nil},
		{"POST", "/build", "", nil},
		{"OPTIONS", "/anything", "", nil},
		{"GET", "/new/route", "", nil},
	} {
		call := request.Call{Method: tt.method, Target: tt.target}
		if tt.body != "" {
			call.Body, call.Headers = []byte(tt.body), map[string]string{"Content-Type": "application/json"}
		}
		r, err := request.Parse(call)
		if err != nil {
			t.Errorf("%s %s: %v", tt.method, tt.target, err)
			continue
		}
		if diff := cmp.Diff(tt.want, r.Objects()); diff != "" {
			t.Errorf("%s %s: %s", tt.method, tt.target, diff)
		}
	}
}

var variables = regexp.MustCompile(`\{[^}]*\}`)

// TestObjectsOfAllRoutes makes sure that a new route with a variable is not taken for one that names nothing.
func TestObjectsOfAllRoutes(t *testing.T) {
	for i := range request.Routes() {
		route := &request.Routes()[i]
		if strings.Contains(route.Template, "{") && route.Operation != "PingOptions" {
			r := request.Outline(request.Call{Method: route.Method, Target: variables.ReplaceAllString(route.Template, "x")})
			r.Workload, r.Network = &request.Workload{Files: request.Files{Mounts: []request.Mount{{}}}}, &request.Network{}
			if len(r.Objects()) == 0 || r.Objects()[0].Name != "x" {
				t.Errorf("%s names nothing", route.Operation)
			}
		}
	}
}
