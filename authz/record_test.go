package authz_test

import (
	"context"
	"net/url"
	"strings"
	"testing"
	"unicode/utf8"

	"caisson/authz"
	"caisson/authz/audit"
	"caisson/authz/request"
)

// recorded is the audit record of one call.
func recorded(t *testing.T, call request.Call) *audit.Record {
	t.Helper()
	var rec *audit.Record
	a := authorizer(policyOf(authz.Enforce, &always{}))
	a.Audit = sinkFunc(func(r *audit.Record) error { rec = r; return nil })
	a.Authorize(context.Background(), call)
	if rec == nil {
		t.Fatal("no record")
	}
	return rec
}

// TestRecordIsBounded sends names that are longer than any that the Engine takes.
func TestRecordIsBounded(t *testing.T) {
	long := strings.Repeat("aм", 300_000)
	name := url.QueryEscape(long)
	for _, call := range []request.Call{
		{Method: "POST", Target: "/containers/create?name=" + name, Headers: map[string]string{"Content-Type": "application/json"}, Body: []byte(`{"Image":"` + long + `"}`)},
		{Method: "POST", Target: "/commit?container=" + name},
		{Method: "POST", Target: "/images/create?fromImage=" + name},
		{Method: "GET", Target: "/containers/" + strings.Repeat("a", 4000) + "/json"},
		{Method: "GET", Target: "/containers/" + name + "/json"},
		{Method: strings.Repeat("A\xff", 1000), Target: "/info"},
	} {
		rec := recorded(t, call)
		clipped := false
		for _, s := range []string{rec.Path, rec.Object, rec.Image, rec.Method} {
			if len(s) > 512 || !utf8.ValidString(s) {
				t.Errorf("%.40s: %d bytes: %q", call.Target, len(s), s)
			}
			clipped = clipped || strings.HasSuffix(s, "…")
		}
		if !clipped && !strings.Contains(rec.Error, "longer than") {
			t.Errorf("%.40s: nothing is clipped: %+v", call.Target, rec)
		}
	}
	if rec := recorded(t, request.Call{Method: "GET", Target: "/containers/" + strings.Repeat("a", 200) + "/json"}); strings.HasSuffix(rec.Path, "…") {
		t.Errorf("a path of ordinary length is clipped: %s", rec.Path)
	}
}

// TestUndecidedIsRecorded sends requests whose target can be understood, and nothing else.
func TestUndecidedIsRecorded(t *testing.T) {
	json := map[string]string{"Content-Type": "application/json"}
	for _, tt := range []struct {
		call                    request.Call
		operation, path, object string
	}{
		{request.Call{Method: "POST", Target: "/v1.41/containers/create?name=web", Headers: json, Body: []byte(`{`)}, "ContainerCreate", "/containers/create", "web"},
		{request.Call{Method: "POST", Target: "/v1.41/containers/web/exec", Headers: json, Body: []byte(`{"Cmd":1`)}, "ContainerExec", "/containers/web/exec", "web"},
		{request.Call{Method: "POST", Target: "/v1.41/volumes/create", Headers: json, Body: []byte(`[]`)}, "VolumeCreate", "/volumes/create", ""},
		{request.Call{Method: "GET", Target: "/v1.41//info"}, "", "", ""},
		{request.Call{}, "", "", ""},
	} {
		rec := recorded(t, tt.call)
		if rec.Verdict != "undecided" || rec.Operation != tt.operation || rec.Path != tt.path || rec.Object != tt.object {
			t.Errorf("%s: %+v", tt.call.Target, rec)
		}
	}
}
