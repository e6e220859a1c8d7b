package plugin

import (
	"bufio"
	"errors"
	"io"
	"math"
	"net"
	"net/http"
	"runtime/debug"
	"time"

	"go.uber.org/zap"

	"caisson/authz"
)

// stream is one connection, whose requests are answered one after the other.
//
// It is served by one goroutine at a time. That one may get stuck in the writing of an audit record, to a disk that hangs: then another takes
// its place, answers the request, and goes on with the next.
type stream struct {
	conns  *conns
	conn   net.Conn
	in     *io.LimitedReader
	reader *bufio.Reader
	late   func(*authz.Decision) // s.relieve, made once

	answering bool
	request   incoming // that is being answered
	waits     bool     // its body was still on its way when that began
}

func newStream(c *conns, conn net.Conn) *stream {
	in := &io.LimitedReader{R: conn}
	s := &stream{conns: c, conn: conn, in: in, reader: bufio.NewReaderSize(in, bufferSize)}
	s.late = s.relieve
	return s
}

// serve answers requests until there are no more. The first may be one that has got its answer already.
func (s *stream) serve(first *reply) {
	stuck := true
	defer func() {
		if v := recover(); v != nil { // the handler catches its own
			s.conns.log.Error("panic on a connection", zap.ByteString("stack", debug.Stack()))
			stuck = false
		}
		if !stuck { // else this goroutine was relieved, and the connection is another's
			s.end()
		}
	}()
	for more := first == nil || s.finish(*first); more; {
		more = s.one()
	}
	stuck = false
}

// relieve takes the place of the goroutine that is stuck.
func (s *stream) relieve(d *authz.Decision) {
	p := s.conns.handler.answerLate(d)
	s.serve(&p)
}

func (s *stream) end() {
	s.answered()
	s.conns.remove(s.conn)
}

// one answers one request, and tells whether another may follow.
func (s *stream) one() (more bool) {
	s.in.N = maxHead
	if _, err := s.reader.Peek(1); err != nil {
		return false // nobody asks any more
	}
	h := s.conns.handler
	s.answering = true
	h.inFlight.Add(1)
	h.begun.Add(1)
	var err error
	if s.request, err = readIncoming(s.reader); err != nil {
		defer s.answered()
		if op := (*net.OpError)(nil); !errors.As(err, &op) { // there is somebody to tell
			s.conns.log.Warn("refused what is no HTTP request", zap.Error(err))
			_, _ = s.conn.Write(failure(http.StatusBadRequest, "Caisson cannot read this HTTP request").message(true, true))
		}
		return false
	}
	m := &s.request
	s.in.N = math.MaxInt64

	// A sender that stalls gets an answer too. dockerd sends from memory, so this is no timeout that it meets when busy; and what has
	// arrived whole needs none.
	s.waits = m.length < 0 || m.length > int64(s.reader.Buffered())
	if s.waits {
		_ = s.conn.SetReadDeadline(time.Now().Add(h.bodyTime))
		if m.expects {
			_, _ = io.WriteString(s.conn, "HTTP/1.1 100 Continue\r\n\r\n")
		}
	}
	return s.finish(h.answer(m, s.late))
}

// finish sends an answer, and tells whether another request may follow.
func (s *stream) finish(p reply) (more bool) {
	defer s.answered()
	m := &s.request
	whole := discard(m.body) // what is left unread would be taken for the next request
	if s.waits && whole {
		_ = s.conn.SetReadDeadline(time.Time{})
	}
	more = whole && !m.closes && !s.conns.handler.draining.Load()
	_, err := s.conn.Write(p.message(!more, m.method != http.MethodHead))
	return more && err == nil // if dockerd has gone there is nobody to tell
}

// answered ends the work on a request.
func (s *stream) answered() {
	s.request = incoming{}
	if s.answering {
		s.answering = false
		s.conns.handler.inFlight.Add(-1)
	}
}
