package test

import (
	"net/http"
	"testing"
	"time"

	"caisson/test/engine"
)

// TestFrozen stops Caisson's process as a debugger would. dockerd waits, and nothing passes meanwhile; when Caisson goes on, so do the requests
// that waited, each as it should be.
func TestFrozen(t *testing.T) {
	onEach(t, func(t *testing.T, version engine.Version) {
		e := guarded(t, version, policy)
		load := startTraffic(e)
		time.Sleep(time.Second)
		if err := e.Caisson.Freeze(); err != nil {
			t.Fatal(err)
		}
		before := settled(t, e)
		waiting := make(chan *engine.Response)
		for _, body := range []any{permitted, privileged} {
			go func() {
				answer, err := e.Call("POST", "/v1.41/containers/create", body)
				if err != nil {
					t.Error(err)
				}
				waiting <- answer
			}()
		}
		time.Sleep(3 * time.Second)
		if after := len(containers(t, e)); after != before {
			t.Errorf("%d containers were created without Caisson", after-before)
		}
		select {
		case answer := <-waiting:
			t.Fatalf("answered without Caisson: %+v", answer)
		default:
		}
		if err := e.Caisson.Thaw(); err != nil {
			t.Fatal(err)
		}
		answers := make(map[int]int)
		for range 2 {
			if answer := <-waiting; answer != nil {
				answers[answer.Status]++
			}
		}
		if answers[http.StatusCreated] != 1 || answers[http.StatusForbidden] != 1 {
			t.Errorf("those that waited are answered %v", answers)
		}
		load.undisturbed(t)
	})
}

// settled waits until no more containers appear, and counts them: what Caisson had answered before gets done, which on a busy machine takes a
// while. If they do not stop to appear, it gives up.
func settled(t *testing.T, e *engine.Engine) int {
	t.Helper()
	const step, enough = 100 * time.Millisecond, 20
	n := len(containers(t, e))
	for end, quiet := time.Now().Add(30*time.Second), 0; quiet < enough && time.Now().Before(end); quiet++ {
		time.Sleep(step)
		if now := len(containers(t, e)); now != n {
			n, quiet = now, 0
		}
	}
	return n
}

// TestSlow gives Caisson a few moments of each second, as a machine that is out of memory or processors does. Requests take their time, and
// none is lost.
func TestSlow(t *testing.T) {
	onEach(t, func(t *testing.T, version engine.Version) {
		e := guarded(t, version, policy)
		load := startTraffic(e)
		for range 10 {
			if err := e.Caisson.Freeze(); err != nil {
				t.Fatal(err)
			}
			time.Sleep(300 * time.Millisecond)
			if err := e.Caisson.Thaw(); err != nil {
				t.Fatal(err)
			}
			time.Sleep(50 * time.Millisecond)
		}
		load.undisturbed(t)
	})
}

// TestFrozenAndKilled ends Caisson while it stands still and requests wait, as a watchdog does. dockerd sends them again without what was in
// them, so they are refused; whoever repeats them is answered by the next Caisson.
func TestFrozenAndKilled(t *testing.T) {
	onEach(t, func(t *testing.T, version engine.Version) {
		e := guarded(t, version, policy)
		load := startTraffic(e)
		for range 3 {
			time.Sleep(500 * time.Millisecond)
			if err := e.Caisson.Freeze(); err != nil {
				t.Fatal(err)
			}
			time.Sleep(500 * time.Millisecond)
			if err := e.Caisson.Kill9(); err != nil {
				t.Fatal(err)
			}
			if err := e.Caisson.Start(); err != nil {
				t.Fatal(err)
			}
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
