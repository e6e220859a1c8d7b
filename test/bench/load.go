package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/docker/go-plugins-helpers/authorization"
)

// connections is how many of them send at the same time: as one user, and as a busy machine.
var connections = []int{1, 8}

// warmUp is how many calls a connection sends before it is measured.
const warmUp = 20

// sample is one measurement, in microseconds, and how many calls it is of.
type sample struct {
	p50, p99, cpu float64
	calls         int
}

// load sends one call again and again on n connections, and measures.
func (p *plugin) load(c *call, n int, d time.Duration) (sample, error) {
	senders := make([]*sender, n)
	for i := range senders {
		s, err := dial(p, c)
		if err != nil {
			return sample{}, err
		}
		defer s.conn.Close()
		if err := s.send(warmUp); err != nil {
			return sample{}, err
		}
		senders[i] = s
	}
	before, err := p.cpuTime()
	if err != nil {
		return sample{}, err
	}
	errs := make([]error, n)
	var wg sync.WaitGroup
	end := time.Now().Add(d)
	for i, s := range senders {
		wg.Go(func() { errs[i] = s.sendUntil(end) })
	}
	wg.Wait()
	after, err := p.cpuTime()
	if err := errors.Join(append(errs, err)...); err != nil {
		return sample{}, err
	}
	var times []time.Duration
	for _, s := range senders {
		times = append(times, s.times...)
	}
	slices.Sort(times)
	return sample{
		p50:   microseconds(times[len(times)/2]),
		p99:   microseconds(times[len(times)*99/100]),
		cpu:   microseconds(after-before) / float64(len(times)),
		calls: len(times),
	}, p.checkAudit(c)
}

func microseconds(d time.Duration) float64 { return float64(d) / float64(time.Microsecond) }

// checkAudit looks whether the calls have been recorded, and empties the log, which would grow to gigabytes.
func (p *plugin) checkAudit(c *call) error {
	if p.auditLog == "" {
		return nil
	}
	info, err := os.Stat(p.auditLog)
	if err != nil {
		return err
	}
	if c.request && info.Size() == 0 {
		return errors.New("nothing was written to the audit log")
	}
	return os.Truncate(p.auditLog, 0)
}

// verify sends one call and looks at the whole answer.
func (p *plugin) verify(c *call) error {
	s, err := dial(p, c)
	if err != nil {
		return err
	}
	defer s.conn.Close()
	status, body, err := s.roundTrip()
	if err != nil {
		return err
	}
	var answer authorization.Response
	if err := json.Unmarshal(body, &answer); err != nil {
		return fmt.Errorf("answer %q: %w", body, err)
	}
	if status != http.StatusOK || answer.Err != "" || answer.Allow == s.refused || (answer.Msg != "") != s.refused {
		return fmt.Errorf("wrong answer: %d %s", status, body)
	}
	return nil
}

// sender sends one call on one connection. It is written by hand so that most of what it measures is the plugin.
type sender struct {
	conn    net.Conn
	reader  *bufio.Reader
	message []byte
	refused bool // what the answer must be
	times   []time.Duration
}

func dial(p *plugin, c *call) (*sender, error) {
	conn, err := net.Dial("unix", p.socket)
	if err != nil {
		return nil, err
	}
	const longestAnswer = 64 << 10
	return &sender{
		conn: conn, reader: bufio.NewReaderSize(conn, longestAnswer), message: c.message, refused: c.refused && p.decides,
		times: make([]time.Duration, 0, 1<<16),
	}, nil
}

func (s *sender) send(n int) error {
	for range n {
		if err := s.call(); err != nil {
			return err
		}
	}
	return nil
}

func (s *sender) sendUntil(end time.Time) error {
	for begin := time.Now(); len(s.times) == 0 || begin.Before(end); {
		if err := s.call(); err != nil {
			return err
		}
		now := time.Now()
		s.times = append(s.times, now.Sub(begin))
		begin = now
	}
	return nil
}

// call sends the call and checks the answer.
func (s *sender) call() error {
	status, body, err := s.roundTrip()
	if err != nil {
		return err
	}
	if status != http.StatusOK || bytes.Contains(body, []byte(`"Allow":true`)) == s.refused {
		return fmt.Errorf("wrong answer: %d %s", status, body)
	}
	return nil
}

// roundTrip sends the message and reads the answer, which is valid until the next one.
func (s *sender) roundTrip() (status int, body []byte, err error) {
	if _, err := s.conn.Write(s.message); err != nil {
		return 0, nil, err
	}
	length := -1
	for {
		line, err := s.reader.ReadSlice('\n')
		if err != nil {
			return 0, nil, err
		}
		line = bytes.TrimSpace(line)
		if len(line) == 0 {
			break
		}
		if status == 0 { // HTTP/1.1 200 OK
			if fields := bytes.Fields(line); len(fields) > 1 {
				status, err = strconv.Atoi(string(fields[1]))
			}
		} else if v, ok := bytes.CutPrefix(line, []byte("Content-Length: ")); ok {
			length, err = strconv.Atoi(string(v))
		}
		if err != nil {
			return 0, nil, fmt.Errorf("answer %q: %w", line, err)
		}
	}
	if length < 0 {
		return 0, nil, errors.New("the answer has no Content-Length")
	}
	if body, err = s.reader.Peek(length); err == nil {
		_, err = s.reader.Discard(length)
	}
	return status, body, err
}
