package test

import (
	"io"
	"net/http"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"caisson/test/engine"
)

// TestKilled ends Caisson as a crash would, again and again, while clients send requests.
func TestKilled(t *testing.T) {
	onEach(t, func(t *testing.T, version engine.Version) {
		e := guarded(t, version, policy)
		load := startTraffic(e)
		for range 6 {
			time.Sleep(time.Second)
			if err := e.Caisson.Kill9(); err != nil {
				t.Error(err)
			}
			time.Sleep(500 * time.Millisecond)
			if err := e.Caisson.Start(); err != nil {
				t.Error(err)
			}
			// Not the first request, perhaps: the engine may still have a connection to the one that is gone.
			if !engine.Eventually(func() bool {
				answer, err := e.Call("POST", "/v1.41/containers/create", permitted)
				return err == nil && answer.Status == http.StatusCreated
			}) {
				t.Error("nothing is permitted after a restart")
			}
		}
		load.end(t)
	})
}

// TestStopped restarts Caisson as an upgrade would. Requests in flight are finished, and the engine tries again while there is no
// socket, so that no request is lost.
func TestStopped(t *testing.T) {
	onEach(t, func(t *testing.T, version engine.Version) {
		e := guarded(t, version, policy)
		load := startTraffic(e)
		for range 4 {
			time.Sleep(time.Second)
			if err := e.Caisson.Stop(); err != nil {
				t.Error(err)
			}
			if _, err := os.Lstat(e.Caisson.Socket); !os.IsNotExist(err) {
				t.Errorf("the socket is left: %v", err)
			}
			if err := e.Caisson.Start(); err != nil {
				t.Error(err)
			}
		}
		load.undisturbed(t)
	})
}

// breaker stands between the engine and Caisson and cuts connections after the request was written.
type breaker struct {
	caisson http.Client
	cut     atomic.Bool
	cuts    atomic.Int64
	empty   atomic.Int64 // requests without a body: what the engine makes of a cut one
}

func newBreaker(socket string) *breaker {
	return &breaker{caisson: http.Client{Transport: &http.Transport{DialContext: dialer(socket)}}}
}

func (b *breaker) ServeHTTP(w http.ResponseWriter, request *http.Request) {
	body, err := io.ReadAll(request.Body)
	decision := request.URL.Path == "/AuthZPlugin.AuthZReq"
	if decision && len(body) == 0 {
		b.empty.Add(1)
	}
	cut := decision && len(body) > 0 && b.cut.Load()
	// Every other time Caisson has decided already, and only its answer is lost.
	if cut && b.cuts.Add(1)%2 == 0 || err != nil {
		panic(http.ErrAbortHandler)
	}
	answer, err := b.caisson.Post("http://caisson"+request.URL.Path, "", strings.NewReader(string(body)))
	if cut || err != nil {
		panic(http.ErrAbortHandler)
	}
	defer answer.Body.Close()
	w.WriteHeader(answer.StatusCode)
	_, _ = io.Copy(w, answer.Body)
}

// TestCutConnections has the engine repeat its calls, which it does with an empty body: a plugin that takes that for a request without
// a body lets through everything.
func TestCutConnections(t *testing.T) {
	onEach(t, func(t *testing.T, version engine.Version) {
		proxy := newBreaker(standalone(t, policy).socket)
		e := engine.Start(t, engine.Options{Version: version, Plugin: proxy})
		load := startTraffic(e)
		time.Sleep(time.Second)
		proxy.cut.Store(true)
		time.Sleep(3 * time.Second)
		proxy.cut.Store(false)
		time.Sleep(time.Second)
		load.end(t)
		if proxy.cuts.Load() == 0 || proxy.empty.Load() == 0 {
			t.Errorf("%d cuts led to %d empty requests", proxy.cuts.Load(), proxy.empty.Load())
		}
	})
}
