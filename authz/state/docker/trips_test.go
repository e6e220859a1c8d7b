package docker_test

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/zap"

	"caisson/authz"
	"caisson/authz/request"
	"caisson/authz/rules"
	"caisson/authz/state/docker"
	"caisson/config"
)

// engine answers look-ups as a Docker Engine does that has one container and one exec in it, and counts them.
func engine(tb testing.TB) (*docker.Engine, *atomic.Int64) {
	tb.Helper()
	var trips atomic.Int64
	socket := filepath.Join(tb.TempDir(), "s")
	listener, err := (&net.ListenConfig{}).Listen(tb.Context(), "unix", socket)
	if err != nil {
		tb.Fatal(err)
	}
	id := strings.Repeat("ab", 32)
	server := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		trips.Add(1)
		w.Header().Set("Api-Version", "1.41")
		switch {
		case strings.Contains(r.URL.Path, "/containers/"):
			_, _ = fmt.Fprintf(w, `{"Id":%q,"Name":"/web","Config":{"Image":"x"},"HostConfig":{},"NetworkSettings":{}}`, id)
		case strings.Contains(r.URL.Path, "/exec/"):
			_, _ = fmt.Fprintf(w, `{"ID":"e","ContainerID":%q,"ProcessConfig":{}}`, id)
		default:
			_, _ = w.Write([]byte(`{"DefaultRuntime":"runc"}`))
		}
	})}
	go func() { _ = server.Serve(listener) }()
	tb.Cleanup(func() { _ = server.Close() })
	e, err := docker.New("unix://" + socket)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _ = e.Close() })
	return e, &trips
}

// ordinary are the requests of docker run and docker exec, with the look-ups that each may cost.
var ordinary = []struct {
	name  string
	call  request.Call
	trips int64
}{
	{"create", request.Call{Method: "POST", Target: "/v1.41/containers/create", Body: []byte(`{"Image":"x"}`)}, 0},
	{"start", request.Call{Method: "POST", Target: "/v1.41/containers/web/start"}, 1},
	{"exec create", request.Call{Method: "POST", Target: "/v1.41/containers/web/exec", Body: []byte(`{"Cmd":["id"]}`)}, 1},
	{"exec start", request.Call{Method: "POST", Target: "/v1.41/exec/e/start", Body: []byte(`{}`)}, 1},
	{"list", request.Call{Method: "GET", Target: "/v1.41/containers/json"}, 0},
}

func gate(e *docker.Engine) *authz.Authorizer {
	p := config.Default(rules.Baseline)
	return &authz.Authorizer{Policy: func() *authz.Policy { return p }, State: e, Log: zap.NewNop()}
}

// TestRoundTrips holds ordinary requests to one look-up at most, once the daemon's defaults are known.
func TestRoundTrips(t *testing.T) {
	e, trips := engine(t)
	a := gate(e)
	a.Authorize(context.Background(), ordinary[1].call) // learns the API version and the defaults
	for _, o := range ordinary {
		trips.Store(0)
		if d := a.Authorize(context.Background(), o.call); !d.Passes() {
			t.Errorf("%s: %s", o.name, d.Message())
		}
		if n := trips.Load(); n != o.trips {
			t.Errorf("%s: %d look-ups, want %d", o.name, n, o.trips)
		}
	}
}

// TestObserve tells of look-ups that were made, and not of those that were remembered.
func TestObserve(t *testing.T) {
	e, _ := engine(t)
	var mu sync.Mutex
	var seen []string
	e.Observe = func(kind docker.Kind, took time.Duration, err error) {
		mu.Lock()
		defer mu.Unlock()
		if took <= 0 {
			t.Errorf("%s took %s", kind, took)
		}
		seen = append(seen, fmt.Sprintf("%s %t", kind, err == nil))
	}
	a := gate(e)
	for range 2 {
		for _, o := range ordinary {
			a.Authorize(context.Background(), o.call)
		}
	}
	if _, err := e.Defaults(t.Context()); err != nil {
		t.Error(err)
	}
	want := strings.Repeat("container true, container true, exec true, ", 2)
	if got := strings.Join(seen, ", ") + ", "; got != want {
		t.Errorf("saw %s, want %s", got, want)
	}
	dead, err := docker.New("unix:///none.sock")
	if err != nil {
		t.Fatal(err)
	}
	dead.Observe, seen = e.Observe, nil
	if _, err := dead.Volume(t.Context(), "v"); err == nil || len(seen) != 1 || seen[0] != "volume false" {
		t.Errorf("%v, saw %q", err, seen)
	}
}

// BenchmarkRoundTrips shows what look-ups add to a decision, with an Engine that answers at once.
func BenchmarkRoundTrips(b *testing.B) {
	for _, o := range ordinary {
		b.Run(o.name, func(b *testing.B) {
			e, trips := engine(b)
			a := gate(e)
			a.Authorize(context.Background(), ordinary[1].call)
			trips.Store(0)
			n := 0
			for b.Loop() {
				a.Authorize(context.Background(), o.call)
				n++
			}
			b.ReportMetric(float64(trips.Load())/float64(n), "lookups/op")
		})
	}
}
