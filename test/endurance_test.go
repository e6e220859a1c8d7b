package test

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"caisson/test/engine"
)

// requests is how many TestEndurance sends to each engine, from as many clients as concurrency says.
const requests = 24_000

// A mix is one of the requests, and how the engine answers it.
type mix struct {
	method, target, body string
	status               int
	text                 string // part of the answer; "" is anything
}

const harmless = `{"Image":"` + engine.Image + `"}`

// rare are permitted creations: the engine takes longer for one than for all other requests of a hundred.
var rare = mix{"POST", "/v1.41/containers/create?name=permitted-%d", harmless, 201, `"Id"`}

// mixed are the others: permitted and forbidden ones, decided by the request alone and by a look at the engine, read and written in several ways.
var mixed = []mix{
	{"GET", "/_ping", "", 200, "OK"},
	{"POST", "/v1.41/containers/create?name=forbidden-%d", `{"Image":"` + engine.Image + `","HostConfig":{"Privileged":true}}`, 403, "[privileged]"},
	{"GET", "/v1.41/version", "", 200, "ApiVersion"},
	{"POST", "/v1.41/containers/old/start?x=%d", "", 403, "[privileged]"},
	{"GET", "/v1.41/containers/json?limit=1&x=%d", "", 200, "["},
	{"POST", "/v1.41/containers/create?name=forbidden-%d", `{"IMAGE":"` + engine.Image + `","hostconfig":{"Memory":0,"PRIVILEGED":true}}`, 403, "[privileged]"},
	{"GET", "/v1.41/containers/plain/json", "", 200, `"/plain"`},
	{"POST", "/v1.41/containers/plain/exec?x=%d", `{"Cmd":["true"],"Privileged":true}`, 403, "[privileged]"},
	{"POST", "/v1.41/containers/plain/exec?x=%d", `{"Cmd":["true"]}`, 201, `"Id"`},
	{"GET", "/v1.41/containers/no-such/json", "", 404, "No such container"},
	{"POST", "/v1.41/containers/create?name=forbidden-%d", `{"Image":"` + engine.Image + `","HostConfig":{"Privileged":true}` + "\x00", 500, ""},
}

// TestEndurance is a long day on a busy host: many clients, and a policy that is edited all the time. Each request is answered as it has to be
// under either policy, and nothing is left of them in Caisson.
func TestEndurance(t *testing.T) {
	if testing.Short() {
		t.Skip("takes a minute")
	}
	onEach(t, func(t *testing.T, version engine.Version) {
		address := freeAddress(t)
		e := engine.Start(t, engine.Options{Version: version, Caisson: &engine.CaissonOptions{Policy: recording, Args: []string{"--metrics", address}}})
		must(t, e, "create", "--name", "old", "--privileged", engine.Image, "true")
		must(t, e, "run", "-d", "--name", "plain", engine.Image, "sleep", "3600")
		setPolicy(t, e.Caisson, refusing)

		clients := &http.Client{Timeout: 2 * time.Minute, Transport: &http.Transport{DialContext: dialer(e.Socket), MaxIdleConnsPerHost: concurrency}}
		run := func(from, to int) { sendAll(t, clients, from, to) }
		run(0, 1000) // connections are made, and memory is taken for good
		clients.CloseIdleConnections()
		before := footprintOf(t, e, address)

		day := startDay(t, e)
		start := time.Now()
		run(1000, requests/3)
		day.part()
		run(requests/3, 2*requests/3)
		second := day.part()
		run(2*requests/3, requests)
		last := day.part()
		edits := day.end()
		took := time.Since(start)
		clients.CloseIdleConnections()
		t.Logf("%d requests took %v, with %d edits of the policy; memory in the second third %d MiB, in the last %d MiB", requests, took.Round(time.Millisecond), edits, second>>20, last>>20)

		if loaded := strings.Count(e.Caisson.Log(), "policy loaded"); edits < int(took/(3*time.Second)) || loaded < edits/2 {
			t.Errorf("%d edits in %v, %d policies loaded", edits, took, loaded)
		}
		if last > second+second/8+8<<20 {
			t.Errorf("memory grows: %d MiB in the second third, %d MiB in the last", second>>20, last>>20)
		}
		if !engine.Eventually(func() bool { return footprintOf(t, e, address).within(before) }) {
			t.Errorf("left behind: %+v, before %+v", footprintOf(t, e, address), before)
		}
		t.Logf("before %+v, after %+v", before, footprintOf(t, e, address))

		created := 0
		for _, c := range containers(t, e) {
			if strings.HasPrefix(c.Name, "forbidden-") || c.Name == "old" && c.Started {
				t.Errorf("%s: a forbidden request passed: %s", c.Name, c.HostConfig)
			}
			if strings.HasPrefix(c.Name, "permitted-") {
				created++
			}
		}
		if created != requests/100 {
			t.Errorf("%d containers were created, want %d", created, requests/100)
		}
		if log := e.Caisson.Log(); strings.Contains(log, "panic") {
			t.Error("a panic is in the log")
		}
	})
}

// sendAll sends the requests with these numbers, and fails the test for each that is not answered as it should be; after some, it gives up.
func sendAll(t *testing.T, clients *http.Client, from, to int) {
	t.Helper()
	var next, wrong atomic.Int64
	next.Store(int64(from))
	var workers sync.WaitGroup
	for range concurrency {
		workers.Go(func() {
			for n := next.Add(1) - 1; n < int64(to) && wrong.Load() < 10; n = next.Add(1) - 1 {
				k := mixed[int(n)%len(mixed)]
				if n%100 == 0 {
					k = rare
				}
				if err := k.send(clients, n); err != nil {
					t.Errorf("request %d: %v", n, err)
					wrong.Add(1)
				}
			}
		})
	}
	workers.Wait()
	if wrong.Load() > 0 {
		t.FailNow()
	}
}

func (k mix) send(clients *http.Client, n int64) error {
	target := k.target
	if strings.Contains(target, "%d") {
		target = fmt.Sprintf(target, n)
	}
	request, err := http.NewRequest(k.method, "http://docker"+target, strings.NewReader(k.body))
	if err != nil {
		return err
	}
	request.Header.Set("Content-Type", "application/json")
	answer, err := clients.Do(request)
	if err != nil {
		return err
	}
	text, err := io.ReadAll(answer.Body)
	err = errors.Join(err, answer.Body.Close())
	if answer.StatusCode != k.status || !strings.Contains(string(text), k.text) {
		return fmt.Errorf("%s %s %s: %d %s; want %d %s", k.method, target, k.body, answer.StatusCode, text, k.status, k.text)
	}
	return err
}

// A day edits the policy every second, and looks at the memory that Caisson has.
type day struct {
	stop, done chan struct{}

	mu     sync.Mutex
	edits  int
	memory []int // in bytes, since the last part
}

// startDay changes between two policies that differ in what no request here asks for.
func startDay(t *testing.T, e *engine.Engine) *day {
	t.Helper()
	d := &day{stop: make(chan struct{}), done: make(chan struct{})}
	pid := e.Caisson.PID()
	go func() {
		defer close(d.done)
		tick := time.NewTicker(time.Second)
		defer tick.Stop()
		for {
			select {
			case <-d.stop:
				return
			case <-tick.C:
			}
			d.mu.Lock()
			d.edits++
			d.memory = append(d.memory, statusOf(t, pid, "VmRSS"))
			text := refusing + fmt.Sprintf("[rules.shm-size]\nmax = \"%dGiB\"\n", 1+d.edits%2)
			d.mu.Unlock()
			if err := errors.Join(e.Caisson.WritePolicy(text), e.Caisson.Reload()); err != nil {
				t.Error(err)
			}
		}
	}()
	return d
}

// part is the memory that was taken since the last one: the median, because collections of garbage make it go up and down.
func (d *day) part() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	list := d.memory
	d.memory = nil
	if len(list) == 0 {
		return 0
	}
	slices.Sort(list)
	return list[len(list)/2]
}

func (d *day) end() (edits int) {
	close(d.stop)
	<-d.done
	return d.edits
}

// A footprint is what requests may leave behind in a process.
type footprint struct{ Goroutines, Files, Sockets int }

// within tells whether it is not more than another one, but for the connections that the engine and Caisson keep for the next request.
func (f footprint) within(other footprint) bool {
	const kept = 4
	return f.Goroutines <= other.Goroutines+2*kept && f.Files <= other.Files+kept && f.Sockets <= other.Sockets+kept
}

var goroutines = regexp.MustCompile(`(?m)^go_goroutines (\d+)$`)

func footprintOf(t *testing.T, e *engine.Engine, metrics string) footprint {
	t.Helper()
	match := goroutines.FindStringSubmatch(page(t, "http://"+metrics+"/metrics"))
	if match == nil {
		t.Fatal("the metrics do not tell of goroutines")
	}
	count, err := strconv.Atoi(match[1])
	if err != nil {
		t.Fatal(err)
	}
	f := footprint{Goroutines: count}
	folder := fmt.Sprintf("/proc/%d/fd/", e.Caisson.PID())
	entries, err := os.ReadDir(folder)
	if err != nil {
		t.Fatal(err)
	}
	for _, entry := range entries {
		f.Files++
		if target, _ := os.Readlink(folder + entry.Name()); strings.HasPrefix(target, "socket:") {
			f.Sockets++
		}
	}
	return f
}
