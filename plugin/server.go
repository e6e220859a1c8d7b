package plugin

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"time"

	"github.com/coreos/go-systemd/v22/daemon"
	"go.uber.org/zap"
)

// DefaultGrace is how long requests in flight may take once the server has been told to end.
const DefaultGrace = 10 * time.Second

// settle is how long no request may come before connections are closed: enough for those that are about to be written.
const settle = 50 * time.Millisecond

// Server serves a handler on a socket.
type Server struct {
	Handler *Handler
	Log     *zap.Logger
	Grace   time.Duration // 0 is DefaultGrace
}

// Serve answers on the listener until the context ends and then shuts down: no new connections, requests in flight finish, and
// connections that wait for a next request are closed last. It closes the listener, also on an error.
func (s *Server) Serve(ctx context.Context, l net.Listener) error {
	defer l.Close() //nolint:errcheck // drain closes it, and looks
	// No timeouts but that of a body, which is answered. All others would close connections at moments at which dockerd may be writing to
	// them, and dockerd repeats a call that was cut off with an empty body; and dockerd, like every Go client, keeps connections that it
	// dialled and did not need. Only root can connect, so slow senders are no threat here.
	conns := newConns(s.Handler, s.Log)

	ctx, cancel := context.WithCancel(ctx)
	var wg sync.WaitGroup
	defer wg.Wait()
	defer cancel()
	wg.Go(func() { watch(ctx, l.Addr(), s.Log) })

	served := make(chan error, 1)
	wg.Go(func() { served <- conns.accept(l) })
	NotifyReady(s.Log)

	var err error
	select {
	case err = <-served:
		err = fmt.Errorf("serve: %w", err)
		s.drain(conns, nil)
	case <-ctx.Done():
		notify(s.Log, daemon.SdNotifyStopping)
		s.drain(conns, l)
	}
	return err
}

// drain ends the server. dockerd repeats calls that are dropped with an empty body, so everything that arrives is answered until nothing
// does.
func (s *Server) drain(conns *conns, l net.Listener) {
	s.Handler.draining.Store(true)
	grace := s.Grace
	if grace == 0 {
		grace = DefaultGrace
	}
	end := time.Now().Add(grace)
	if own, ok := l.(*socket); ok {
		// Nobody new finds the socket, and those who have connected are accepted. A socket of systemd's keeps its queue.
		own.Unlink()
		s.quiet(conns, end)
	}
	if l != nil {
		if err := l.Close(); err != nil && !errors.Is(err, net.ErrClosed) {
			s.Log.Warn("cannot close the socket", zap.Error(err))
		}
	}
	if !s.quiet(conns, end) {
		s.Log.Warn("requests are cut off", zap.Int64("requests", s.Handler.inFlight.Load()))
	}
	conns.close()
}

// quiet waits until no request is in flight, none has come for a while, and none waits to be read, which on a busy machine may take longer than
// the while. It tells whether it came to that before the end.
func (s *Server) quiet(conns *conns, end time.Time) bool {
	begun := s.Handler.begun.Load()
	for quiet := time.Duration(0); quiet < settle; {
		if time.Now().After(end) {
			return false
		}
		const step = 10 * time.Millisecond
		time.Sleep(step)
		now := s.Handler.begun.Load()
		if quiet += step; now != begun || s.Handler.inFlight.Load() > 0 || conns.unread() {
			begun, quiet = now, 0
		}
	}
	return true
}
