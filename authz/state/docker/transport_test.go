package docker

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"caisson/authz/state"
)

const hi = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi"

// listen prepares an Engine's socket, and a transport to it.
func listen(tb testing.TB) (net.Listener, *transport) {
	tb.Helper()
	socket := filepath.Join(tb.TempDir(), "s")
	listener, err := (&net.ListenConfig{}).Listen(tb.Context(), "unix", socket)
	if err != nil {
		tb.Fatal(err)
	}
	return listener, &transport{dial: func(ctx context.Context) (net.Conn, error) { return (&net.Dialer{}).DialContext(ctx, "unix", socket) }}
}

// script is an Engine of which each connection does what it says: it answers the requests that come in turn, and closes after the last.
type script struct {
	answers [][]string // by connection
	seen    atomic.Int64
	opened  atomic.Int64
	left    chan struct{} // gets one when the client has closed a connection
}

// client starts the Engine, and returns a client whose transport is the one that is tested.
func (s *script) client(tb testing.TB) *http.Client {
	tb.Helper()
	listener, t := listen(tb)
	s.left = make(chan struct{}, 100)
	var serving sync.WaitGroup
	serving.Go(func() {
		for {
			c, err := listener.Accept()
			if err != nil {
				return
			}
			n := int(s.opened.Add(1))
			if n > len(s.answers) {
				tb.Errorf("connection %d was not to be", n)
				_ = c.Close()
				continue
			}
			serving.Go(func() { s.serve(c, s.answers[n-1]) })
		}
	})
	tb.Cleanup(func() {
		t.CloseIdleConnections()
		_ = listener.Close()
		serving.Wait() // for each connection, so that none may be left open
	})
	return &http.Client{Transport: t, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
}

func (s *script) serve(c net.Conn, answers []string) {
	defer c.Close()
	in := bufio.NewReader(c)
	for _, a := range answers {
		req, err := http.ReadRequest(in)
		if err != nil {
			s.left <- struct{}{}
			return
		}
		_, _ = io.Copy(io.Discard, req.Body)
		s.seen.Add(1)
		_, _ = io.WriteString(c, a)
		if strings.HasSuffix(a, hang) {
			_, _ = in.ReadByte()
			s.left <- struct{}{}
			return
		}
	}
}

// hang is what an answer ends with after which the Engine is silent, until the client goes away.
const hang = "\x00"

// asks sends a request, and returns the status and body of the answer.
func asks(ctx context.Context, c *http.Client, method string) (string, error) {
	var body io.Reader
	if method == http.MethodPost {
		body = strings.NewReader("{}")
	}
	req, err := http.NewRequestWithContext(ctx, method, "http://engine/x", body)
	if err != nil {
		return "", err
	}
	res, err := c.Do(req)
	if err != nil {
		return "", err
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	return fmt.Sprint(res.StatusCode, " ", string(text)), err
}

// TestTransport asks the requests of each case one after the other.
func TestTransport(t *testing.T) {
	const chunked = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n"
	cases := []struct {
		name    string
		answers [][]string // by connection: more than these are an error
		methods string
		want    string
	}{
		{"one connection", [][]string{{hi, chunked, hi}}, "GET GET GET", "200 hi, 200 hi, 200 hi"},
		{"without a body", [][]string{{"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n", "HTTP/1.1 304 Not Modified\r\n\r\n", hi}}, "HEAD GET GET", "200 , 304 , 200 hi"},
		{"not found", [][]string{{"HTTP/1.1 404 Not Found\r\nContent-Length: 2\r\n\r\nno", hi}}, "GET GET", "404 no, 200 hi"},
		{"redirected", [][]string{{"HTTP/1.1 301 Moved\r\nLocation: /y\r\nContent-Length: 0\r\n\r\n", hi}}, "GET GET", "301 , 200 hi"},
		{"says that it closes", [][]string{{"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nhi", hi}, {hi}}, "GET GET", "200 hi, 200 hi"},
		{"ends with the connection", [][]string{{"HTTP/1.0 200 OK\r\n\r\nhi"}, {hi}}, "GET GET", "200 hi, 200 hi"},
		{"closes meanwhile", [][]string{{hi}, {hi}}, "GET GET", "200 hi, 200 hi"},
		{"closes at once", [][]string{{""}}, "GET", "the Engine ended the connection without an answer"},
		{"changes are sent once", [][]string{{hi, hi}, {""}}, "GET POST", "200 hi, the Engine ended the connection without an answer"},
		{"changes go first", [][]string{{hi, hi}}, "POST GET", "200 hi, 200 hi"},
		{"cut off", [][]string{{"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhi"}, {hi}}, "GET GET", "unexpected EOF, 200 hi"},
		{"cut off in a chunk", [][]string{{"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhi"}, {hi}}, "GET GET", "unexpected EOF, 200 hi"},
		{"cut off in the head", [][]string{{hi, "HTTP/1.1 200"}, {hi}}, "GET GET GET", "200 hi, the Engine's answer cannot be read, 200 hi"},
		{"another answer behind it", [][]string{{hi + "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nbad", hi}, {hi}}, "GET GET", "200 hi, 200 hi"},
		{"not yet an answer", [][]string{{"HTTP/1.1 103 Early Hints\r\n\r\n" + hi}, {hi}}, "GET GET", "the Engine answers 103 Early Hints, 200 hi"},
		{"another protocol", [][]string{{"HTTP/1.1 101 UPGRADED\r\n\r\n"}, {hi}}, "GET GET", "the Engine answers 101 UPGRADED, 200 hi"},
		{"a head without end", [][]string{{"HTTP/1.1 200 OK\r\nA: " + strings.Repeat("a", 2*maxHead) + "\r\n\r\n"}, {hi}}, "GET GET", "the Engine's answer cannot be read, 200 hi"},
		{"a long body", [][]string{{"HTTP/1.1 200 OK\r\nContent-Length: 600000\r\n\r\n" + strings.Repeat("b", 600000), hi}}, "GET GET", "200 " + strings.Repeat("b", 600000) + ", 200 hi"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			s := &script{answers: c.answers}
			client := s.client(t)
			methods, wants := strings.Fields(c.methods), strings.Split(c.want, ", ")
			for i, m := range methods {
				got, err := asks(t.Context(), client, m)
				if err != nil {
					got = err.Error()
				}
				if !strings.Contains(got, wants[i]) {
					t.Errorf("%d: %.200s, want %.200s", i, got, wants[i])
				}
			}
			if n := int(s.seen.Load()); n != len(methods) {
				t.Errorf("the Engine saw %d requests of %d", n, len(methods))
			}
			if n := int(s.opened.Load()); n != len(c.answers) {
				t.Errorf("%d connections, want %d", n, len(c.answers))
			}
		})
	}
}

// TestTransportContext ends the context of requests that get no answer, or half of one. The Engine sees the connection end.
func TestTransportContext(t *testing.T) {
	for name, answer := range map[string]string{"no answer": hang, "half a head": "HTTP/1.1 200" + hang, "half a body": "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhi" + hang} {
		t.Run(name, func(t *testing.T) {
			s := &script{answers: [][]string{{hi, answer}, {hi}}}
			client := s.client(t)
			if got, err := asks(t.Context(), client, http.MethodGet); got != "200 hi" || err != nil {
				t.Fatal(got, err)
			}
			ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
			defer cancel()
			if got, err := asks(ctx, client, http.MethodGet); !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("%q, %v", got, err)
			}
			<-s.left
			if n := s.seen.Load(); n != 2 { // it was not sent again
				t.Errorf("the Engine saw %d requests", n)
			}
			if got, err := asks(t.Context(), client, http.MethodGet); got != "200 hi" || err != nil {
				t.Error(got, err)
			}
		})
	}
}

// TestTransportUnread leaves an answer half read: the rest of it is not to be the next one.
func TestTransportUnread(t *testing.T) {
	s := &script{answers: [][]string{{"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhi" + hang}, {hi}}}
	client := s.client(t)
	res, err := client.Get("http://engine/x") //nolint:noctx // nothing ends it but what is tested
	if err != nil {
		t.Fatal(err)
	}
	if err := res.Body.Close(); err != nil {
		t.Error(err)
	}
	<-s.left
	if got, err := asks(t.Context(), client, http.MethodGet); got != "200 hi" || err != nil {
		t.Error(got, err)
	}
}

// TestTransportUnasked has the Engine send an answer that nobody has asked for, on a connection that waits: it is nobody's.
func TestTransportUnasked(t *testing.T) {
	listener, tr := listen(t)
	defer listener.Close()
	ask, sent := make(chan struct{}), make(chan struct{})
	go func() {
		first, err := listener.Accept()
		if err != nil {
			return
		}
		defer first.Close()
		_, _ = http.ReadRequest(bufio.NewReader(first))
		_, _ = io.WriteString(first, hi)
		<-ask
		_, _ = io.WriteString(first, "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n")
		close(sent)
		second, err := listener.Accept()
		if err != nil {
			return
		}
		defer second.Close()
		_, _ = http.ReadRequest(bufio.NewReader(second))
		_, _ = io.WriteString(second, hi)
	}()
	defer tr.CloseIdleConnections()
	client := &http.Client{Transport: tr}
	if got, err := asks(t.Context(), client, http.MethodGet); got != "200 hi" || err != nil {
		t.Error(got, err)
	}
	close(ask)
	<-sent
	if got, err := asks(t.Context(), client, http.MethodGet); got != "200 hi" || err != nil {
		t.Error(got, err)
	}
}

// TestTransportEnded sends nothing for those who have no more time, and leaves the connections that wait to others.
func TestTransportEnded(t *testing.T) {
	s := &script{answers: [][]string{{hi, hi}}}
	client := s.client(t)
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	for i, ctx := range []context.Context{t.Context(), ended, t.Context()} {
		got, err := asks(ctx, client, http.MethodGet)
		if want := ctx.Err(); !errors.Is(err, want) || (want == nil) != (got == "200 hi") {
			t.Errorf("%d: %q, %v", i, got, err)
		}
	}
	if n := s.seen.Load(); n != 2 {
		t.Errorf("the Engine saw %d requests", n)
	}
}

// TestTransportForgotten ends a connection whose answer nobody reads or closes, as the client library does with some, with the context.
func TestTransportForgotten(t *testing.T) {
	s := &script{answers: [][]string{{"HTTP/1.1 500 Error\r\nContent-Length: 5\r\n\r\nhi" + hang}}}
	client := s.client(t)
	ctx, cancel := context.WithCancel(t.Context())
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://engine/x", nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := client.Do(req); err != nil { //nolint:bodyclose // is what is tested
		t.Fatal(err)
	}
	cancel()
	<-s.left
}

// TestRedirected takes a redirection for no answer: neither to a question nor to a change, which has not been made.
func TestRedirected(t *testing.T) {
	listener, _ := listen(t)
	server := &http.Server{Handler: http.RedirectHandler("/elsewhere", http.StatusMovedPermanently)}
	go func() { _ = server.Serve(listener) }()
	defer server.Close()
	e, err := New("unix://" + listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	id := strings.Repeat("ab", 32)
	_, image := e.Image(t.Context(), "app", "")
	_, exec := e.Exec(t.Context(), "e")
	_, stored := e.Container(t.Context(), "web")
	_, volume := e.Volume(t.Context(), "v")
	for what, err := range map[string]error{
		"image": image, "exec": exec, "container": stored, "volume": volume,
		"kill": e.StopContainer(t.Context(), id), "removal": e.RemoveContainer(t.Context(), id),
	} {
		if err == nil || errors.Is(err, state.ErrNotFound) {
			t.Errorf("%s: %v", what, err)
		}
	}
}

// TestTransportMany asks from many goroutines at once. No answer goes to another, and no more connections wait than may.
func TestTransportMany(t *testing.T) {
	listener, tr := listen(t)
	var mu sync.Mutex
	open := map[net.Conn]bool{}
	server := &http.Server{
		Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { _, _ = io.WriteString(w, r.URL.Path) }),
		ConnState: func(c net.Conn, state http.ConnState) {
			mu.Lock()
			defer mu.Unlock()
			if open[c] = true; state == http.StateClosed {
				delete(open, c)
			}
		},
	}
	go func() { _ = server.Serve(listener) }()
	defer server.Close()
	client := &http.Client{Transport: tr}
	left := func(most int) {
		t.Helper()
		for range 1000 {
			mu.Lock()
			n := len(open)
			mu.Unlock()
			if n <= most {
				return
			}
			time.Sleep(10 * time.Millisecond)
		}
		t.Errorf("%d connections are open, more than %d", len(open), most)
	}
	var all sync.WaitGroup
	for g := range 32 {
		all.Go(func() {
			for i := range 50 {
				path := fmt.Sprintf("/%d/%d", g, i)
				res, err := client.Get("http://engine" + path) //nolint:noctx // the server ends it
				if err != nil {
					t.Error(err)
					return
				}
				text, err := io.ReadAll(res.Body)
				_ = res.Body.Close()
				if err != nil || string(text) != path {
					t.Errorf("%s: %q, %v", path, text, err)
				}
			}
		})
	}
	all.Wait()
	left(maxIdle)
	client.CloseIdleConnections()
	left(0)
	if got, err := asks(t.Context(), client, http.MethodGet); got != "200 /x" || err != nil { // as one that was under way
		t.Error(got, err)
	}
	left(0)
}

// FuzzTransport compares with the transport of net/http what is read of an answer, whatever that is.
func FuzzTransport(f *testing.F) {
	for _, seed := range []string{
		hi, hi + hi, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\nA: b\r\n\r\n", "HTTP/1.0 200 OK\r\n\r\nhi", "HTTP/1.1 204 No\r\n\r\nhi",
		"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhi", "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nhi", "HTTP/1.1 301 Moved\r\nLocation: /y\r\n\r\n",
		"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n", "HTTP/1.1 100 Continue\r\n\r\n" + hi, "",
	} {
		f.Add([]byte(seed), false)
		f.Add([]byte(seed), true)
	}
	f.Fuzz(func(t *testing.T, answer []byte, head bool) {
		dial := func(context.Context) (net.Conn, error) { //nolint:unparam // as a dialer has to be
			here, there := net.Pipe()
			go func() {
				defer there.Close()
				if req, err := http.ReadRequest(bufio.NewReader(there)); err == nil {
					_, _ = io.Copy(io.Discard, req.Body)
					_, _ = there.Write(answer)
				}
			}()
			return here, nil
		}
		theirs := &http.Transport{
			DialContext:        func(ctx context.Context, _, _ string) (net.Conn, error) { return dial(ctx) },
			DisableCompression: true, DisableKeepAlives: true, MaxResponseHeaderBytes: maxHead,
		}
		defer theirs.CloseIdleConnections()
		ours := &transport{dial: dial}
		defer ours.CloseIdleConnections()
		method := http.MethodGet
		if head {
			method = http.MethodHead
		}
		want, wantErr := reads(t, theirs, method)
		got, err := reads(t, ours, method)
		if err != nil && strings.HasPrefix(err.Error(), "the Engine answers ") {
			return // before the answer, which net/http waits for
		}
		if got != want || (err == nil) != (wantErr == nil) {
			t.Errorf("%q is %q, %v; for net/http %q, %v", answer, got, err, want, wantErr)
		}
	})
}

// reads sends a request by a transport, and returns all that is read of the answer.
func reads(t *testing.T, by http.RoundTripper, method string) (string, error) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, "http://engine/x", nil)
	if err != nil {
		t.Fatal(err)
	}
	res, err := by.RoundTrip(req)
	if err != nil {
		return "", err
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	return fmt.Sprint(res.StatusCode, res.Header, res.ContentLength, string(text)), err
}
