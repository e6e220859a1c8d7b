package docker

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"math"
	"net"
	"net/http"
	"syscall"
)

// maxHead is how many bytes an answer's status and header may have, about.
const maxHead = 256 << 10

// conn is a connection to the Engine, on which one request at a time is under way.
type conn struct {
	net.Conn
	limit *io.LimitedReader // under in
	in    *bufio.Reader
}

func newConn(raw net.Conn) *conn {
	limit := &io.LimitedReader{R: raw}
	return &conn{Conn: raw, limit: limit, in: bufio.NewReader(limit)}
}

// ask sends a request, and reads the head of its answer. An error is errStale if the connection ended before anything came back.
func (c *conn) ask(req *http.Request) (*http.Response, error) {
	c.limit.N = maxHead
	err := req.Write(c)
	if err == nil {
		_, err = c.in.Peek(1)
	}
	switch {
	case errors.Is(err, io.EOF), errors.Is(err, syscall.EPIPE), errors.Is(err, syscall.ECONNRESET):
		return nil, fmt.Errorf("%w: %w", errStale, err)
	case err != nil:
		return nil, err
	}
	res, err := http.ReadResponse(c.in, req)
	switch {
	case err != nil:
		return nil, fmt.Errorf("the Engine's answer cannot be read: %w", err)
	case res.StatusCode < http.StatusOK:
		return nil, fmt.Errorf("the Engine answers %s", res.Status)
	}
	c.limit.N = math.MaxInt64
	return res, nil
}

// quiet tells whether a connection that waits can be used: the Engine has neither ended it nor sent what nobody has asked for, which the next
// request would take for its answer.
func (c *conn) quiet() bool {
	socket, ok := c.Conn.(syscall.Conn)
	if !ok {
		return false // cannot be looked at
	}
	raw, err := socket.SyscallConn()
	if err != nil {
		return false
	}
	var peeked error
	err = raw.Read(func(fd uintptr) bool {
		_, _, peeked = syscall.Recvfrom(int(fd), make([]byte, 1), syscall.MSG_PEEK|syscall.MSG_DONTWAIT)
		return true // do not wait
	})
	return err == nil && errors.Is(peeked, syscall.EAGAIN)
}
