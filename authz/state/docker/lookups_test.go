package docker_test

import (
	"context"
	"net"
	"net/http"
	"path/filepath"
	"reflect"
	"slices"
	"sync"
	"testing"

	"caisson/authz/request"
	"caisson/authz/state"
	"caisson/authz/state/docker"
)

// TestLookUps makes sure that every operation that a look-up performs is known as one: policies have to allow it, and it must be
// decided without a look-up.
func TestLookUps(t *testing.T) {
	var mu sync.Mutex
	seen := map[request.Operation]bool{}
	socket := filepath.Join(t.TempDir(), "s")
	listener, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		parsed, err := request.Parse(request.Call{Method: r.Method, Target: r.RequestURI})
		mu.Lock()
		defer mu.Unlock()
		if err != nil || parsed.Operation == "" {
			t.Errorf("%s %s: %v", r.Method, r.RequestURI, err)
			return
		}
		seen[parsed.Operation] = true
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("Api-Version", "1.41")
		if parsed.Operation == "ContainerList" {
			_, _ = w.Write([]byte("[]"))
		} else {
			_, _ = w.Write([]byte("{}"))
		}
	})}
	go func() { _ = server.Serve(listener) }()
	defer server.Close()

	e, err := docker.New("unix://" + socket)
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	view := reflect.TypeFor[state.View]()
	for m := range view.Methods() {
		method := reflect.ValueOf(e).MethodByName(m.Name)
		args := []reflect.Value{reflect.ValueOf(context.Background())}
		for j := 1; j < method.Type().NumIn(); j++ {
			arg := reflect.New(method.Type().In(j)).Elem()
			if arg.Kind() == reflect.String {
				arg.SetString("cafe")
			}
			args = append(args, arg)
		}
		method.Call(args) // most of the answers are of no use; what counts is what is asked
	}

	for op := range seen {
		if !slices.Contains(state.LookUps, op) {
			t.Errorf("%s is not in state.LookUps", op)
		}
	}
	if len(seen) < 5 {
		t.Errorf("only %v were asked", seen)
	}
}
