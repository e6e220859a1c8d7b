package audit

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"go.uber.org/zap"
)

// Options say where records go.
type Options struct {
	Destinations []*Destination
	Stdout       io.Writer
	Log          *zap.Logger
	Version      string              // of this program; collectors of OpenTelemetry are told
	Wrote        func(time.Duration) // told how long each write to a local sink took; nil is nobody
}

// Sinks is the whole audit log: all sinks at once. A record is written when each local sink has it. Remote sinks get a copy then.
type Sinks struct {
	local  []*Log
	remote []*queue
	names  []string // of local, then of remote
}

var (
	_ Sink   = (*Sinks)(nil)
	_ Keeper = (*Sinks)(nil)
	_ Keeper = (*Log)(nil)
)

// Open opens all destinations. At least one must be local: what is only on its way elsewhere is not recorded.
func Open(o Options) (*Sinks, error) {
	if err := check(o.Destinations); err != nil {
		return nil, err
	}
	s := &Sinks{}
	for _, d := range o.Destinations {
		if !d.Local() {
			continue
		}
		l := NewLog(o.Stdout)
		if d.Kind == File {
			var err error
			if l, err = OpenLog(d.Path); err != nil {
				s.abandon()
				return nil, err
			}
		}
		l.wrote = o.Wrote
		s.local, s.names = append(s.local, l), append(s.names, d.Name)
	}
	for _, d := range o.Destinations {
		var to receiver
		switch d.Kind {
		case Stdout, File:
			continue
		case Syslog:
			to = newSyslogReceiver(d)
		case OTLP:
			var err error
			if to, err = newOTLPReceiver(d, o.Version); err != nil {
				s.abandon()
				return nil, fmt.Errorf("%s: %w", d.Name, err)
			}
		}
		s.remote = append(s.remote, newQueue(to, d.queue, o.Log.With(zap.String("sink", d.Name))))
		s.names = append(s.names, d.Name)
	}
	return s, nil
}

func check(list []*Destination) error {
	seen, local := map[string]bool{}, false
	for _, d := range list {
		name := d.Name
		if d.Kind == File {
			name = d.Path
		}
		if seen[name] {
			return fmt.Errorf("%s is named twice", d.Name)
		}
		seen[name] = true
		local = local || d.Local()
	}
	if !local {
		return errors.New("records must be kept on this host too, for what is only on its way elsewhere can be lost; name a file, or - for standard output, as well")
	}
	return nil
}

// abandon closes what was opened before a mistake was found.
func (s *Sinks) abandon() {
	ctx, cancel := context.WithTimeout(context.Background(), DefaultDeadline)
	defer cancel()
	_ = s.Close(ctx) // nothing was written
}

// Write implements [Sink]. All local sinks write at the same time.
func (s *Sinks) Write(r *Record) error {
	line, err := encode(r)
	if err != nil {
		return err
	}
	defer line.Free()
	var few [2]*waiter // seldom more
	list := few[:0]
	for _, l := range s.local {
		list = append(list, l.submit(line.Bytes()))
	}
	for _, w := range list {
		if failed := w.wait(); failed != nil {
			err = errors.Join(err, failed)
		}
	}
	if err != nil {
		return err
	}
	s.copy(r)
	return nil
}

// Keep implements [Keeper].
func (s *Sinks) Keep(r *Record) {
	for _, l := range s.local {
		l.Keep(r)
	}
	s.copy(r)
}

func (s *Sinks) copy(r *Record) {
	for _, q := range s.remote {
		q.add(r)
	}
}

// Reopen opens all files anew; see [Log.Reopen].
func (s *Sinks) Reopen() error {
	var errs []error
	for _, l := range s.local {
		errs = append(errs, l.Reopen())
	}
	return errors.Join(errs...)
}

// Close writes and sends what is left, for as long as the context lasts. The error tells what is lost.
func (s *Sinks) Close(ctx context.Context) error {
	errs := make([]error, len(s.local)+len(s.remote))
	done := make(chan int)
	for i, l := range s.local {
		go func() { errs[i] = l.Close(ctx); done <- i }()
	}
	for i, q := range s.remote {
		i += len(s.local)
		go func() {
			if n := q.close(ctx); n > 0 {
				errs[i] = fmt.Errorf("%s did not get %d records; they are in the log of this host", s.names[i], n)
			}
			done <- i
		}()
	}
	for range errs {
		<-done
	}
	return errors.Join(errs...)
}

// Status is what a sink tells of itself.
type Status struct {
	Sink     string // as [Destination.Name]
	Local    bool
	Err      error     // why it takes no records now; nil if it does, as far as is known
	Since    time.Time // of that
	Written  uint64    // records that it has
	Failures uint64    // local: records that were not written in time; remote: attempts to send that failed
	Waiting  int       // records in memory
	Capacity int       // of the queue, in records; 0 for a local sink, whose memory is bounded in bytes
	Dropped  Dropped
}

// Dropped counts records that a sink does not have and will not get.
type Dropped struct {
	Full     uint64 // there was no room for them to wait
	Rejected uint64 // the receiver does not take them
	Unsent   uint64 // they came, or still waited, at the end
}

// Status tells of each sink, local ones first.
func (s *Sinks) Status() []Status {
	list := make([]Status, 0, len(s.names))
	for i, l := range s.local {
		list = append(list, l.status(s.names[i]))
	}
	for i, q := range s.remote {
		list = append(list, q.status(s.names[len(s.local)+i]))
	}
	return list
}

func (l *Log) status(name string) Status {
	l.mu.Lock()
	defer l.mu.Unlock()
	return Status{
		Sink: name, Local: true, Err: l.state.err, Since: l.state.since, Written: l.state.written, Failures: l.state.failed,
		Waiting: l.kept.count, Dropped: Dropped{Full: l.state.lost},
	}
}

func (q *queue) status(name string) Status {
	st := Status{
		Sink: name, Written: q.sent.Load(), Failures: q.failures.Load(), Waiting: len(q.records) + int(q.flying.Load()), Capacity: cap(q.records),
		Dropped: Dropped{Full: q.full.Load(), Rejected: q.rejected.Load(), Unsent: q.unsent.Load()},
	}
	if o := q.down.Load(); o != nil {
		st.Err, st.Since = o.err, o.since
	}
	return st
}
