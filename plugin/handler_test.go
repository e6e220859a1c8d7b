package plugin

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/zap"

	"caisson/authz"
	"caisson/authz/request"
	"caisson/authz/rules"
)

func TestLimits(t *testing.T) {
	s := start(t, usual)
	unsized := func(b []byte) io.Reader { return io.MultiReader(bytes.NewReader(b)) } // sent in chunks
	for _, c := range []struct {
		name   string
		path   string
		body   io.Reader
		status int
		want   string
	}{
		{"just within", requestPath, bytes.NewReader(messageOfSize(maxMessage)), 200, allowText},
		{"just over", requestPath, bytes.NewReader(messageOfSize(maxMessage + 1)), 500, tooLarge},
		{"the most that dockerd can send", requestPath, bytes.NewReader(messageOfSize(12 << 20)), 500, tooLarge},
		{"chunked", requestPath, unsized(messageOfSize(1000)), 200, allowText},
		{"chunked, within", requestPath, unsized(messageOfSize(maxMessage)), 200, allowText},
		{"chunked, over", requestPath, unsized(messageOfSize(maxMessage + 1)), 500, tooLarge},
		{"response", responsePath, bytes.NewReader(messageOfSize(12 << 20)), 200, allowText},
		{"response, chunked", responsePath, unsized(messageOfSize(12 << 20)), 200, allowText},
		{"permitted after all that", requestPath, bytes.NewReader(messageOfSize(1000)), 200, allowText},
	} {
		t.Run(c.name, func(t *testing.T) {
			status, got := s.post(c.path, c.body)
			if status != c.status || got != c.want {
				t.Errorf("%d %s", status, got)
			}
		})
	}
}

// raw sends bytes as they are, and nothing more, and returns status and body of the answer.
func (s *service) raw(text string, halfClose bool) (status int, body string) {
	s.t.Helper()
	conn, err := net.Dial("unix", s.socket)
	if err != nil {
		s.t.Fatal(err)
	}
	defer conn.Close()
	if _, err := io.WriteString(conn, text); err != nil {
		s.t.Fatal(err)
	}
	if halfClose {
		if err := conn.(*net.UnixConn).CloseWrite(); err != nil {
			s.t.Fatal(err)
		}
	}
	answer, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		s.t.Fatal("no answer: ", err)
	}
	defer answer.Body.Close()
	b, err := io.ReadAll(answer.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	return answer.StatusCode, ids.ReplaceAllString(string(b), "ID")
}

func TestRawHTTP(t *testing.T) {
	s := start(t, usual, func(s *service, _ *Server) { s.handler.bodyTime = 200 * time.Millisecond })
	ping := `{"RequestMethod":"GET","RequestUri":"/_ping"}`
	notWhole := undecided + `the authorization call did not arrive whole: `
	for _, c := range []struct {
		name, text string
		halfClose  bool
		status     int
		want       string
	}{
		{"HTTP/1.0", fmt.Sprintf("POST %s HTTP/1.0\r\nContent-Length: %d\r\n\r\n%s", requestPath, len(ping), ping), false, 200, allowText},
		{"empty Host, as dockerd 20.10", fmt.Sprintf("POST %s HTTP/1.1\r\nHost: \r\nContent-Length: %d\r\n\r\n%s", requestPath, len(ping), ping), false, 200, allowText},
		{"no length, no chunks", fmt.Sprintf("POST %s HTTP/1.1\r\nHost: x\r\n\r\n", requestPath), false, 500, emptyCall},
		{
			"stalled body", fmt.Sprintf("POST %s HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n%s", requestPath, ping), false, 500,
			notWhole + `its sender stalls (decision ID)"}`,
		},
		{"stalled response", fmt.Sprintf("POST %s HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n", responsePath), false, 200, allowText},
		{
			"cut-off body", fmt.Sprintf("POST %s HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n%s", requestPath, ping), true, 500,
			notWhole + `unexpected EOF (decision ID)"}`,
		},
		{
			"promises more than the limit, sends nothing", fmt.Sprintf("POST %s HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999\r\n\r\n", requestPath), false, 500,
			tooLarge,
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			status, got := s.raw(c.text, c.halfClose)
			if status != c.status || got != c.want {
				t.Errorf("%d %s", status, got)
			}
		})
	}
}

// A panic anywhere is answered, and the service lives.
func TestPanic(t *testing.T) {
	var what atomic.Value
	boom := func() {
		if f, ok := what.Swap(func() {}).(func()); ok {
			f()
		}
	}
	for name, p := range map[string]func(){
		"text":    func() { panic("secret=hunter2") },
		"error":   func() { panic(os.ErrInvalid) },
		"runtime": func() { _ = make([]int, 0)[len(os.Args)] },
		"abort":   func() { panic(http.ErrAbortHandler) },
	} {
		for place, policy := range map[string]*authz.Policy{
			"rule":  policyOf(func(*request.Request, *rules.Findings) { boom() }),
			"audit": usual,
		} {
			t.Run(name+" in "+place, func(t *testing.T) {
				s := start(t, policy)
				if place == "audit" {
					s.audit.onWrite = boom
				}
				what.Store(p)
				status, text := s.post(requestPath, bytes.NewReader(messageFor("/_ping")))
				if status != 500 || !strings.Contains(text, "Caisson cannot decide: internal error") {
					t.Errorf("%d %s", status, text)
				}
				status, text = s.post(requestPath, bytes.NewReader(messageFor("/_ping")))
				if status != 200 || text != allowText {
					t.Errorf("after the panic: %d %s", status, text)
				}
			})
		}
	}
}

// What panicked once and panics again while the panic is recorded is answered all the same.
func TestPanicAgain(t *testing.T) {
	s := start(t, usual)
	s.audit.onWrite = func() { panic("the sink is broken") }
	for range 3 {
		status, text := s.post(requestPath, bytes.NewReader(messageFor("/_ping")))
		if status != 500 || !strings.Contains(text, "internal error") {
			t.Errorf("%d %s", status, text)
		}
	}
	for _, l := range s.logs.All() {
		if strings.Contains(fmt.Sprint(l.ContextMap()["panic"]), "broken") {
			t.Errorf("the log holds the value of the panic: %v", l.ContextMap()["panic"])
		}
	}
}

// Of many calls at once, exactly the forbidden one is refused.
func TestConcurrent(t *testing.T) {
	s := start(t, usual)
	calls, forbidden := 10_000, 6_789
	if testing.Short() {
		calls, forbidden = 1_000, 678
	}
	var allowed, refused atomic.Int64
	var wg sync.WaitGroup
	for i := range calls {
		wg.Go(func() {
			target := fmt.Sprintf("/v1.41/containers/c%d/json", i)
			if i == forbidden {
				target = "/v1.41/containers/forbidden/json"
			}
			status, text, err := s.try("POST", requestPath, bytes.NewReader(messageFor(target)))
			switch {
			case err != nil || status != 200:
				t.Errorf("call %d: %d %s %v", i, status, text, err)
			case text == allowText && i != forbidden:
				allowed.Add(1)
			case strings.Contains(text, "path is forbidden") && i == forbidden:
				refused.Add(1)
			default:
				t.Errorf("call %d: %s", i, text)
			}
		})
	}
	wg.Wait()
	if int(allowed.Load()) != calls-1 || refused.Load() != 1 || s.audit.count() != calls {
		t.Errorf("%d allowed, %d refused, %d recorded", allowed.Load(), refused.Load(), s.audit.count())
	}
}

// Large messages wait for each other and give up in time; small ones wait for nobody.
func TestLargeMessages(t *testing.T) {
	hold := make(chan struct{})
	var held atomic.Int64
	policy := policyOf(func(r *request.Request, _ *rules.Findings) {
		if len(r.Call.Headers["X"]) > 1000 {
			held.Add(1)
			<-hold
		}
	})
	s := start(t, policy, func(s *service, _ *Server) { s.handler.queueTime = 300 * time.Millisecond })
	const fit = largeBudget / maxMessage
	var wg sync.WaitGroup
	for range fit {
		wg.Go(func() {
			if status, text, err := s.try("POST", requestPath, bytes.NewReader(messageOfSize(maxMessage))); text != allowText {
				t.Errorf("%d %s %v", status, text, err)
			}
		})
	}
	for held.Load() < fit {
		time.Sleep(time.Millisecond)
	}
	if status, text := s.post(requestPath, bytes.NewReader(messageFor("/_ping"))); text != allowText {
		t.Errorf("small: %d %s", status, text)
	}
	want := undecided + `too many large requests at once; fix: try again (decision ID)"}`
	if status, text := s.post(requestPath, bytes.NewReader(messageOfSize(maxMessage))); status != 500 || text != want {
		t.Errorf("one too many: %d %s", status, text)
	}
	close(hold)
	wg.Wait()
	if status, text := s.post(requestPath, bytes.NewReader(messageOfSize(maxMessage))); text != allowText {
		t.Errorf("afterwards: %d %s", status, text)
	}
}

// A response is read and thrown away: its size makes no difference to what is allocated.
func TestResponseAllocatesNothing(t *testing.T) {
	h := NewHandler(&authz.Authorizer{}, zap.NewNop())
	measure := func(size int) float64 {
		body := make([]byte, size)
		return testing.AllocsPerRun(50, func() {
			h.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("POST", responsePath, bytes.NewReader(body)))
		})
	}
	if small, large := measure(100), measure(12<<20); large > small+2 {
		t.Errorf("%v allocations for 100 bytes, %v for 12 MiB", small, large)
	}
}
