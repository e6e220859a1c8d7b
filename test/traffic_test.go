package test

import (
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"caisson/test/engine"
)

// traffic is what clients of an engine keep sending: permitted and forbidden creations, and pings.
type traffic struct {
	e       *engine.Engine
	stop    chan struct{}
	clients sync.WaitGroup

	mu      sync.Mutex
	answers map[string]int // by what was sent and what came back
	errors  []string       // answers that are neither a success nor a refusal by decision
}

const clients = 8

// startTraffic starts clients that send until end.
func startTraffic(e *engine.Engine) *traffic {
	f := &traffic{e: e, stop: make(chan struct{}), answers: make(map[string]int)}
	for client := range clients {
		f.clients.Go(func() {
			for n := 0; ; n++ {
				select {
				case <-f.stop:
					return
				case <-time.After(20 * time.Millisecond): // other tests want to run, too
					f.round(fmt.Sprintf("%d-%d", client, n))
				}
			}
		})
	}
	return f
}

func (f *traffic) round(id string) {
	f.send("permitted", "POST", "/v1.41/containers/create?name=permitted-"+id, permitted)
	f.send("forbidden", "POST", "/v1.41/containers/create?name=forbidden-"+id, privileged)
	f.send("ping", "GET", "/_ping", nil)
}

func (f *traffic) send(what, method, target string, body any) {
	answer, err := f.e.Call(method, target, body)
	f.mu.Lock()
	defer f.mu.Unlock()
	if err != nil {
		f.answers[what+" broke"]++
		f.errors = append(f.errors, err.Error())
		return
	}
	f.answers[fmt.Sprintf("%s %d", what, answer.Status)]++
	if answer.Status >= http.StatusInternalServerError {
		f.errors = append(f.errors, what+": "+answer.Message())
	}
}

// end stops the clients and checks what must hold whatever happened meanwhile: what was created is what was permitted.
func (f *traffic) end(t *testing.T) {
	t.Helper()
	close(f.stop)
	f.clients.Wait()
	t.Log("answers:", f.answers)
	created := 0
	for _, container := range containers(t, f.e) {
		if strings.HasPrefix(container.Name, "forbidden-") {
			t.Errorf("%s was created, with %s", container.Name, container.HostConfig)
		}
		if strings.HasPrefix(container.Name, "permitted-") {
			created++
		}
	}
	if n := f.answers["permitted 201"]; n == 0 || created < n || f.answers["forbidden 403"] == 0 || f.answers["ping 200"] == 0 {
		t.Errorf("%d containers were created", created)
	}
}

// undisturbed also wants that no request was lost.
func (f *traffic) undisturbed(t *testing.T) {
	t.Helper()
	f.end(t)
	if len(f.answers) != 3 {
		t.Errorf("requests were lost: %v, such as %q", f.answers, f.errors[:min(3, len(f.errors))])
	}
}
