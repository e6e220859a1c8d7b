package host

import (
	"errors"
	"io"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.uber.org/zap"

	"caisson/authz"
	"caisson/config"
	"caisson/plugin"
)

// serve answers on a socket until the test ends.
func serve(t *testing.T, h http.Handler) string {
	t.Helper()
	socket := filepath.Join(t.TempDir(), "s")
	l, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{Handler: h}
	done := make(chan struct{})
	go func() { defer close(done); _ = server.Serve(l) }()
	t.Cleanup(func() { _ = server.Close(); <-done })
	return socket
}

// caisson is a real one, under a policy.
func caisson(t *testing.T, policy string) http.Handler {
	t.Helper()
	p, err := config.Parse("policy.toml", []byte(policy), time.Now())
	if err != nil {
		t.Fatal(err)
	}
	return plugin.NewHandler(&authz.Authorizer{Policy: func() *authz.Policy { return p }, Log: zap.NewNop()}, zap.NewNop())
}

func TestCheckPlugin(t *testing.T) {
	for _, mode := range []string{"enforce", "audit"} {
		p := &Plugin{Socket: serve(t, caisson(t, "version = 1\nprofile = \"baseline\"\nmode = \""+mode+"\"\n"))}
		if err := p.Check(t.Context()); err != nil {
			t.Errorf("%s: %v", mode, err)
		}
		if r, err := p.Ask(t.Context(), Sample()); err != nil || r.Allowed != (mode == "audit") {
			t.Errorf("%s: the sample: %+v, %v", mode, r, err)
		}
	}
	answer := func(activate, request string, status int) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/Plugin.Activate" {
				_, _ = io.WriteString(w, activate)
				return
			}
			w.WriteHeader(status)
			_, _ = io.WriteString(w, request)
		})
	}
	for want, h := range map[string]http.Handler{
		"no authorization plugin": answer(`{"Implements":["VolumeDriver"]}`, "", 200),
		"not Caisson":             answer(`{"Implements":["authz"]}`, `{"Allow":true}`, 200),
		"every docker command":    answer(`{"Implements":["authz"]}`, `{"Allow":false,"Msg":"no"}`, 200),
		"not that of a plugin":    answer(`{"Implements":["authz"]}`, `nonsense`, 500),
	} {
		if err := (&Plugin{Socket: serve(t, h)}).Check(t.Context()); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q", err, want)
		}
	}
	hangs := make(chan struct{})
	slow := &Plugin{Socket: serve(t, http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-hangs })), Timeout: 50 * time.Millisecond}
	if err := slow.Check(t.Context()); !errors.Is(err, ErrSilent) {
		t.Errorf("hangs: %v", err)
	}
	close(hangs)
	if err := (&Plugin{Socket: "/no/such.sock"}).Check(t.Context()); err == nil {
		t.Error("a plugin that is not there passes")
	}
}

// The mark is a message that Caisson refuses whatever its mode, in the way that dockerd encodes it.
func TestMarkIsTooLarge(t *testing.T) {
	handler := caisson(t, "version = 1\nprofile = \"none\"\nmode = \"audit\"\n")
	asked := &Plugin{Socket: serve(t, handler)}
	m := mark()
	call := Sample()
	call.RequestMethod, call.RequestURI, call.RequestBody = m.Method, m.Target, m.Body
	call.RequestHeaders = map[string]string{"X-Caisson": m.Header.Get("X-Caisson")}
	if r, err := asked.Ask(t.Context(), call); err != nil || r.Allowed {
		t.Errorf("%+v, %v", r, err)
	}
	call.RequestBody = nil
	if r, err := asked.Ask(t.Context(), call); err != nil || !r.Allowed {
		t.Errorf("it is not the size that is refused: %+v, %v", r, err)
	}
}

func TestMark(t *testing.T) {
	for _, c := range []struct {
		status  int
		message string
		want    Guard
	}{
		{200, "", Unguarded},
		{500, "plugin caisson failed with error: AuthZPlugin.AuthZReq: too large", Guarded},
		{500, "plugin caisson:latest failed with error: AuthZPlugin.AuthZReq: too large", Guarded},
		{403, "authorization denied by plugin other: no", Unknown},
		{500, "something else", Unknown},
		{403, "authorization denied by plugin caissons: no", Unknown},
	} {
		e := &Engine{Socket: serve(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(c.status)
			_, _ = io.WriteString(w, `{"message":"`+c.message+`"}`)
		}))}
		if got, seen, err := e.Mark(t.Context(), "caisson"); got != c.want || seen == "" || err != nil {
			t.Errorf("%d %s: %v, %q, %v", c.status, c.message, got, seen, err)
		}
	}
	if _, _, err := (&Engine{Socket: "/no/such.sock"}).Mark(t.Context(), "caisson"); !errors.Is(err, ErrNoEngine) {
		t.Errorf("nobody there: %v", err)
	}
	hangs := make(chan struct{})
	e := &Engine{Socket: serve(t, http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-hangs })), Timeout: 50 * time.Millisecond}
	if _, _, err := e.Mark(t.Context(), "caisson"); !errors.Is(err, ErrSilent) {
		t.Errorf("hangs: %v", err)
	}
	close(hangs)
}

// Attacks go out as they are written, and say what they are.
func TestAttacks(t *testing.T) {
	type sent struct {
		target string
		length int64
		body   string
	}
	got := make(map[string]sent)
	var name string
	e := &Engine{Socket: serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		got[name] = sent{r.RequestURI, r.ContentLength, strings.TrimSpace(string(body))}
		w.WriteHeader(http.StatusNotFound)
	}))}
	first := Attacks()
	for _, a := range first {
		name = a.Name
		if o, err := e.Attack(t.Context(), a); err != nil || o.Refused || o.Status != 404 {
			t.Errorf("%s: %+v, %v", a.Name, o, err)
		}
		if !strings.Contains(got[name].body, `"Privileged":true`) || !strings.Contains(got[name].body, NoImage) {
			t.Errorf("%s: %+v", name, got[name])
		}
	}
	if s := got["the same, its path encoded"]; !strings.Contains(s.target, "%") {
		t.Errorf("the path was decoded: %q", s.target)
	}
	if s := got["the same, its length not stated"]; s.length != -1 {
		t.Errorf("the length was stated: %d", s.length)
	}
	if s := got["the same, in a body of 2 MiB"]; s.length < 2<<20 {
		t.Errorf("%d bytes", s.length)
	}
	if string(first[0].Request.Body) == string(Attacks()[0].Request.Body) {
		t.Error("the image's name can be known before")
	}
}
