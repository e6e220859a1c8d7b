package metrics

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"go.uber.org/zap"

	"caisson/authz"
	"caisson/authz/audit"
	"caisson/authz/rules"
	"caisson/config"
)

func TestParseAddress(t *testing.T) {
	for text, want := range map[string]string{
		"127.0.0.1:9323":                    "127.0.0.1:9323",
		"127.9.9.9:1":                       "127.9.9.9:1",
		"[::1]:9323":                        "[::1]:9323",
		"localhost:9323":                    "127.0.0.1:9323",
		"unix:///run/caisson/metrics.sock":  "/run/caisson/metrics.sock",
		"unix:///run/caisson/../metrics.so": "/run/metrics.so",
	} {
		if a, err := ParseAddress(text); err != nil || a.String() != want {
			t.Errorf("%s: %v, %v", text, a, err)
		}
	}
	for text, want := range map[string]string{
		"0.0.0.0:9323":                        "can be reached from elsewhere, and metrics have no password; write 127.0.0.1:9323, [::1]:9323 or unix:///",
		":9323":                               "can be reached from elsewhere",
		"[::]:9323":                           "can be reached from elsewhere",
		"192.168.0.1:9323":                    "can be reached from elsewhere",
		"example.com:9323":                    "can be reached from elsewhere",
		"localhost.example:1":                 "can be reached from elsewhere",
		"9323":                                "is not an address; write 127.0.0.1:9323 or unix:///run/caisson/metrics.sock",
		"http://127.0.0.1:9323":               "is not an address",
		"unix://metrics.sock":                 "is not unix:// and an absolute path",
		"unix:///" + strings.Repeat("x", 120): "longer than 107 bytes",
	} {
		if a, err := ParseAddress(text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, %v; want %s", text, a, err, want)
		}
	}
}

// serve serves pages at an address and returns a client that asks there.
func serve(t *testing.T, address string, pages map[string]http.Handler) (ask func(method, path string) (int, string)) {
	t.Helper()
	a, err := ParseAddress(address)
	if err != nil {
		t.Fatal(err)
	}
	l, err := a.Listen(zap.NewNop())
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error)
	go func() { done <- Serve(ctx, l, pages, zap.NewNop()) }()
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true, DialContext: func(context.Context, string, string) (net.Conn, error) {
		return net.Dial(l.Addr().Network(), l.Addr().String())
	}}}
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	return func(method, path string) (int, string) {
		t.Helper()
		r, err := http.NewRequest(method, "http://metrics"+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		answer, err := client.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		defer answer.Body.Close()
		text, err := io.ReadAll(answer.Body)
		if err != nil {
			t.Fatal(err)
		}
		return answer.StatusCode, string(text)
	}
}

func TestServe(t *testing.T) {
	dir, err := os.MkdirTemp("/tmp", "caisson-") //nolint:usetesting // too long
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	socket := filepath.Join(dir, "m.sock")
	for _, address := range []string{"127.0.0.1:0", "unix://" + socket} {
		ask := serve(t, address, map[string]http.Handler{"/metrics": full().Handler()})
		if status, text := ask("GET", "/metrics"); status != 200 || !strings.Contains(text, "# TYPE caisson_decisions_total counter") || !strings.Contains(text, "\ngo_goroutines ") || !strings.Contains(text, "\nprocess_open_fds ") {
			t.Errorf("%s: %d %s", address, status, text)
		}
		if status, _ := ask("POST", "/metrics"); status != http.StatusMethodNotAllowed {
			t.Errorf("POST: %d", status)
		}
		if status, _ := ask("GET", "/debug/pprof/"); status != http.StatusNotFound {
			t.Errorf("another page: %d", status)
		}
	}
	if info, err := os.Stat(socket); err != nil || info.Mode() != os.ModeSocket|0o600 {
		t.Errorf("%v, %v", info, err)
	}
}

// TestHealth takes each check through good and bad.
func TestHealth(t *testing.T) {
	policy := config.Default(rules.Baseline)
	var stats config.Stats
	status := []audit.Status{{Sink: "-", Local: true}, {Sink: "syslog:/dev/log", Err: errors.New("away")}} // remote ones do not count
	current := func() *authz.Policy { return policy }
	ready := Health(
		Loaded(current, func() config.Stats { return stats }),
		Recorded(func() []audit.Status { return status }),
		Decides(&authz.Authorizer{Policy: current, Log: zap.NewNop()}),
	)
	ask := func() (int, string) {
		w := httptest.NewRecorder()
		ready.ServeHTTP(w, httptest.NewRequest("GET", "/readyz", nil))
		return w.Code, w.Body.String()
	}
	const good = `{"status":"ok","checks":[{"name":"policy","ok":true},{"name":"audit","ok":true},{"name":"decision","ok":true}]}`
	if code, text := ask(); code != 200 || strings.TrimSpace(text) != good {
		t.Errorf("%d %s", code, text)
	}
	for _, c := range []struct {
		change, back func()
		want         string
	}{
		{
			func() { stats.Failed = true }, func() { stats.Failed = false },
			`{"name":"policy","ok":false,"problem":"the policy file cannot be used, and an earlier policy is in force; Caisson's log says why"}`,
		},
		{
			func() { status[0].Err = errors.New("no space left on device") }, func() { status[0].Err = nil },
			`{"name":"audit","ok":false,"problem":"- takes no records since 0001-01-01T00:00:00Z: no space left on device"}`,
		},
		{
			func() { policy = nil }, func() { policy = config.Default(rules.Baseline) },
			`{"name":"decision","ok":false,"problem":"no policy is loaded; fix: look for errors in Caisson's log"}`,
		},
	} {
		c.change()
		if code, text := ask(); code != http.StatusServiceUnavailable || !strings.HasPrefix(text, `{"status":"failing"`) || !strings.Contains(text, c.want) {
			t.Errorf("%d %s, want %s", code, text, c.want)
		}
		c.back()
		if code, text := ask(); code != 200 {
			t.Errorf("%d %s", code, text)
		}
	}
}

// TestHangingCheck answers although a check does not.
func TestHangingCheck(t *testing.T) {
	release := make(chan struct{})
	defer close(release)
	h := Health(Check{"hangs", func(context.Context) error { <-release; return nil }})
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest("GET", "/", nil))
	if w.Code != http.StatusServiceUnavailable || !strings.Contains(w.Body.String(), "no answer in time") {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}
