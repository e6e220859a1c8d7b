package plugin

import (
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"strconv"
	"sync"
	"syscall"
	"time"

	"go.uber.org/zap"
	"golang.org/x/sys/unix"
)

const (
	maxHead    = 64 << 10 // of an HTTP request, without the body; dockerd sends less than 200 bytes
	bufferSize = 8 << 10  // ordinary calls fit in it whole
)

// conns are the connections of a server.
//
// net/http parses what arrives on them, and does not serve them: for every request its server starts a goroutine that waits for the client
// to go away, and stops it before the answer, which takes longer than an ordinary decision. dockerd does not go away. Why no more is
// missed is in docs/decisions/0009-connections-are-served-without-net-http.md.
type conns struct {
	handler *Handler
	log     *zap.Logger

	mu   sync.Mutex
	open map[net.Conn]bool
	done bool // no connection is served any more
}

func newConns(h *Handler, log *zap.Logger) *conns {
	return &conns{handler: h, log: log, open: make(map[net.Conn]bool)}
}

// accept serves the connections of a listener until that is closed. It always returns an error.
func (c *conns) accept(l net.Listener) error {
	const longest = time.Second
	pause := time.Duration(0)
	for {
		conn, err := l.Accept()
		switch {
		case err == nil:
			pause = 0
			if c.add(conn) {
				go newStream(c, conn).serve(nil)
			}
		case isTemporary(err): // too many open files: some will be closed
			pause = min(max(2*pause, 5*time.Millisecond), longest)
			c.log.Warn("cannot accept a connection", zap.Error(err), zap.Duration("again_in", pause))
			time.Sleep(pause)
		default:
			return err
		}
	}
}

func isTemporary(err error) bool {
	t, ok := errors.AsType[interface {
		error
		Temporary() bool
	}](err)
	return ok && t.Temporary()
}

func (c *conns) add(conn net.Conn) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.done {
		_ = conn.Close() // whoever connected now would find nobody a moment later
		return false
	}
	c.open[conn] = true
	return true
}

func (c *conns) remove(conn net.Conn) {
	_ = conn.Close()
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.open, conn)
}

// unread tells whether anything has arrived on a connection that nobody has read yet.
func (c *conns) unread() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	for conn := range c.open {
		if waiting(conn) > 0 {
			return true
		}
	}
	return false
}

// waiting is the number of bytes in the kernel's queue of a connection, 0 if it cannot be told.
func waiting(conn net.Conn) (n int) {
	c, ok := conn.(syscall.Conn)
	if !ok {
		return 0
	}
	raw, err := c.SyscallConn()
	if err != nil {
		return 0
	}
	_ = raw.Control(func(fd uintptr) { n, _ = unix.IoctlGetInt(int(fd), unix.TIOCINQ) }) // closed meanwhile: nothing waits
	return n
}

// close ends all connections, whatever they are doing.
func (c *conns) close() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.done = true
	for conn := range c.open {
		_ = conn.Close()
	}
}

// discard reads the rest of a body, and tells whether it came to the end of it.
func discard(body io.Reader) bool {
	buffer := buffers.Get().(*[]byte)
	defer buffers.Put(buffer)
	for left := maxDrain; left > 0; {
		n, err := body.Read(*buffer)
		if err != nil {
			return errors.Is(err, io.EOF)
		}
		left -= n
	}
	return false
}

// buffers are for bytes on their way.
var buffers = sync.Pool{New: func() any {
	b := make([]byte, 32<<10)
	return &b
}}

// message is the answer as it goes out. Without a body it answers HEAD.
func (p reply) message(closes, body bool) []byte {
	if p.ready != nil && !closes && body {
		return p.ready
	}
	b := make([]byte, 0, 256+len(p.body))
	b = append(b, "HTTP/1.1 "...)
	b = strconv.AppendInt(b, int64(p.status), 10)
	b = append(append(b, ' '), http.StatusText(p.status)...)
	b = append(append(b, "\r\nContent-Type: "...), contentType...)
	b = append(b, "\r\nContent-Length: "...)
	b = strconv.AppendInt(b, int64(len(p.body)), 10)
	if closes {
		b = append(b, "\r\nConnection: close"...)
	}
	b = append(b, "\r\n\r\n"...)
	if body {
		b = append(b, p.body...)
	}
	return b
}

// stalled tells whether a body did not arrive in time.
func stalled(err error) bool { return errors.Is(err, os.ErrDeadlineExceeded) }
