package authz_test

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"go.uber.org/zap"

	"caisson/authz"
	"caisson/authz/request"
	"caisson/authz/rules"
	"caisson/config"
)

// tree makes directories and symbolic links (name to target) in a new folder whose own path has no links.
func tree(t *testing.T, dirs []string, links map[string]string) string {
	t.Helper()
	root, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range dirs {
		if err := os.MkdirAll(filepath.Join(root, d), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for name, target := range links {
		if err := os.Symlink(strings.ReplaceAll(target, "ROOT", root), filepath.Join(root, name)); err != nil {
			t.Fatal(err)
		}
	}
	return root
}

func TestFollow(t *testing.T) {
	root := tree(t, []string{"a/b", "out/x"}, map[string]string{
		"link": "a", "a/up": "..", "a/out": "ROOT/out", "a/b/deep": "../out/x", "gone": "nowhere", "loop": "loop",
	})
	host := authz.NewHost()
	for _, tt := range []struct{ path, resolved, link, err string }{
		{"a/b", "a/b", "", ""},
		{"link", "a", "link", ""},
		{"link/b", "a/b", "link", ""},
		{"link/out/x", "out/x", "link/out", ""},
		{"a/b/deep", "out/x", "a/b/deep", ""},
		{"a/up/out", "out", "a/up", ""},
		{"a/new/dir", "a/new/dir", "", ""},
		{"link/new/dir", "a/new/dir", "link", ""},
		{"gone", "", "", "it is a link to something that is not there"},
		{"gone/x", "", "", "it is a link to something that is not there"},
		{"loop/x", "", "", "too many links"},
	} {
		resolved, link, err := host.Follow(context.Background(), filepath.Join(root, tt.path))
		if tt.err != "" {
			if err == nil || !strings.Contains(err.Error(), tt.err) {
				t.Errorf("%s: got %v, want %s", tt.path, err, tt.err)
			}
			continue
		}
		if tt.link != "" {
			tt.link = filepath.Join(root, tt.link)
		}
		if err != nil || resolved != filepath.Join(root, tt.resolved) || link != tt.link {
			t.Errorf("%s: leads to %s by %s, %v; want %s by %s", tt.path, resolved, link, err, tt.resolved, tt.link)
		}
	}
	if resolved, link, err := host.Follow(context.Background(), "/"); resolved != "/" || link != "" || err != nil {
		t.Errorf("the root leads to %s by %s, %v", resolved, link, err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, _, err := host.Follow(ctx, "/"); err != nil && !errors.Is(err, context.Canceled) {
		t.Errorf("a look that is given up: %v", err)
	}
}

// TestLinks makes sure that mounts are judged by where they lead, at every door that mounts come through.
func TestLinks(t *testing.T) {
	root := tree(t, []string{"data/inside", "secret", "own", "elsewhere"}, map[string]string{
		"data/out": "ROOT/secret", "data/in": "inside", "data/own": "ROOT/own", "data/run": "/run", "moved": "elsewhere", "gone": "nowhere",
	})
	policy, err := config.Parse("policy.toml", []byte(`
version = 1
profile = "none"
[rules.bind-mounts]
allow = [{ path = "`+root+`/data/**" }, { path = "`+root+`/moved" }, { path = "`+root+`/secret", read_only = true }, { path = "`+root+`/gone" }]
`), caseTime)
	if err != nil {
		t.Fatal(err)
	}
	policy.Protect([]string{root + "/own"}, nil)
	a := &authz.Authorizer{Policy: func() *authz.Policy { return policy }, Files: authz.NewHost(), Log: zap.NewNop()}
	bind := func(path, options string) string {
		body, err := json.Marshal(map[string]any{"Image": "x", "HostConfig": map[string]any{"Binds": []string{root + path + ":/d" + options}}})
		if err != nil {
			t.Fatal(err)
		}
		return string(body)
	}
	for _, tt := range []struct{ target, body, want string }{
		{"/containers/create", bind("/data", ""), ""},
		{"/containers/create", bind("/data/inside", ""), ""},
		{"/containers/create", bind("/data/in", ""), ""},
		{"/containers/create", bind("/data/new", ""), ""},
		{"/containers/create", bind("/moved", ""), ""}, // the operator's own link
		{"/containers/create", bind("/data/out", ":ro"), ""},
		{"/containers/create", bind("/data/out", ""), `/data/out", which leads to "` + root + `/secret" outside the allowed paths`},
		{"/containers/create", bind("/data/run", ""), `which leads to "/run", which is protected`},
		{"/containers/create", bind("/data/run", ""), `"/run", which holds /run/caisson`},
		{"/containers/create", bind("/data/own", ""), `/own", which is Caisson's or the Engine's own`},
		{"/containers/create", bind("/data/out/../own", ""), `/data/own", which leads to`},
		{"/containers/create", bind("/gone", ""), `gone", and it cannot be told where that leads: it is a link to something that is not there`},
		{"/volumes/create", `{"Name":"v","DriverOpts":{"type":"none","o":"bind","device":"` + root + `/data/own"}}`, "[self-protection]"},
		{"/services/create", `{"Name":"s","TaskTemplate":{"ContainerSpec":{"Image":"x","Mounts":[{"Source":"` + root + `/data/own","Target":"/d"}]}}}`, "[self-protection]"},
	} {
		d := do(a, "POST", tt.target, tt.body)
		if got := d.Message(); tt.want == "" && got != "" || !strings.Contains(got, tt.want) {
			t.Errorf("%s %s:\ngot  %s\nwant %s", tt.target, tt.body, got, tt.want)
		}
	}
	// Without sight of the host, paths are judged as they are written.
	a.Files = nil
	if d := do(a, "POST", "/containers/create", bind("/data/out", "")); !d.Passes() {
		t.Errorf("without the host's files: %s", d.Message())
	}
}

// TestProtectedPaths covers what a policy is told about the running process.
func TestProtectedPaths(t *testing.T) {
	policy := config.Default("none")
	policy.Protect([]string{"/srv/caisson/policy", "/opt/bin/caisson"}, []string{"/srv/sockets"})
	a := &authz.Authorizer{Policy: func() *authz.Policy { return policy }, Log: zap.NewNop()}
	for bind, refused := range map[string]bool{
		"/srv/caisson/policy:/d": true, "/srv/caisson:/d": true, "/srv:/d": true, "/srv/caisson/policy/x:/d": true, "/srv/caisson/policy:/d:ro": false,
		"/opt/bin:/d": true, "/opt/bin/other:/d": false, "/opt/bin:/d:ro": false,
		"/srv/sockets:/d:ro": true, "/srv/sockets/x.sock:/d": true, "/srv:/d:ro": true, "/srv/other:/d": false, "/srv/socketsX:/d": false,
	} {
		if d := do(a, "POST", "/containers/create", `{"Image":"x","HostConfig":{"Binds":["`+bind+`"]}}`); d.Passes() == refused {
			t.Errorf("%s: refused %v: %s", bind, !refused, d.Message())
		}
	}
}

// TestPermanentRule makes sure that a permanent rule stays in force even under a policy that says otherwise.
func TestPermanentRule(t *testing.T) {
	for _, mode := range []authz.Mode{authz.Audit, authz.Off} {
		p := policyOf(mode, &always{})
		p.Rules[0].Spec.Permanent = true
		p.Exceptions = []authz.Exception{{Name: "e", Rules: []rules.ID{"always"}, User: "ann", Expires: caseTime}}
		call := request.Call{Method: "GET", Target: "/_ping", User: "ann", AuthMethod: "TLS"}
		a := authorizer(p)
		if d := a.Authorize(context.Background(), call); d.Passes() {
			t.Errorf("%s: passes", mode)
		}
		if a.AuditOnly = true; !a.Authorize(context.Background(), call).Passes() {
			t.Errorf("%s: refused though nothing is to be", mode)
		}
	}
}
