package plugin

import (
	"bytes"
	"context"
	"errors"
	"net"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/zap"

	"caisson/authz/request"
	"caisson/authz/rules"
)

var pingCall = messageFor("/_ping")

// block is a policy whose decisions wait. started has a value for each that does.
func block() (started chan struct{}, release func(), check checkFunc) {
	started, hold := make(chan struct{}, 100), make(chan struct{})
	return started, sync.OnceFunc(func() { close(hold) }), func(*request.Request, *rules.Findings) {
		started <- struct{}{}
		<-hold
	}
}

// What is in flight when the end comes is finished; who comes later finds no socket.
func TestShutdown(t *testing.T) {
	started, release, check := block()
	s := start(t, policyOf(check))
	answered := make(chan string)
	for range 3 {
		go func() {
			_, text, err := s.try("POST", requestPath, bytes.NewReader(pingCall))
			if err != nil {
				text = err.Error()
			}
			answered <- text
		}()
		<-started
	}
	idle, err := net.Dial("unix", s.socket) // as dockerd has them: made, and not used yet
	if err != nil {
		t.Fatal(err)
	}
	defer idle.Close()
	ended := make(chan error, 1)
	go func() { ended <- s.stop() }()

	for {
		if _, err := os.Lstat(s.socket); errors.Is(err, os.ErrNotExist) {
			break
		}
		time.Sleep(time.Millisecond)
	}
	if conn, err := net.Dial("unix", s.socket); err == nil {
		conn.Close()
		t.Error("a new connection is accepted")
	}
	select {
	case err := <-ended:
		t.Fatalf("ended with requests in flight: %v", err)
	case <-time.After(200 * time.Millisecond):
	}
	release()
	for range 3 {
		if got := <-answered; got != allowText {
			t.Error(got)
		}
	}
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

// Answers of a server that is about to end tell dockerd not to use the connection again.
func TestShutdownClosesConnections(t *testing.T) {
	started, release, check := block()
	s := start(t, policyOf(check))
	closes := make(chan bool)
	go func() {
		answer, err := s.client.Post("http://x"+requestPath, "", bytes.NewReader(pingCall))
		if err != nil {
			t.Error(err)
			closes <- false
			return
		}
		answer.Body.Close()
		closes <- answer.Close
	}()
	<-started
	go s.stop()
	for !s.handler.draining.Load() {
		time.Sleep(time.Millisecond)
	}
	release()
	if !<-closes {
		t.Error("the answer has no Connection: close")
	}
}

// Requests that take too long do not keep the server from ending.
func TestShutdownIsBounded(t *testing.T) {
	started, release, check := block()
	s := start(t, policyOf(check), func(_ *service, server *Server) { server.Grace = 200 * time.Millisecond })
	failed := make(chan error)
	go func() {
		_, _, err := s.try("POST", requestPath, bytes.NewReader(pingCall))
		failed <- err
	}()
	<-started
	if err := s.stop(); err != nil {
		t.Error(err)
	}
	if err := <-failed; err == nil {
		t.Error("the request was answered")
	}
	if s.logs.FilterMessage("requests are cut off").Len() != 1 {
		t.Error("nothing in the log")
	}
	release()
	for s.handler.inFlight.Load() > 0 { // for goleak
		time.Sleep(time.Millisecond)
	}
}

// A restart takes the calls of clients that were there before it, and of those that try while there is no socket.
func TestRestart(t *testing.T) {
	s := start(t, usual)
	if status, text := s.post(requestPath, bytes.NewReader(pingCall)); text != allowText {
		t.Fatalf("%d %s", status, text)
	}
	if err := s.stop(); err != nil {
		t.Fatal(err)
	}
	if _, _, err := s.try("POST", requestPath, bytes.NewReader(pingCall)); !errors.Is(err, syscall.ENOENT) {
		t.Errorf("while it is down: %v", err)
	}
	next := start(t, usual, func(n *service, _ *Server) { n.socket = s.socket })
	if status, text := s.post(requestPath, bytes.NewReader(pingCall)); text != allowText {
		t.Errorf("%d %s", status, text)
	}
	if next.audit.count() != 1 {
		t.Errorf("%d records", next.audit.count())
	}
}

func TestServeReportsAListenerThatBreaks(t *testing.T) {
	l, err := Listen(socketIn(t), zap.NewNop())
	if err != nil {
		t.Fatal(err)
	}
	l.Close()
	s := start(t, usual)
	err = (&Server{Handler: s.handler, Log: zap.NewNop()}).Serve(context.Background(), l)
	if !errors.Is(err, net.ErrClosed) {
		t.Error(err)
	}
}

// A server that ends waits for what has arrived and is not read yet: closing the connection would cut it off.
func TestQuiet(t *testing.T) {
	l, err := net.Listen("unix", filepath.Join(t.TempDir(), "s"))
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	client, err := net.Dial("unix", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	accepted, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer accepted.Close()
	s := &Server{Handler: NewHandler(nil, zap.NewNop()), Log: zap.NewNop()}
	c := newConns(s.Handler, s.Log)
	c.add(accepted) // nobody serves it
	quiet := func(within time.Duration) bool { return s.quiet(c, time.Now().Add(within)) }
	if !quiet(time.Minute) {
		t.Error("it is not quiet, and nobody has written")
	}
	if _, err := client.Write([]byte("POST")); err != nil {
		t.Fatal(err)
	}
	if quiet(4 * settle) {
		t.Error("it is quiet, and a request waits to be read")
	}
	if _, err := accepted.Read(make([]byte, 16)); err != nil {
		t.Fatal(err)
	}
	if !quiet(time.Minute) {
		t.Error("it is not quiet, and all is read")
	}
	s.Handler.inFlight.Add(1)
	if quiet(4 * settle) {
		t.Error("it is quiet, and a request is in flight")
	}
	s.Handler.inFlight.Add(-1)
}

// Requests that begin and end between two looks count too.
func TestQuietCounts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &Server{Handler: NewHandler(nil, zap.NewNop()), Log: zap.NewNop()}
		ctx, stop := context.WithCancel(t.Context())
		go func() {
			for ctx.Err() == nil {
				s.Handler.begun.Add(1)
				time.Sleep(time.Millisecond)
			}
		}()
		c := newConns(s.Handler, s.Log)
		if s.quiet(c, time.Now().Add(time.Minute)) {
			t.Error("it is quiet, and requests come all the time")
		}
		stop()
		if !s.quiet(c, time.Now().Add(time.Minute)) {
			t.Error("it is not quiet, and no more requests come")
		}
	})
}
