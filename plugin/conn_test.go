package plugin

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"
)

// An answered is an answer that has been read.
type answered struct {
	status int
	closes bool
	body   string
}

// exchange sends a text on a connection of its own and reads n answers. It also tells whether the connection stays open after them.
func (s *service) exchange(n int, text string) (answers []answered, stays bool) {
	s.t.Helper()
	conn, err := net.Dial("unix", s.socket)
	if err != nil {
		s.t.Fatal(err)
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(10 * time.Second))
	go io.WriteString(conn, text)
	reader := bufio.NewReader(conn)
	for range n {
		answer, err := http.ReadResponse(reader, nil)
		if err != nil {
			s.t.Fatal("no answer: ", err)
		}
		body, err := io.ReadAll(answer.Body)
		answer.Body.Close()
		if err != nil {
			s.t.Fatal(err)
		}
		answers = append(answers, answered{answer.StatusCode, answer.Close, ids.ReplaceAllString(string(body), "ID")})
	}
	_ = conn.SetReadDeadline(time.Now().Add(100 * time.Millisecond))
	_, err = reader.ReadByte()
	return answers, errors.Is(err, os.ErrDeadlineExceeded)
}

func post(path, headers, body string) string {
	return fmt.Sprintf("POST %s HTTP/1.1\r\nHost: \r\n%sContent-Length: %d\r\n\r\n%s", path, headers, len(body), body)
}

// Requests on one connection are answered in their order, whatever is in them, and none is taken for a part of another.
func TestConnection(t *testing.T) {
	s := start(t, usual)
	forbidden := string(messageFor("/v1.41/containers/forbidden/json"))
	large := string(messageOfSize(300 << 10))
	chunked := "POST " + requestPath + " HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nTrailer: X\r\n\r\n" +
		fmt.Sprintf("%x\r\n%s\r\n0\r\nX: y\r\n\r\n", len(pingCall), pingCall)
	text := post(requestPath, "", string(pingCall)) + post(requestPath, "", forbidden) + post(responsePath, "", large) + chunked +
		post("/elsewhere", "", large) + post(requestPath, "", large) + post(requestPath, "", forbidden) + post(requestPath, "", string(pingCall))
	answers, stays := s.exchange(8, text)
	for i, want := range []string{allowText, "forbidden", allowText, allowText, "no such endpoint", allowText, "forbidden", allowText} {
		if a := answers[i]; !strings.Contains(a.body, want) || a.closes {
			t.Errorf("answer %d: %+v", i, a)
		}
	}
	if !stays {
		t.Error("the connection does not stay open")
	}
}

// What is no HTTP request, or asks for its connection to be closed, ends the connection after an answer.
func TestConnectionEnds(t *testing.T) {
	s := start(t, usual)
	for _, c := range []struct {
		name, text string
		status     int
		want       string
	}{
		{"Connection: close", post(requestPath, "Connection: close\r\n", string(pingCall)), 200, allowText},
		{"no HTTP", "hello\r\n\r\n", 400, "cannot read this HTTP request"},
		{"two lengths", "POST " + requestPath + " HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nxx", 400, "cannot read this HTTP request"},
		{"a head without end", "POST " + requestPath + " HTTP/1.1\r\nX: " + strings.Repeat("x", maxHead), 400, "cannot read this HTTP request"},
		{"a chunk that is none", "POST " + requestPath + " HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nnone\r\n", 500, "did not arrive whole"},
	} {
		t.Run(c.name, func(t *testing.T) {
			answers, stays := s.exchange(1, c.text+post(requestPath, "", string(pingCall)))
			if a := answers[0]; a.status != c.status || !strings.Contains(a.body, c.want) || !a.closes {
				t.Errorf("%+v", a)
			}
			if stays {
				t.Error("the connection stays open")
			}
		})
	}
}

// A client that asks whether it may go on with a large body hears that it may.
func TestConnectionContinues(t *testing.T) {
	s := start(t, usual)
	conn, err := net.Dial("unix", s.socket)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	fmt.Fprintf(conn, "POST %s HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: %d\r\n\r\n", requestPath, len(pingCall))
	reader := bufio.NewReader(conn)
	if line, err := reader.ReadString('\n'); line != "HTTP/1.1 100 Continue\r\n" || err != nil {
		t.Fatalf("%q %v", line, err)
	}
	if _, err := reader.Discard(len("\r\n")); err != nil {
		t.Fatal(err)
	}
	if _, err := conn.Write(pingCall); err != nil {
		t.Fatal(err)
	}
	answer, err := http.ReadResponse(reader, nil)
	if err != nil {
		t.Fatal(err)
	}
	answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		t.Error(answer.Status)
	}
}

// broken is a listener that fails for a while.
type broken struct {
	net.Listener
	failures int
}

type noFiles struct{}

func (noFiles) Error() string   { return "too many open files" }
func (noFiles) Temporary() bool { return true }

func (b *broken) Accept() (net.Conn, error) {
	if b.failures > 0 {
		b.failures--
		return nil, noFiles{}
	}
	return b.Listener.Accept()
}

// A process that has run out of files for a moment goes on afterwards.
func TestAcceptGoesOn(t *testing.T) {
	s := start(t, usual)
	path := socketIn(t)
	l, err := Listen(path, s.handler.log)
	if err != nil {
		t.Fatal(err)
	}
	c := newConns(s.handler, s.handler.log)
	done := make(chan error)
	go func() { done <- c.accept(&broken{l, 3}) }()
	other := *s
	other.socket = path
	if answers, _ := other.exchange(1, post(requestPath, "", string(pingCall))); answers[0].body != allowText {
		t.Error(answers[0])
	}
	l.Close()
	if err := <-done; err == nil {
		t.Error("no error")
	}
	c.close()
}
