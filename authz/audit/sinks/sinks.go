// Package sinks is the whole audit log: files and standard output of this host, and copies to syslog and OpenTelemetry elsewhere.
package sinks

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"go.uber.org/zap"

	"caisson/authz/audit"
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
	local  []*audit.Log
	remote []*queue
	names  []string // of local, then of remote
}

var (
	_ audit.Sink   = (*Sinks)(nil)
	_ audit.Keeper = (*Sinks)(nil)
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
		l := audit.NewLog(o.Stdout)
		if d.Kind == File {
			var err error
			if l, err = audit.OpenLog(d.Path); err != nil {
				s.abandon()
				return nil, err
			}
		}
		l.Wrote = o.Wrote
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
	ctx, cancel := context.WithTimeout(context.Background(), audit.DefaultDeadline)
	defer cancel()
	_ = s.Close(ctx) // nothing was written
}

// Write implements [audit.Sink]. Several local sinks write at the same time.
func (s *Sinks) Write(r *audit.Record, late audit.Late) error {
	line, err := audit.Encode(r)
	if err != nil {
		return err
	}
	defer line.Free()
	if len(s.local) == 1 {
		err = s.local[0].WriteLine(line.Bytes(), late)
	} else {
		err = s.writeAll(line.Bytes())
	}
	if err == nil {
		s.copy(r, line.Bytes())
	}
	return err
}

// writeAll hands a line to all local sinks, and waits for them.
func (s *Sinks) writeAll(line []byte) (err error) {
	var few [2]*audit.Pending // seldom more
	list := few[:0]
	for _, l := range s.local {
		list = append(list, l.Submit(line))
	}
	for _, w := range list {
		if failed := w.Wait(); failed != nil {
			err = errors.Join(err, failed)
		}
	}
	return err
}

// Keep implements [audit.Keeper].
func (s *Sinks) Keep(r *audit.Record) {
	for _, l := range s.local {
		l.Keep(r)
	}
	if line, err := audit.Encode(r); err == nil { // as always
		defer line.Free()
		s.copy(r, line.Bytes())
	}
}

// copy hands a record to the remote sinks. They share one copy of its line.
func (s *Sinks) copy(r *audit.Record, line []byte) {
	if len(s.remote) == 0 {
		return
	}
	e := entry{r.Time, r.Verdict, string(bytes.TrimSuffix(line, []byte{'\n'}))}
	for _, q := range s.remote {
		q.add(e)
	}
}

// Reopen opens all files anew; see [audit.Log.Reopen].
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

// Status tells of each sink, local ones first.
func (s *Sinks) Status() []audit.Status {
	list := make([]audit.Status, 0, len(s.names))
	for i, l := range s.local {
		st := l.Status()
		st.Sink = s.names[i]
		list = append(list, st)
	}
	for i, q := range s.remote {
		list = append(list, q.status(s.names[len(s.local)+i]))
	}
	return list
}

func (q *queue) status(name string) audit.Status {
	st := audit.Status{
		Sink: name, Written: q.sent.Load(), Failures: q.failures.Load(), Waiting: len(q.records) + int(q.flying.Load()), Capacity: cap(q.records),
		Dropped: audit.Dropped{Full: q.full.Load(), Rejected: q.rejected.Load(), Unsent: q.unsent.Load()},
	}
	if o := q.down.Load(); o != nil {
		st.Err, st.Since = o.err, o.since
	}
	return st
}
