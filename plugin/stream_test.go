package plugin

import (
	"bytes"
	"strings"
	"sync"
	"testing"
	"time"

	"caisson/authz/audit"
)

// gate is a disk: writes pass while it is open.
type gate struct {
	mu   sync.Mutex // held while it is closed
	text strings.Builder
}

func (g *gate) Write(b []byte) (int, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.text.Write(b)
}

// TestRelieved lets the audit log hang. The request whose goroutine is stuck in the write is answered all the same, and so are those that
// follow on its connection and on others, and the server can end.
func TestRelieved(t *testing.T) {
	for _, c := range []struct {
		name      string
		unaudited bool // the policy lets pass what cannot be recorded
		want      string
	}{
		{"refuses", false, "its audit record cannot be written"},
		{"goes on", true, allowText},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			disk := new(gate)
			log := audit.NewLog(disk)
			policy := *usual
			policy.ContinueUnaudited = c.unaudited
			s := start(t, &policy, func(s *service, _ *Server) { s.handler.authorizer.Audit = log })
			ping, forbidden := post(requestPath, "", string(pingCall)), post(requestPath, "", string(messageFor("/v1.41/containers/forbidden/json")))

			disk.mu.Lock()
			began := time.Now()
			answers, stays := s.exchange(4, ping+ping+forbidden+post(responsePath, "", string(pingCall)))
			for i, want := range []string{c.want, c.want, "is forbidden", allowText} {
				if !strings.Contains(answers[i].body, want) || answers[i].closes {
					t.Errorf("answer %d: %+v", i, answers[i])
				}
			}
			if !stays {
				t.Error("the connection does not stay open")
			}
			if took := time.Since(began); took < audit.DefaultDeadline {
				t.Errorf("the disk was waited for no longer than %s", took)
			}
			if answers, _ := s.exchange(1, ping); !strings.Contains(answers[0].body, c.want) {
				t.Errorf("on another connection: %+v", answers[0])
			}
			if n := s.handler.inFlight.Load(); n != 0 {
				t.Errorf("%d requests wait for an answer", n)
			}

			disk.mu.Unlock()
			for end := time.Now().Add(10 * time.Second); log.Status().Err != nil || log.Status().Waiting > 0; time.Sleep(time.Millisecond) {
				if time.Now().After(end) {
					t.Fatalf("%+v", log.Status())
				}
			}
			if answers, _ := s.exchange(2, ping+ping); answers[0].body+answers[1].body != allowText+allowText {
				t.Errorf("afterwards: %+v", answers)
			}

			disk.mu.Lock()
			if answers, _ := s.exchange(1, ping); !strings.Contains(answers[0].body, c.want) {
				t.Errorf("once more: %+v", answers[0])
			}
			if err := s.stop(); err != nil { // while a goroutine is stuck
				t.Error(err)
			}
			disk.mu.Unlock()
			if err := log.Close(t.Context()); err != nil {
				t.Error(err)
			}
			// Each decision has a last word: four pings that were settled without a record in time, a refusal and two that were recorded.
			last := map[string]string{}
			for line := range strings.Lines(disk.text.String()) {
				_, rest, _ := strings.Cut(line, `"decision":"`)
				last[rest[:26]] = line
			}
			failed := 0
			for _, line := range last {
				if strings.Contains(line, "cannot be written") {
					failed++
				}
			}
			if want := map[bool]int{false: 4, true: 0}[c.unaudited]; len(last) != 7 || failed != want {
				t.Errorf("%d decisions, %d not carried out for want of a record:\n%s", len(last), failed, disk.text.String())
			}
		})
	}
}

// TestLargeNotStuck lets the audit log hang under a large message. The memory that such messages share is free again when it has got its answer.
func TestLargeNotStuck(t *testing.T) {
	disk := new(gate)
	log := audit.NewLog(disk)
	s := start(t, usual, func(s *service, _ *Server) { s.handler.authorizer.Audit = log })
	disk.mu.Lock()
	if status, text := s.post(requestPath, bytes.NewReader(messageOfSize(maxMessage))); !strings.Contains(text, "its audit record cannot be written") {
		t.Errorf("%d %s", status, text)
	}
	for end := time.Now().Add(time.Second); !s.handler.large.TryAcquire(largeBudget); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("a request that has been answered holds memory")
		}
	}
	disk.mu.Unlock()
	if err := log.Close(t.Context()); err != nil {
		t.Error(err)
	}
}

// A decision that cannot be worded ends no process: it is refused.
func TestAnswerLatePanics(t *testing.T) {
	s := start(t, usual)
	if p := s.handler.answerLate(nil); p.status == 200 || !strings.Contains(string(p.body), "internal error") {
		t.Errorf("%d %s", p.status, p.body)
	}
}
