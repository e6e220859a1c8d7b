package test

import (
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"caisson/test/engine"
)

// swaps is how often a race is tried.
const swaps = 1000

// TestNameSwaps tries to make Caisson look at one container and the Engine start another: a harmless container bears the beginning of a
// forbidden one's ID as its name, and is renamed away and back as fast as the Engine can while it is started by that name. Not one
// forbidden container may run.
func TestNameSwaps(t *testing.T) {
	if testing.Short() {
		t.Skip("takes half a minute")
	}
	t.Parallel()
	for _, version := range engine.Versions {
		t.Run(string(version), func(t *testing.T) {
			t.Parallel()
			const policy = "version = 1\nprofile = \"baseline\"\n"
			e := engine.Start(t, engine.Options{Version: version, Caisson: &engine.CaissonOptions{Policy: policy + "mode = \"audit\"\n"}})
			must(t, e, "create", "--name", "forbidden", "--pid", "host", engine.Image, "sleep", "600")
			id := containers(t, e)[0].ID
			prefix := id[:5]
			if err := e.Caisson.WritePolicy(policy); err != nil {
				t.Fatal(err)
			}
			enforced(t, e)
			r := e.Docker("create", "--name", prefix, engine.Image, "true")
			harmless := strings.TrimSpace(r.Stdout)
			if r.Code != 0 {
				t.Fatal(r.Stderr)
			}

			var stop atomic.Bool
			var renames int
			var wg sync.WaitGroup
			wg.Go(func() {
				for !stop.Load() {
					for _, name := range []string{"aside", prefix} {
						if r, err := e.Call("POST", "/v1.41/containers/"+harmless+"/rename?name="+name, nil); err == nil && r.Status == 204 {
							renames++
						}
					}
				}
			})
			answers := map[int]int{}
			for range swaps {
				r, err := e.Call("POST", "/v1.41/containers/"+prefix+"/start", nil)
				if err != nil {
					t.Fatal(err)
				}
				answers[r.Status]++
			}
			stop.Store(true)
			wg.Wait()
			t.Logf("%d starts, answers by status %v, %d renames", swaps, answers, renames)
			if renames < swaps/20 {
				t.Errorf("only %d renames: there was no race", renames)
			}
			for _, c := range containers(t, e) {
				if c.Running && strings.HasPrefix(c.ID, prefix) {
					t.Errorf("the forbidden container %s runs", c.Name)
				}
			}
		})
	}
}
