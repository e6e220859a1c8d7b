package test

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"caisson/test/engine"
)

// TestEngineRestart restarts dockerd under load, with live-restore and without. While it is gone, Caisson cannot look at its containers,
// so what is asked about them is refused; nothing forbidden passes, and afterwards all is as before.
func TestEngineRestart(t *testing.T) {
	if testing.Short() {
		t.Skip("takes half a minute")
	}
	onEach(t, func(t *testing.T, version engine.Version) {
		for _, live := range []bool{true, false} {
			t.Run(fmt.Sprintf("live-restore=%t", live), func(t *testing.T) {
				t.Parallel()
				e := engine.Start(t, engine.Options{
					Version: version, Restarts: true, Config: map[string]any{"live-restore": live},
					Caisson: &engine.CaissonOptions{Policy: recording},
				})
				must(t, e, "create", "--name", "old", "--privileged", engine.Image, "true")
				must(t, e, "run", "-d", "--name", "plain", "--stop-signal", "KILL", engine.Image, "sleep", "1000")
				setPolicy(t, e.Caisson, refusing)
				process := processOf(t, e, "plain")

				load := startTraffic(e)
				asking := startAsking(e.Caisson.Socket)
				for range 2 {
					time.Sleep(time.Second)
					if err := e.RestartDaemon(); err != nil {
						t.Fatal(err)
					}
				}
				time.Sleep(time.Second)
				asking.end(t)
				load.end(t)

				if now := processOf(t, e, "plain"); (now == process) != live {
					t.Errorf("the container's process was %q and is %q", process, now)
				}
				if !live {
					must(t, e, "start", "plain")
				}
				must(t, e, "exec", "plain", "true")
				if r := e.Docker("start", "old"); r.Code == 0 || !strings.Contains(r.Stderr, "[privileged]") {
					t.Errorf("%+v", r)
				}
				if old, found, err := e.Container("old"); !found || err != nil || old.Started {
					t.Errorf("the forbidden container: %+v, %t, %v", old, found, err)
				}
			})
		}
	})
}

// processOf is the process of a container and when it began; it stays the same for as long as the container runs.
func processOf(t *testing.T, e *engine.Engine, container string) string {
	t.Helper()
	r := e.Docker("inspect", "--format", "{{.State.Pid}} {{.State.StartedAt}}", container)
	if r.Code != 0 {
		t.Fatalf("%+v", r)
	}
	return r.Stdout
}

// asking asks Caisson, past the Engine, about containers of the Engine.
type asking struct {
	stop    chan struct{}
	done    sync.WaitGroup
	answers map[string]int // by what was asked and what was said
	errors  []error
}

// startAsking asks until end.
func startAsking(socket string) *asking {
	a := &asking{stop: make(chan struct{}), answers: make(map[string]int)}
	client := &http.Client{Transport: &http.Transport{DialContext: dialer(socket)}, Timeout: time.Minute}
	a.done.Go(func() {
		defer client.CloseIdleConnections()
		for {
			select {
			case <-a.stop:
				return
			case <-time.After(20 * time.Millisecond):
			}
			for what, target := range map[string]string{"permitted": "/v1.41/containers/plain/exec", "forbidden": "/v1.41/containers/old/exec"} {
				said, err := ask(client, target, `{"Cmd":["true"]}`)
				a.answers[what+" "+said]++
				if err != nil {
					a.errors = append(a.errors, err)
				}
			}
		}
	})
	return a
}

// ask tells what is said to a request with a body: allowed, refused or undecided.
func ask(client *http.Client, target, body string) (string, error) {
	message := fmt.Appendf(nil, `{"RequestMethod":"POST","RequestUri":%q,"RequestHeaders":{"Content-Type":"application/json","Content-Length":"%d"},"RequestBody":%q}`,
		target, len(body), base64.StdEncoding.EncodeToString([]byte(body)))
	answer, err := client.Post("http://caisson/AuthZPlugin.AuthZReq", "", bytes.NewReader(message))
	if err != nil {
		return "lost", err
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	var said struct {
		Allow bool
		Err   string
	}
	if err == nil {
		err = json.Unmarshal(text, &said)
	}
	switch {
	case err != nil:
		return "lost", err
	case answer.StatusCode == http.StatusOK && said.Allow:
		return "allowed", nil
	case said.Err != "":
		return "undecided", nil
	}
	return "refused", nil
}

func (a *asking) end(t *testing.T) {
	t.Helper()
	close(a.stop)
	a.done.Wait()
	t.Log("said by Caisson:", a.answers)
	for _, want := range []string{"permitted allowed", "permitted undecided", "forbidden refused", "forbidden undecided"} {
		if a.answers[want] == 0 {
			t.Errorf("nothing was %s", want)
		}
		delete(a.answers, want)
	}
	if len(a.answers) > 0 {
		t.Errorf("was said as well: %v, %v", a.answers, a.errors)
	}
}
