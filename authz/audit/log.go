package audit

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"slices"
	"sync"
	"time"
)

// Limits of a local sink.
const (
	// DefaultDeadline is how long a record may take to get written. After that it counts as failed, for its decision and all that wait
	// with it, and later ones fail at once until the disk answers.
	DefaultDeadline = 2 * time.Second

	retryEvery = time.Second
	maxKept    = 4 << 20 // bytes of records that wait for a disk; what is more is lost, and counted
)

// errClosed is what is said to a record that comes after the end.
var errClosed = errors.New("the audit log is closed")

// Log is a Sink that writes JSON lines to a file or a stream of this host. Use [NewLog] or [OpenLog].
//
// A record that comes alone is written by the goroutine that brings it, if that can be relieved (see [Late]). Records that come in while
// others are being written go out together with the next write, which a goroutine makes that lives for as long as there are records: a write to a
// disk that hangs cannot be called off, but whoever waits for it can.
type Log struct {
	// Wrote is told how long each write took; nil is nobody. It is set before the first.
	Wrote func(time.Duration)

	path     string // of a file
	deadline time.Duration
	flush    func() // l.run, made once

	mu       sync.Mutex
	out      *output
	using    *output   // out, or the one before it, while it is written to
	began    time.Time // when that began
	hangs    bool      // it takes longer than the deadline
	watchdog *time.Timer
	watched  bool  // the watchdog is set: it looks once per deadline, which is cheaper than to set it for each write
	running  bool  // there is a goroutine that writes
	late     Late  // relieves that goroutine, if it is one that decides; nil otherwise, and once it is relieved
	turn     int   // grows when that goroutine is given up
	next     batch // what has come in
	flying   batch // what is being written
	kept     kept  // what could not be written
	state    localState

	closing  bool
	closed   chan struct{} // closed when all is done
	closeErr error
}

// localState is what a Log tells of itself.
type localState struct {
	written, failed, lost uint64
	err                   error     // of the latest write, nil if it went well
	since                 time.Time // of err
}

// batch is a number of lines and those who wait for them.
type batch struct {
	lines   []byte
	waiters []*Pending
}

// Pending is a line that is being written.
type Pending struct {
	end  int // of the line in the batch
	done chan error
}

var waiters = sync.Pool{New: func() any { return &Pending{done: make(chan error, 1)} }}

// Wait returns what became of the line. It is called once.
func (w *Pending) Wait() error {
	err := <-w.done
	waiters.Put(w)
	return err
}

// kept are records that wait for a disk, as lines.
type kept struct {
	lines []byte
	count int
	armed bool // the next attempt is set
}

// NewLog writes records to a stream.
func NewLog(w io.Writer) *Log { return newLog(&output{w: w}, "") }

// OpenLog appends records to a file, which is created with mode 0640 if it is not there. "-" is standard output.
func OpenLog(path string) (*Log, error) {
	if path == "-" {
		return NewLog(os.Stdout), nil
	}
	out, err := openFile(path)
	if err != nil {
		return nil, err
	}
	return newLog(out, path), nil
}

func newLog(out *output, path string) *Log {
	l := &Log{path: path, out: out, deadline: DefaultDeadline, closed: make(chan struct{})}
	l.flush = l.run
	l.watchdog = time.AfterFunc(time.Hour, l.overdue)
	l.watchdog.Stop()
	return l
}

// Write implements [Sink].
func (l *Log) Write(r *Record, late Late) error {
	line, err := Encode(r)
	if err != nil {
		return err
	}
	defer line.Free()
	return l.WriteLine(line.Bytes(), late)
}

// WriteLine is Write for a line as [Encode] makes it.
func (l *Log) WriteLine(line []byte, late Late) error {
	l.mu.Lock()
	if late == nil || l.running || l.hangs || l.closing {
		w := l.submit(line)
		l.mu.Unlock()
		return w.Wait()
	}
	defer l.mu.Unlock()
	return l.writeHere(line, late)
}

// writeHere writes a line that comes alone. l.mu is held.
func (l *Log) writeHere(line []byte, late Late) error {
	l.running, l.late = true, late
	n, ours, err := l.write(line, l.turn)
	if !ours { // another goroutine writes to another file
		runtime.Goexit()
	}
	relieved := l.late == nil
	l.running, l.late = false, nil
	if len(l.next.waiters) > 0 || l.triesKept() || l.closing { // the rest is not this goroutine's to wait for
		l.start()
	}
	if relieved {
		runtime.Goexit()
	}
	l.count(n == len(line))
	return err
}

// Keep implements [Keeper]. The oldest of more than 4 MiB stay, and the rest is lost.
func (l *Log) Keep(r *Record) {
	line, err := Encode(r)
	if err != nil {
		return
	}
	defer line.Free()
	l.keep(line.Bytes())
}

// Submit hands in a line, as [Encode] makes it, which is the caller's again when Submit returns. What becomes of it is told by [Pending.Wait],
// which must be called: so the sinks of a host write at the same time.
func (l *Log) Submit(line []byte) *Pending {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.submit(line)
}

func (l *Log) submit(line []byte) *Pending {
	w := waiters.Get().(*Pending)
	switch {
	case l.closing:
		w.done <- errClosed
	case l.hangs:
		l.state.failed++
		w.done <- l.state.err
	default:
		l.next.lines = append(l.next.lines, line...)
		w.end = len(l.next.lines)
		l.next.waiters = append(l.next.waiters, w)
		l.start()
	}
	return w
}

// keep remembers a line until it can be written.
func (l *Log) keep(line []byte) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closing || len(l.kept.lines)+len(line) > maxKept {
		l.state.lost++
		return
	}
	l.kept.lines = append(l.kept.lines, line...)
	l.kept.count++
	l.retry()
}

// start makes sure that somebody writes. l.mu is held.
func (l *Log) start() {
	if !l.running {
		l.running = true
		go l.flush()
	}
}

// retry sees to it that kept records are tried again in a while, or with the next record. l.mu is held.
func (l *Log) retry() {
	if l.kept.armed || l.kept.count == 0 || l.closing {
		return
	}
	l.kept.armed = true
	time.AfterFunc(retryEvery, func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		if l.kept.armed = false; !l.closing {
			l.start()
		}
	})
}

// triesKept tells whether kept records are to be tried again now: the disk takes records, or their time came while others were being written.
// l.mu is held.
func (l *Log) triesKept() bool {
	return l.kept.count > 0 && (l.state.err == nil || !l.kept.armed)
}

// run writes until nothing is left to write.
func (l *Log) run() {
	l.mu.Lock()
	defer l.mu.Unlock()
	turn := l.turn
	for len(l.next.waiters) > 0 {
		l.flying, l.next = l.next, batch{l.flying.lines[:0], l.flying.waiters[:0]}
		n, ours, err := l.write(l.flying.lines, turn)
		if !ours {
			return
		}
		l.settle(n, err)
	}
	if l.triesKept() {
		if !l.writeKept(turn) {
			return
		}
	}
	l.running = false
	if len(l.next.waiters) > 0 { // came in while those kept were written
		l.start()
		return
	}
	if l.closing {
		l.end()
	}
}

// write writes lines without holding l.mu, which is held before and after. ours is false if this goroutine has been given up meanwhile.
func (l *Log) write(lines []byte, turn int) (n int, ours bool, err error) {
	out := l.out
	l.using, l.began = out, time.Now()
	if !l.watched {
		l.watched = true
		l.watchdog.Reset(l.deadline)
	}
	l.mu.Unlock()

	n, err = out.write(lines)

	l.mu.Lock()
	if turn != l.turn {
		out.discard()
		return 0, false, nil
	}
	if l.Wrote != nil {
		l.Wrote(time.Since(l.began))
	}
	if out != l.out { // reopened
		out.discard()
	}
	l.using, l.began, l.hangs = nil, time.Time{}, false
	l.report(err)
	return n, true, err
}

// settle tells those who wait what became of their lines. l.mu is held.
func (l *Log) settle(n int, err error) {
	for _, w := range l.flying.waiters { // nobody, if they were told that it takes too long
		if l.count(w.end <= n) {
			w.done <- nil
		} else {
			w.done <- err
		}
	}
	l.flying.waiters = l.flying.waiters[:0]
	const most = 1 << 20 // what a burst has left is not held for ever
	if cap(l.flying.lines) > most {
		l.flying.lines = nil
	}
}

// count counts a record that was written, or was not. l.mu is held.
func (l *Log) count(written bool) bool {
	if written {
		l.state.written++
	} else {
		l.state.failed++
	}
	return written
}

// writeKept tries again what could not be written. l.mu is held.
func (l *Log) writeKept(turn int) (ours bool) {
	lines := l.kept.lines // others may append meanwhile: that does not change these
	n, ours, _ := l.write(lines, turn)
	if !ours {
		return false
	}
	written := bytes.Count(lines[:n], []byte{'\n'})
	l.state.written += uint64(written) //nolint:gosec // G115: a count
	l.kept.count -= written
	if l.kept.lines = slices.Delete(l.kept.lines, 0, n); l.kept.count == 0 {
		l.kept.lines = nil
	}
	l.retry()
	return true
}

// overdue gives up waiting for a write. Those who wait are told, and nobody waits any more until the disk has answered.
func (l *Log) overdue() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.watched = false
	if l.using == nil || l.hangs {
		return
	}
	if left := l.deadline - time.Since(l.began); left > 0 {
		l.watched = true
		l.watchdog.Reset(left)
		return
	}
	l.hangs = true
	err := fmt.Errorf("the audit log cannot be written: it has not answered for %s", l.deadline)
	l.report(err)
	if l.late != nil {
		l.state.failed++
		go l.late(err)
		l.late = nil
	}
	for _, b := range []*batch{&l.flying, &l.next} {
		for _, w := range b.waiters {
			l.state.failed++
			w.done <- err
		}
		b.waiters = b.waiters[:0]
	}
	// Those that have not been written yet never will be: their decisions say so in records of their own.
	l.next.lines = l.next.lines[:0]
}

// report keeps the outcome of the latest write. l.mu is held.
func (l *Log) report(err error) {
	if err == nil || l.state.err == nil {
		l.state.since = time.Now()
	}
	l.state.err = err
}
