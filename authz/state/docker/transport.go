package docker

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"sync"
)

// maxIdle is how many connections wait for the next request at most.
const maxIdle = 4

// transport is an [http.RoundTripper] for an Engine on a socket. That of net/http gives each connection two goroutines, and three times has one
// wake another before an answer is there, which takes a good part of the time that a decision waits for it. Here the goroutine that asks writes the
// request, and reads the answer. What a request is on the wire, and where an answer ends, is left to net/http.
//
// It follows no redirection, asks for no compression, and takes no answer before the answer (status 1xx): no look-up gets one.
type transport struct {
	dial func(context.Context) (net.Conn, error)

	mu     sync.Mutex
	idle   []*conn // the one that was used last is the last
	closed bool
}

// errStale means that a connection ended before anything came back on it. If it is one that has been used before, the Engine may have ended it
// meanwhile.
var errStale = errors.New("the Engine ended the connection without an answer")

// RoundTrip implements [http.RoundTripper]. The answer's body has to be read to its end for the connection to be used again.
func (t *transport) RoundTrip(req *http.Request) (*http.Response, error) {
	ctx := req.Context()
	// What changes something is never sent twice, so it is sent where it cannot be too late. Nor is what has a body, which can be read only once.
	if question := req.Method == http.MethodGet || req.Method == http.MethodHead; question && req.Body == nil && ctx.Err() == nil {
		if c := t.take(); c != nil {
			if res, err := t.exchange(c, req); !errors.Is(err, errStale) {
				return res, err
			}
		}
	}
	raw, err := t.dial(ctx)
	if err != nil {
		if req.Body != nil {
			_ = req.Body.Close()
		}
		return nil, told(ctx, err)
	}
	return t.exchange(newConn(raw), req)
}

// exchange sends a request on a connection, which is from then on up to it or to the answer's body.
func (t *transport) exchange(c *conn, req *http.Request) (*http.Response, error) {
	ctx := req.Context()
	b := &body{ctx: ctx, transport: t, conn: c, stop: context.AfterFunc(ctx, func() { _ = c.Close() })}
	res, err := c.ask(req)
	if err != nil {
		b.end(false)
		return nil, told(ctx, err)
	}
	if res.Body == http.NoBody {
		b.end(!res.Close)
		return res, nil
	}
	b.ReadCloser, b.last = res.Body, res.Close
	res.Body = b
	return res, nil
}

// take returns a connection that waits, nil if there is none.
func (t *transport) take() *conn {
	t.mu.Lock()
	defer t.mu.Unlock()
	for len(t.idle) > 0 {
		last := len(t.idle) - 1
		c := t.idle[last]
		t.idle = t.idle[:last]
		if c.quiet() {
			return c
		}
		_ = c.Close()
	}
	return nil
}

// keep takes a connection back, and tells whether there is room for it.
func (t *transport) keep(c *conn) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.closed || len(t.idle) == maxIdle {
		return false
	}
	t.idle = append(t.idle, c)
	return true
}

// CloseIdleConnections ends the connections that wait, and lets none wait from now on. [http.Client] calls it by that name.
func (t *transport) CloseIdleConnections() {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, c := range t.idle {
		_ = c.Close()
	}
	t.idle, t.closed = nil, true
}

// body is the body of an answer, and what becomes of the connection when it has been read.
type body struct {
	io.ReadCloser
	ctx       context.Context //nolint:containedctx // of the request, which an answer's body belongs to
	transport *transport
	conn      *conn
	stop      func() bool // lets the connection be when the context ends
	last      bool        // the Engine ends the connection after this answer
	ended     bool
}

// Read implements [io.Reader].
func (b *body) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	switch {
	case err == io.EOF: //nolint:errorlint // a reader's end is said by itself
		b.end(!b.last)
	case err != nil:
		err = told(b.ctx, err)
		b.end(false)
	}
	return n, err
}

// Close implements [io.Closer].
func (b *body) Close() error {
	b.end(false)
	return nil
}

// end is called when nothing more is read. Bytes that are there already belong to no request: the next one is not to take them for its answer.
func (b *body) end(again bool) {
	if b.ended {
		return
	}
	b.ended = true
	if !b.stop() || !again || b.conn.in.Buffered() > 0 || !b.transport.keep(b.conn) {
		_ = b.conn.Close()
	}
}

// told returns the error to tell of: if the context has ended, that is the reason for any other.
func told(ctx context.Context, err error) error {
	if ended := ctx.Err(); ended != nil {
		return ended
	}
	return err
}
