package sinks

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/leodido/go-syslog/v4"
	"github.com/leodido/go-syslog/v4/octetcounting"
	"github.com/leodido/go-syslog/v4/rfc5424"
	collogs "go.opentelemetry.io/proto/otlp/collector/logs/v1"
	"go.uber.org/goleak"
	"go.uber.org/zap"
	"google.golang.org/protobuf/proto"

	"caisson/authz/audit"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// decisions counts the records of a file.
func decisions(t *testing.T, file string) int {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return bytes.Count(text, []byte("\n"))
}

func eventually(t *testing.T, what string, f func() bool) {
	t.Helper()
	for end := time.Now().Add(20 * time.Second); !f(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("in vain: %s", what)
		}
	}
}

// inbox is what a receiver has got.
type inbox struct {
	mu       sync.Mutex
	messages []*rfc5424.SyslogMessage
	problems []error
}

func (in *inbox) add(m syslog.Message, err error) {
	in.mu.Lock()
	defer in.mu.Unlock()
	if err != nil {
		in.problems = append(in.problems, err)
		return
	}
	in.messages = append(in.messages, m.(*rfc5424.SyslogMessage))
}

// ids are the decisions of all messages, each held to what a message of Caisson's looks like.
func (in *inbox) ids(t *testing.T) (ids []string) {
	t.Helper()
	in.mu.Lock()
	defer in.mu.Unlock()
	for _, err := range in.problems {
		t.Errorf("no message of RFC 5424: %v", err)
	}
	host, _ := os.Hostname()
	for _, m := range in.messages {
		var r struct{ Decision, Verdict, Time string }
		if err := json.Unmarshal([]byte(*m.Message), &r); err != nil {
			t.Errorf("%q: %v", *m.Message, err)
		}
		if *m.Hostname != host || *m.Appname != "caisson" || *m.ProcID != fmt.Sprint(os.Getpid()) || *m.MsgID != "decision" || m.StructuredData != nil {
			t.Errorf("%+v", m)
		}
		if at, err := time.Parse(time.RFC3339Nano, r.Time); err != nil || !m.Timestamp.Equal(at.Truncate(time.Microsecond)) {
			t.Errorf("timestamp %v of a record of %s", m.Timestamp, r.Time)
		}
		if want := map[string]string{"allow": "informational", "deny": "warning", "undecided": "error"}[r.Verdict]; *m.SeverityLevel() != want {
			t.Errorf("severity of %s is %s", r.Verdict, *m.SeverityLevel())
		}
		ids = append(ids, r.Decision)
	}
	return ids
}

// receive is a syslog receiver. stop ends it, with all its connections.
func receive(t *testing.T, in *inbox, network, address string, secure *tls.Config) (at string, stop func()) {
	t.Helper()
	if strings.HasPrefix(network, "u") {
		conn, err := net.ListenPacket(network, address)
		if err != nil {
			t.Fatal(err)
		}
		go func() {
			for buf := make([]byte, 1<<20); ; {
				n, _, err := conn.ReadFrom(buf)
				if err != nil {
					return
				}
				in.add(rfc5424.NewParser().Parse(buf[:n]))
			}
		}()
		return conn.LocalAddr().String(), func() { _ = conn.Close() }
	}
	l, err := net.Listen(network, address)
	if err != nil {
		t.Fatal(err)
	}
	at = l.Addr().String()
	if secure != nil {
		l = tls.NewListener(l, secure)
	}
	var mu sync.Mutex
	var conns []net.Conn
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			mu.Lock()
			conns = append(conns, conn)
			mu.Unlock()
			go octetcounting.NewParser(syslog.WithMaxMessageLength(1<<20), syslog.WithListener(func(r *syslog.Result) {
				if r.Message != nil {
					in.add(r.Message, r.Error)
				}
			})).Parse(conn)
		}
	}()
	return at, func() {
		_ = l.Close()
		mu.Lock()
		defer mu.Unlock()
		for _, c := range conns {
			_ = c.Close()
		}
	}
}

// open makes an audit log of a file and a destination.
func open(t *testing.T, destination string) (s *Sinks, file string) {
	t.Helper()
	file = filepath.Join(t.TempDir(), "audit.log")
	var list []*Destination
	for _, text := range []string{file, destination} {
		d, err := ParseDestination(text)
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, d)
	}
	s, err := Open(Options{Destinations: list, Log: zap.NewNop(), Version: "v1.2.3"})
	if err != nil {
		t.Fatal(err)
	}
	return s, file
}

func closeSinks(t *testing.T, s *Sinks) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	if err := s.Close(ctx); err != nil {
		t.Error(err)
	}
}

func writeAll(t *testing.T, s *Sinks, from, to int) (ids []string) {
	t.Helper()
	for i := from; i < to; i++ {
		id := fmt.Sprintf("D%d", i)
		verdict := [...]string{"allow", "deny", "undecided"}[i%3]
		r := &audit.Record{Time: time.Now(), Decision: id, Verdict: verdict, Error: "line\nbreak \u2028 \"quoted\" ü", Violations: []audit.Violation{{Rule: "privileged"}}}
		if err := s.Write(r, nil); err != nil {
			t.Fatal(err)
		}
		r.Violations[0].Rule, r.Decision = "reused", "reused" // by the caller, whose record it is again
		ids = append(ids, id)
	}
	return ids
}

// TestSyslog sends records over each transport and reads them with a parser of the RFC.
func TestSyslog(t *testing.T) {
	pki := newPKI(t)
	for _, c := range []struct{ network, address, destination string }{
		{"unixgram", filepath.Join(t.TempDir(), "log"), "syslog:%s?facility=local3"},
		{"udp", "127.0.0.1:0", "syslog:udp://%s"},
		{"tcp", "127.0.0.1:0", "syslog:tcp://%s"},
		{"tls", "127.0.0.1:0", "syslog:tls://%s?ca=" + pki.ca + "&cert=" + pki.cert + "&key=" + pki.key},
	} {
		t.Run(c.network, func(t *testing.T) {
			var in inbox
			network, secure := c.network, (*tls.Config)(nil)
			if network == "tls" {
				network, secure = "tcp", pki.server
			}
			at, stop := receive(t, &in, network, c.address, secure)
			defer stop()
			s, file := open(t, fmt.Sprintf(c.destination, at))
			want := writeAll(t, s, 0, 30)
			closeSinks(t, s) // sends what waits
			eventually(t, "all have arrived", func() bool { return len(in.ids(t)) >= len(want) })
			if got := in.ids(t); strings.Join(got, " ") != strings.Join(want, " ") {
				t.Errorf("got %q", got)
			}
			if got := decisions(t, file); got != len(want) {
				t.Errorf("%d records in the file", got)
			}
			want8 := uint8(10) // authpriv
			if c.network == "unixgram" {
				want8 = 19
			}
			if f := *in.messages[0].Facility; f != want8 {
				t.Errorf("facility %d", f)
			}
		})
	}
}

// TestStrangers are not given records: TLS is checked.
func TestStrangers(t *testing.T) {
	pki, other := newPKI(t), newPKI(t)
	var in inbox
	at, stop := receive(t, &in, "tcp", "127.0.0.1:0", other.server)
	defer stop()
	s, _ := open(t, "syslog:tls://"+at+"?ca="+pki.ca)
	writeAll(t, s, 0, 1)
	eventually(t, "the stranger is found out", func() bool { return s.Status()[1].Failures > 0 })
	if err := s.Status()[1].Err; !strings.Contains(fmt.Sprint(err), "certificate") {
		t.Errorf("%v", err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	if err := s.Close(ctx); err == nil || !strings.Contains(err.Error(), "did not get 1 records") {
		t.Errorf("%v", err)
	}
	if len(in.ids(t)) != 0 {
		t.Error("the record is out")
	}
}

// TestAway has a receiver that goes away and comes back. No decision waits for it; what it missed arrives, but for what the queue had no
// room for, which is counted and in the file.
func TestAway(t *testing.T) {
	var in inbox
	at, stop := receive(t, &in, "tcp", "127.0.0.1:0", nil)
	s, file := open(t, "syslog:tcp://"+at+"?queue=20")
	writeAll(t, s, 0, 5)
	eventually(t, "the first have arrived", func() bool { return len(in.ids(t)) == 5 })
	stop()
	time.Sleep(50 * time.Millisecond) // until it has seen the end of the connection
	writeAll(t, s, 5, 105)
	eventually(t, "the outage is known", func() bool { return s.Status()[1].Err != nil })
	st := s.Status()[1]
	if st.Capacity != 20 || st.Waiting < 20 || st.Dropped.Full == 0 || st.Waiting+int(st.Dropped.Full)+int(st.Written) != 105 {
		t.Errorf("%+v", st)
	}
	if s.Status()[0].Err != nil || decisions(t, file) != 105 {
		t.Error("the file suffers")
	}
	_, stop = receive(t, &in, "tcp", at, nil)
	defer stop()
	eventually(t, "the rest has arrived", func() bool { return s.Status()[1].Waiting == 0 })
	if st = s.Status()[1]; st.Err != nil || int(st.Written)+int(st.Dropped.Full) != 105 {
		t.Errorf("%+v", st)
	}
	closeSinks(t, s)
	eventually(t, "it has all that was sent", func() bool { return len(in.ids(t)) >= int(st.Written) })
}

// TestHeavy bounds what waits in bytes too: few records can be large.
func TestHeavy(t *testing.T) {
	s, _ := open(t, "syslog:"+filepath.Join(t.TempDir(), "nobody"))
	big := &audit.Record{Time: time.Now(), Error: strings.Repeat("x", 10<<20)}
	for range 10 {
		if err := s.Write(big, nil); err != nil {
			t.Fatal(err)
		}
	}
	if st := s.Status()[1]; st.Waiting != 6 || st.Dropped.Full != 4 {
		t.Errorf("%+v", st)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	_ = s.Close(ctx)
}

// TestTooLarge leaves out what no datagram can hold, and goes on.
func TestTooLarge(t *testing.T) {
	var in inbox
	at, stop := receive(t, &in, "udp", "127.0.0.1:0", nil)
	defer stop()
	s, _ := open(t, "syslog:udp://"+at)
	if err := s.Write(&audit.Record{Time: time.Now(), Verdict: "allow", Decision: "big", Error: strings.Repeat("x", 70000)}, nil); err != nil {
		t.Fatal(err)
	}
	writeAll(t, s, 0, 1)
	closeSinks(t, s)
	eventually(t, "the small one has arrived", func() bool { return len(in.ids(t)) == 1 })
	if st := s.Status()[1]; st.Written != 1 || st.Dropped.Rejected != 1 {
		t.Errorf("%+v", st)
	}
}

// collect is an OpenTelemetry collector.
type collect struct {
	mu     sync.Mutex
	got    []*collogs.ExportLogsServiceRequest
	calls  int
	answer func(call int, ids []string) int
}

func (c *collect) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.calls++
	body, err := io.ReadAll(r.Body)
	var m collogs.ExportLogsServiceRequest
	if err != nil || proto.Unmarshal(body, &m) != nil || len(m.ProtoReflect().GetUnknown()) > 0 || r.URL.Path != "/v1/logs" || r.Header.Get("Content-Type") != "application/x-protobuf" {
		w.WriteHeader(http.StatusTeapot)
		return
	}
	if status := c.answer(c.calls, otlpIDs(&m)); status != http.StatusOK {
		w.WriteHeader(status)
		return
	}
	c.got = append(c.got, &m)
}

func otlpIDs(m *collogs.ExportLogsServiceRequest) (ids []string) {
	for _, res := range m.ResourceLogs {
		for _, scope := range res.ScopeLogs {
			for _, r := range scope.LogRecords {
				for _, a := range r.Attributes {
					if a.Key == "caisson.decision" {
						ids = append(ids, a.Value.GetStringValue())
					}
				}
			}
		}
	}
	return ids
}

func (c *collect) ids() (ids []string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, m := range c.got {
		ids = append(ids, otlpIDs(m)...)
	}
	return ids
}

// TestOTLP sends records to a collector that is busy at first and then refuses one of them for good.
func TestOTLP(t *testing.T) {
	c := &collect{answer: func(call int, ids []string) int {
		switch {
		case call == 1:
			return http.StatusServiceUnavailable
		case strings.Contains(strings.Join(ids, " ")+" ", "D7 "):
			return http.StatusBadRequest
		}
		return http.StatusOK
	}}
	server := httptest.NewServer(c)
	defer server.Close()
	s, _ := open(t, "otlp:"+server.URL)
	want := writeAll(t, s, 0, 30)
	eventually(t, "all are sent", func() bool { return s.Status()[1].Waiting == 0 && len(c.ids()) == 29 })
	st := s.Status()[1]
	closeSinks(t, s)
	if got, want := strings.Join(c.ids(), " "), strings.Join(append(want[:7:7], want[8:]...), " "); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if st.Written != 29 || st.Dropped.Rejected != 1 || st.Failures == 0 {
		t.Errorf("%+v", st)
	}
	first := c.got[0].ResourceLogs[0]
	r := first.ScopeLogs[0].LogRecords[0]
	var body struct{ Decision, Error string }
	if err := json.Unmarshal([]byte(r.Body.GetStringValue()), &body); err != nil || body.Decision != "D0" {
		t.Errorf("body %q", r.Body.GetStringValue())
	}
	attributes := map[string]any{}
	for _, a := range r.Attributes {
		attributes[a.Key] = a.Value.GetStringValue()
	}
	for _, a := range first.Resource.Attributes {
		attributes[a.Key] = a.Value.GetStringValue()
	}
	for key, want := range map[string]string{
		"service.name": "caisson", "service.version": "v1.2.3", "caisson.verdict": "allow", "caisson.decision": "D0", "caisson.error": body.Error,
	} {
		if attributes[key] != want {
			t.Errorf("%s is %q, want %q", key, attributes[key], want)
		}
	}
	if r.SeverityText != "allow" || r.SeverityNumber != 9 || r.EventName != "caisson.decision" || r.TimeUnixNano == 0 {
		t.Errorf("%+v", r)
	}
}

// TestOTLPSecure sends records over TLS, with a token from the environment.
func TestOTLPSecure(t *testing.T) {
	t.Setenv("OTEL_EXPORTER_OTLP_HEADERS", "authorization=Bearer geheim")
	var tokens []string
	c := &collect{answer: func(int, []string) int { return http.StatusOK }}
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		tokens = append(tokens, r.Header.Get("Authorization"))
		c.ServeHTTP(w, r)
	}))
	defer server.Close()
	ca := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(ca, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw}), 0o600); err != nil {
		t.Fatal(err)
	}
	s, _ := open(t, "otlp:"+server.URL+"?ca="+ca)
	want := writeAll(t, s, 0, 3)
	closeSinks(t, s)
	if got := c.ids(); strings.Join(got, " ") != strings.Join(want, " ") {
		t.Errorf("got %q", got)
	}
	for _, token := range tokens {
		if token != "Bearer geheim" {
			t.Errorf("token %q", token)
		}
	}

	s, _ = open(t, "otlp:"+server.URL) // whose authority nobody has named
	writeAll(t, s, 0, 1)
	eventually(t, "the stranger is found out", func() bool { return s.Status()[1].Err != nil })
	if err := s.Status()[1].Err; !strings.Contains(err.Error(), "certificate") || strings.Contains(err.Error(), "geheim") {
		t.Errorf("%v", err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	_ = s.Close(ctx)
}

// otlp sends three records to a collector that gives one answer, or with again a second one that takes them. It returns what became of them.
func otlp(t *testing.T, answer http.HandlerFunc, again bool) (st audit.Status, calls int) {
	t.Helper()
	var mu sync.Mutex
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		calls++
		first := calls == 1
		mu.Unlock()
		if first || !again {
			answer(w, r)
		}
	}))
	defer server.Close()
	d, err := ParseDestination("otlp:" + server.URL)
	if err != nil {
		t.Fatal(err)
	}
	to, err := newOTLPReceiver(d, "v1.2.3")
	if err != nil {
		t.Fatal(err)
	}
	q := &queue{to: to, log: zap.NewNop()}
	q.send(t.Context(), []entry{{time.Now(), "allow", `{"n":1}`}, {time.Now(), "deny", `{"n":2}`}, {time.Now(), "deny", `{"n":3}`}})
	_ = to.close()
	mu.Lock()
	defer mu.Unlock()
	return q.status(""), calls
}

// TestOTLPAnswers goes through what a collector can answer.
func TestOTLPAnswers(t *testing.T) {
	status := func(code int) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(code) }
	}
	message := func(code int, m proto.Message) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/x-protobuf")
			w.WriteHeader(code)
			body, _ := proto.Marshal(m)
			_, _ = w.Write(body)
		}
	}
	partly := func(n int64, text string) http.HandlerFunc {
		return message(http.StatusOK, &collogs.ExportLogsServiceResponse{PartialSuccess: &collogs.ExportLogsPartialSuccess{RejectedLogRecords: n, ErrorMessage: text}})
	}
	for name, c := range map[string]struct {
		answer         http.HandlerFunc
		again          bool
		calls          int
		sent, rejected uint64
		err            string
	}{
		"all":         {message(http.StatusOK, &collogs.ExportLogsServiceResponse{}), false, 1, 3, 0, ""},
		"empty":       {status(http.StatusNoContent), false, 1, 3, 0, ""},
		"partly":      {partly(2, "too \x1b old"), false, 1, 1, 2, `"too \x1b old", of 2 it left out`},
		"more":        {partly(1<<40, ""), false, 1, 0, 3, "it left out"},
		"warning":     {partly(0, "slow down"), false, 1, 3, 0, "slow down"},
		"below zero":  {partly(-1, ""), false, 1, 3, 0, "it left out"},
		"no protobuf": {func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("thanks")) }, false, 1, 3, 0, ""},
		"nonsense": {func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/x-protobuf")
			_, _ = w.Write([]byte{0x0a, 9, 1})
		}, false, 1, 3, 0, "nothing that can be read"},
		"too long":    {func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(make([]byte, otlpAnswer+1)) }, false, 1, 3, 0, "too long"},
		"busy":        {status(http.StatusTooManyRequests), true, 2, 3, 0, ""},
		"bad gateway": {status(http.StatusBadGateway), true, 2, 3, 0, ""},
		"unavailable": {status(http.StatusServiceUnavailable), true, 2, 3, 0, ""},
		"timeout":     {status(http.StatusGatewayTimeout), true, 2, 3, 0, ""},
		"moved":       {func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/elsewhere", http.StatusFound) }, true, 2, 3, 0, ""},
		"moved, a POST": {func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "/elsewhere", http.StatusTemporaryRedirect)
		}, true, 2, 3, 0, ""},
		"hung up":   {func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, true, 2, 3, 0, ""},
		"malformed": {status(http.StatusBadRequest), false, 5, 0, 3, "400 Bad Request"},
		"too large": {status(http.StatusRequestEntityTooLarge), true, 3, 3, 0, ""},
		"unknown":   {status(http.StatusUnauthorized), false, 1, 0, 3, "401 Unauthorized"},
		"not found": {status(http.StatusNotFound), false, 1, 0, 3, "404 Not Found"},
		"broken":    {message(http.StatusInternalServerError, &collogs.ExportLogsPartialSuccess{ErrorMessage: "oh"}), false, 1, 0, 3, `500 Internal Server Error "oh"`},
	} {
		t.Run(name, func(t *testing.T) {
			st, calls := otlp(t, c.answer, c.again)
			if calls != c.calls || st.Written != c.sent || st.Dropped.Rejected != c.rejected {
				t.Errorf("%d calls, %+v", calls, st)
			}
			if (st.Err == nil) != (c.err == "") || !strings.Contains(fmt.Sprint(st.Err), c.err) {
				t.Errorf("error %v", st.Err)
			}
		})
	}
}

// TestOTLPLater waits as long as a collector asks for.
func TestOTLPLater(t *testing.T) {
	begin := time.Now()
	st, calls := otlp(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Retry-After", "2")
		w.WriteHeader(http.StatusServiceUnavailable)
	}, true)
	if took := time.Since(begin); took < 2*time.Second || calls != 2 || st.Written != 3 {
		t.Errorf("%d calls in %s, %+v", calls, took, st)
	}
	for value, want := range map[string]time.Duration{
		"": 0, "-1": 0, "x": 0, "7": 7 * time.Second, "99999999999": 0, "Mon, 02 Jan 2006 15:04:05 GMT": 0,
		time.Now().Add(time.Hour).UTC().Format(http.TimeFormat): time.Hour,
	} {
		if got := retryAfter(value); got > want || got < want-2*time.Second {
			t.Errorf("%q is %s, want %s", value, got, want)
		}
	}
	if got := asked(fmt.Errorf("x: %w", &later{io.EOF, time.Hour})); got != longestAsk {
		t.Errorf("an hour is %s", got)
	}
}

// TestOTLPEnvironment reads what OpenTelemetry has environment variables for.
func TestOTLPEnvironment(t *testing.T) {
	t.Setenv("OTEL_EXPORTER_OTLP_HEADERS", "a=wrong")
	t.Setenv("OTEL_EXPORTER_OTLP_LOGS_HEADERS", " x-key = a%2Cb%3D , User-Agent=me,")
	t.Setenv("OTEL_EXPORTER_OTLP_COMPRESSION", "gzip")
	t.Setenv("OTEL_RESOURCE_ATTRIBUTES", "site=B%C3%A4r,service.name=other")
	var seen http.Header
	var m collogs.ExportLogsServiceRequest
	otlp(t, func(_ http.ResponseWriter, r *http.Request) {
		seen = r.Header
		z, err := gzip.NewReader(r.Body)
		if err != nil {
			t.Error(err)
			return
		}
		body, err := io.ReadAll(z)
		if err != nil || proto.Unmarshal(body, &m) != nil {
			t.Errorf("%q: %v", body, err)
		}
	}, false)
	if seen.Get("A") != "" || seen.Get("X-Key") != "a,b=" || seen.Get("User-Agent") != "me" || seen.Get("Content-Encoding") != "gzip" {
		t.Errorf("%q", seen)
	}
	attributes := map[string]string{}
	for _, a := range m.ResourceLogs[0].Resource.Attributes {
		attributes[a.Key] += a.Value.GetStringValue()
	}
	if attributes["site"] != "Bär" || attributes["service.name"] != "caisson" {
		t.Errorf("%q", attributes)
	}
	for name, value := range map[string]string{
		"OTEL_EXPORTER_OTLP_LOGS_HEADERS": "a=b,geheim", "OTEL_EXPORTER_OTLP_LOGS_COMPRESSION": "zstd", "OTEL_RESOURCE_ATTRIBUTES": "a=%geheim",
	} {
		t.Run(name, func(t *testing.T) {
			t.Setenv(name, value)
			d, err := ParseDestination("otlp:http://127.0.0.1:1")
			if err != nil {
				t.Fatal(err)
			}
			if _, err = newOTLPReceiver(d, ""); err == nil || !strings.Contains(err.Error(), name) || strings.Contains(err.Error(), "geheim") {
				t.Errorf("%v", err)
			}
		})
	}
}

// pki is a certificate that is its own authority, for server and client.
type pki struct {
	ca, cert, key string // files
	server        *tls.Config
}

func newPKI(t *testing.T) pki {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true,
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	keyDER, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	p := pki{ca: filepath.Join(dir, "ca.pem"), cert: filepath.Join(dir, "ca.pem"), key: filepath.Join(dir, "key.pem")}
	var cert, keyPEM bytes.Buffer
	_ = pem.Encode(&cert, &pem.Block{Type: "CERTIFICATE", Bytes: der})
	_ = pem.Encode(&keyPEM, &pem.Block{Type: "PRIVATE KEY", Bytes: keyDER})
	for file, text := range map[string][]byte{p.ca: cert.Bytes(), p.key: keyPEM.Bytes()} {
		if err := os.WriteFile(file, text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	pair, err := tls.LoadX509KeyPair(p.cert, p.key)
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(cert.Bytes())
	p.server = &tls.Config{Certificates: []tls.Certificate{pair}, ClientCAs: roots, ClientAuth: tls.RequireAndVerifyClientCert, MinVersion: tls.VersionTLS12}
	return p
}
