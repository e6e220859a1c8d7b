package test

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"caisson/test/engine"
)

// flips is how often a tag is raced for.
const flips = 1000

// flipTime is how long at most: CAISSON_FLIP_TIME, or what CI has time for. A slow machine does not come to all flips in that.
func flipTime(t *testing.T) time.Duration {
	t.Helper()
	text := os.Getenv("CAISSON_FLIP_TIME")
	if text == "" {
		return 50 * time.Second
	}
	d, err := time.ParseDuration(text)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// TestImageTrustTagFlip creates and starts containers by a name that is given to a signed and to another image as fast as the Engine can. Not
// one of the other may ever run.
func TestImageTrustTagFlip(t *testing.T) {
	if testing.Short() {
		t.Skip("takes two minutes")
	}
	onEach(t, func(t *testing.T, version engine.Version) {
		newTrust(t, version).flip(t, true, flips, flipTime(t))
	})
}

// TestImageTrustTagFlipLeft has the second gate leave what it refuses, so that the third one meets it.
func TestImageTrustTagFlipLeft(t *testing.T) {
	if testing.Short() {
		t.Skip("takes half a minute")
	}
	onEach(t, func(t *testing.T, version engine.Version) {
		newTrust(t, version).flip(t, false, flips/10, flipTime(t)/2)
	})
}

// answers counts what became of requests.
type answers struct {
	tags, creates, gate1, gate2, gate3, made, absent int
}

// A flipped name stands for the good image and the evil one in turn.
type flipped struct{ name, good, evil string }

// flipped makes the images, of which one is signed.
func (x *trust) flipped(t *testing.T) flipped {
	t.Helper()
	x.pushSigned(t, "team/flip", "good")
	x.push(t, "team/flip", "evil")
	f := flipped{x.name("team/flip", ":1"), x.id(t, x.name("team/flip", ":good")), x.id(t, x.name("team/flip", ":evil"))}
	x.command(t, "tag", f.good, f.name)
	return f
}

// flip races n times for a name. Without remove, what the second gate refuses stays.
func (x *trust) flip(t *testing.T, remove bool, n int, limit time.Duration) {
	t.Helper()
	f := x.flipped(t)
	x.enforce(t, trustPolicy{rules: fmt.Sprintf("remove_unverified = %v", remove)})
	x.runs(t, f.name)
	x.raceFor(t, f, remove, n, limit)
}

func (x *trust) raceFor(t *testing.T, f flipped, remove bool, n int, limit time.Duration) {
	t.Helper()
	var c answers
	var stop atomic.Bool
	var wg sync.WaitGroup
	wg.Go(func() {
		for !stop.Load() {
			for _, id := range []string{f.evil, f.good} {
				if r, err := x.Call("POST", "/v1.41/images/"+id+"/tag?repo="+x.host+"%2Fteam%2Fflip&tag=1", nil); err == nil && r.Status == http.StatusCreated {
					c.tags++
				}
			}
		}
	})
	start := time.Now()
	for c.creates < n && time.Since(start) < limit {
		x.race(t, &c, f.name, f.good)
	}
	stop.Store(true)
	wg.Wait()
	t.Logf("%d creates in %v, %d tags: refused when asked %d, when made %d, when started %d; %d made, %d found no image",
		c.creates, time.Since(start).Round(time.Second), c.tags, c.gate1, c.gate2, c.gate3, c.made, c.absent)
	if c.tags < c.creates/20 || c.gate1 == 0 || c.gate2 == 0 || c.made == 0 || !remove && c.gate3 == 0 {
		t.Error("there was no race")
	}
	x.onlySigned(t, f.good, remove)
}

// race creates one container and starts it, whatever the answer to its creation was. Of those that the engine's own files say to be of the good
// image, which prove nothing, it starts one in ten.
func (x *trust) race(t *testing.T, c *answers, image, good string) {
	t.Helper()
	c.creates++
	container := fmt.Sprintf("flip-%d", c.creates)
	body := map[string]any{"Image": image, "Cmd": []string{"true"}, "HostConfig": map[string]any{"NetworkMode": "none"}}
	made, err := x.Call("POST", "/v1.41/containers/create?name="+container, body)
	if err != nil {
		t.Fatal(err)
	}
	refused := made.Status == http.StatusForbidden && strings.Contains(made.Message(), "[image-signature]")
	switch {
	case made.Status == http.StatusCreated:
		c.made++
		var answer struct{ ID string }
		unmarshal(t, made.Body, &answer)
		if x.imageOf(t, answer.ID) == good && c.made%10 != 1 {
			return
		}
	case refused && strings.Contains(made.Message(), container): // it has a name only once it is made
		c.gate2++
	case refused:
		c.gate1++
	case made.Status == http.StatusNotFound: // containerd's store takes a name away before it gives it anew
		c.absent++
	default:
		t.Errorf("create: %d %s", made.Status, made.Message())
	}
	started, err := x.Call("POST", "/v1.41/containers/"+container+"/start", nil)
	if err != nil {
		t.Fatal(err)
	}
	switch {
	case started.Status == http.StatusForbidden && strings.Contains(started.Message(), "[image-signature]"):
		c.gate3++
	case started.Status == http.StatusNoContent && made.Status == http.StatusCreated, started.Status == http.StatusNotFound:
	default:
		t.Errorf("create: %d %s; start: %d %s", made.Status, made.Message(), started.Status, started.Message())
	}
}

// imageOf reads of which image a container is from the engine's own files.
func (x *trust) imageOf(t *testing.T, id string) string {
	t.Helper()
	var stored struct{ Image string }
	unmarshal(t, read(t, filepath.Join(x.Data, "containers", id, "config.v2.json")), &stored)
	return stored.Image
}

// onlySigned looks in the engine's own files at which images have run.
func (x *trust) onlySigned(t *testing.T, good string, removed bool) {
	t.Helper()
	ran, left := 0, 0
	for _, c := range containers(t, x.Engine) {
		switch {
		case !strings.HasPrefix(c.Name, "flip-"):
		case c.Image == good && c.Started:
			ran++
		case c.Image == good:
		case c.Started:
			t.Errorf("%s is of the image that nobody signed, and has run", c.Name)
		default:
			left++
		}
	}
	t.Logf("by the engine's files, %d containers of the signed image have run, and %d of the other are left that have not", ran, left)
	if ran == 0 || removed == (left > 0) {
		t.Error("containers are missing, or left")
	}
}
