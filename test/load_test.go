package test

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"io"
	"net/http"
	"os"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"caisson/test/engine"
)

const (
	calls       = 10_000
	largeCalls  = 100
	concurrency = 64
	maxMemory   = 200 << 20
)

// message is what the engine posts for a creation with this body.
func message(body string) []byte {
	return fmt.Appendf(nil, `{"RequestMethod":"POST","RequestUri":"/v1.41/containers/create","RequestHeaders":{"Content-Type":"application/json",`+
		`"Content-Length":"%d"},"RequestBody":"%s"}`, len(body), base64.StdEncoding.EncodeToString([]byte(body)))
}

// A call is a message and what the answer must be.
type call struct {
	message []byte
	status  int
	answer  string // part of it
}

var (
	large = []call{
		{message(filler + strings.Repeat(" ", 4<<20-len(filler))), 200, "[privileged]"}, // as large as the engine passes on
		{append(message(filler), make([]byte, 6<<20)...), 500, "larger than"},
	}
	small = []call{
		{nil, 500, "call is empty"},
		{[]byte("\x00\xffgarbage{"), 500, "not what dockerd sends"},
		{message(filler), 200, "[privileged]"},
		{message(`{"Image":"busybox"}`), 200, `{"Allow":true}`},
	}
)

// send compares the answer to a call.
func (c call) send(client *http.Client) error {
	answer, err := client.Post("http://caisson/AuthZPlugin.AuthZReq", "", bytes.NewReader(c.message))
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if answer.StatusCode != c.status || !strings.Contains(string(text), c.answer) {
		return fmt.Errorf("%d %s; want %d %s", answer.StatusCode, text, c.status, c.answer)
	}
	return err
}

// TestLoad speaks to the socket as no engine would. Verdicts are exact, and nothing is left of the calls afterwards.
func TestLoad(t *testing.T) {
	t.Parallel()
	a := standalone(t, policy)
	transport := &http.Transport{DialContext: dialer(a.socket), MaxIdleConnsPerHost: concurrency}
	client := &http.Client{Transport: transport, Timeout: time.Minute}
	last := small[len(small)-1]
	if err := last.send(client); err != nil {
		t.Fatal(err)
	}
	transport.CloseIdleConnections()
	before := openFiles(t, a.pid)

	start := time.Now()
	var workers sync.WaitGroup
	work := func(n int, kinds []call) {
		for i := range n {
			if err := kinds[i%len(kinds)].send(client); err != nil {
				t.Error(err)
			}
		}
	}
	// Few of the large ones at a time, since Caisson refuses those that would take too much memory together.
	const bulky, others = 2, concurrency - 2
	for range bulky {
		workers.Go(func() { work(largeCalls/bulky, large) })
	}
	for range others {
		workers.Go(func() { work((calls-largeCalls)/others+1, small) })
	}
	workers.Wait()
	t.Logf("%d calls took %v; Caisson took at most %d MiB of memory", calls, time.Since(start).Round(time.Millisecond), peakMemory(t, a.pid)>>20)

	if err := last.send(client); err != nil {
		t.Errorf("afterwards: %v", err)
	}
	transport.CloseIdleConnections()
	if !engine.Eventually(func() bool { return openFiles(t, a.pid) <= before }) {
		t.Errorf("%d files are open, %d were before", openFiles(t, a.pid), before)
	}
	if peak := peakMemory(t, a.pid); peak > maxMemory {
		t.Errorf("Caisson took %d MiB of memory", peak>>20)
	}
	if log := a.text(t); strings.Contains(log, "panic") {
		t.Errorf("log:\n%s", log)
	}
}

func openFiles(t *testing.T, pid int) int {
	t.Helper()
	entries, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", pid))
	if err != nil {
		t.Fatal(err)
	}
	return len(entries)
}

func peakMemory(t *testing.T, pid int) int {
	t.Helper()
	return statusOf(t, pid, "VmHWM")
}

// statusOf is one of the sizes that the kernel knows of a process, in bytes.
func statusOf(t *testing.T, pid int, field string) int {
	t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		t.Fatal(err)
	}
	match := regexp.MustCompile(field + `:\s+(\d+) kB`).FindSubmatch(text)
	if match == nil {
		t.Fatalf("no %s in %s", field, text)
	}
	kilobytes, err := strconv.Atoi(string(match[1]))
	if err != nil {
		t.Fatal(err)
	}
	return kilobytes << 10
}
