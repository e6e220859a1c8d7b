package plugin

import (
	"bytes"
	"context"
	"errors"
	"net"
	"os"
	"sync"
	"syscall"
	"testing"
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
	begin := time.Now()
	if err := s.stop(); err != nil {
		t.Error(err)
	}
	if d := time.Since(begin); d > 2*time.Second {
		t.Errorf("took %v", d)
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
