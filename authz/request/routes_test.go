package request

import (
	"bufio"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/gorilla/mux"
)

// TestSwaggerIsRouted turns red when the API module gains an operation that the table lacks.
func TestSwaggerIsRouted(t *testing.T) {
	dir, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", "github.com/moby/moby/api").Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	f, err := os.Open(filepath.Join(strings.TrimSpace(string(dir)), "swagger.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var (
		pathLine   = regexp.MustCompile(`^  "?(/[^":]*)"?:`)
		methodLine = regexp.MustCompile(`^    (get|head|post|put|delete|options|patch):`)
		variable   = regexp.MustCompile(`\{[^}]*\}`)
		path       string
		n          int
	)
	for s := bufio.NewScanner(f); s.Scan(); {
		if m := pathLine.FindStringSubmatch(s.Text()); m != nil {
			path = m[1]
		} else if m := methodLine.FindStringSubmatch(s.Text()); m != nil && path != "" {
			n++
			method, concrete := strings.ToUpper(m[1]), variable.ReplaceAllString(path, "x")
			r, _ := match(method, concrete)
			if r == nil {
				t.Errorf("%s %s is in the API specification but not in the route table", method, path)
			}
		}
	}
	if n < 100 {
		t.Fatalf("found only %d operations in swagger.yaml: is it read correctly?", n)
	}
}

func TestTableIsSound(t *testing.T) {
	ops := map[Operation]bool{}
	for _, r := range Routes() {
		if r.Operation == "" || r.Text == "" || r.Method == "" {
			t.Errorf("%+v lacks a name", r)
		}
		if ops[r.Operation] {
			t.Errorf("operation %s stands twice", r.Operation)
		}
		ops[r.Operation] = true
		if strings.Count(r.Template, "{") > 1 && strings.Contains(r.Template, ":") {
			t.Errorf("%s: match.go supports one variable that spans slashes, and nothing beside it", r.Template)
		}
	}
	for op := range decoders {
		if !ops[op] {
			t.Errorf("decoder for %s, which no route has", op)
		}
	}
}

// engineRouter is set up as dockerd sets up its own.
//
// Source: moby daemon/server/server.go, CreateMux.
func engineRouter() *mux.Router {
	m := mux.NewRouter()
	for i := range table {
		r := &table[i]
		m.Path("/v{version:[0-9.]+}" + r.Template).Methods(r.Method).Name("v " + string(r.Operation))
		m.Path(r.Template).Methods(r.Method).Name("b " + string(r.Operation))
	}
	return m
}

// sameAsEngine compares our match of a method and target with the Engine's router.
func sameAsEngine(t *testing.T, router *mux.Router, method, target string) {
	t.Helper()
	u, err := url.ParseRequestURI(target)
	if err != nil {
		return // net/http answers 400
	}
	var (
		want Operation
		vars map[string]string
		rm   mux.RouteMatch
	)
	if router.Match(&http.Request{Method: method, URL: u}, &rm) && rm.MatchErr == nil && rm.Route != nil {
		want, vars = Operation(rm.Route.GetName()[2:]), rm.Vars
	}
	_, rest, _ := splitVersion(u.Path)
	got, gotVars := match(method, rest)
	if got == nil && want == "" {
		return
	}
	if got == nil || got.Operation != want {
		// A version prefix before OPTIONS is part of its variable for the bare template; both are the same operation.
		t.Fatalf("%s %q: we match %v, the Engine matches %q", method, target, got, want)
	}
	for _, v := range gotVars.list {
		name, value := v.name, v.value
		if name != "anyroute" && vars[name] != value {
			t.Fatalf("%s %q: we see %s=%q, the Engine sees %q", method, target, name, value, vars[name])
		}
	}
}

var methods = []string{"GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH", "get", ""}

func FuzzMatch(f *testing.F) {
	for i, r := range table {
		f.Add(uint8(i), "/v1.41"+strings.NewReplacer("{name:.*}", "a/b", "{id:.*}", "a", "{id:.+}", "a", "{", "", "}", "").Replace(r.Template))
	}
	for _, target := range []string{
		"/v1.41%2Fcontainers%2fcreate", "/%76%31.41/containers/create", "/v1.41/%63ontainers/create", "/v01.041/containers/create",
		"/v1.41./containers/create", "/v1..41/containers/create", "/containers/a/start/json", "/containers//json", "/containers/json/json",
		"/v1.41/containers/a%0Ab/start", "/networks/", "/networks//connect", "/exec//start", "/v1.41/v1.41/info", "/v/info", "/v1/info",
		"/containers/x/checkpoints/y", "/containers/x/y/checkpoints/z", "/containers/a%2Fb%3Fc/start", "/volumes/", "/plugins/a/b/json", "/debug/pprof/x",
	} {
		f.Add(uint8(2), target)
		f.Add(uint8(0), target)
		f.Add(uint8(4), target)
	}
	router := engineRouter()
	f.Fuzz(func(t *testing.T, method uint8, target string) {
		sameAsEngine(t, router, methods[int(method)%len(methods)], target)
	})
}

// TestMatchAgreesWithEngine runs every template, with and without version, under every method.
func TestMatchAgreesWithEngine(t *testing.T) {
	router := engineRouter()
	for _, value := range []string{"x", "a/b", "json", "create", "start", "a/json", ""} {
		for _, r := range table {
			path := regexp.MustCompile(`\{[^}]*\}`).ReplaceAllString(r.Template, value)
			for _, method := range methods {
				sameAsEngine(t, router, method, path)
				sameAsEngine(t, router, method, "/v1.41"+path)
			}
		}
	}
}
