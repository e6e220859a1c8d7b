package audit

import (
	"errors"
	"io"
	"os"
	"runtime"
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
