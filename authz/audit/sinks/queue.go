package sinks

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"github.com/cenkalti/backoff/v5"
	"go.uber.org/zap"
)

// Limits of a remote sink.
const (
	DefaultQueue = 8192 // records that wait for a receiver
	MaxQueue     = 1 << 20

	maxWaiting = 64 << 20 // bytes of them, however many: a request can be refused for very many reasons
	maxBatch   = 512
	batchBytes = 1 << 20
	firstRetry = 100 * time.Millisecond
	lastRetry  = 15 * time.Second
	longestAsk = 5 * time.Minute // that a receiver may ask for
)

// entry is a record that waits: its line, and what a receiver has to know of it besides. It shares no memory with the request.
type entry struct {
	at      time.Time
	verdict string
	line    string // without its end
}

// receiver is the other side of a remote sink. One goroutine uses it.
type receiver interface {
	// deliver sends records, in their order. Of the first done ones nothing more needs to be done; rejected among them never will be
	// taken. Not all are done if there is an error, and the rest is sent again.
	deliver(ctx context.Context, records []entry) (done, rejected int, err error)
	close() error
}

// queue is a remote sink: records wait in it for their receiver, and decisions for nothing. What it has no room for is left out here, and
// counted: it is in the log of this host.
type queue struct {
	to      receiver
	log     *zap.Logger
	records chan entry
	stop    context.CancelFunc // ends attempts to deliver
	closing chan struct{}
	closed  chan struct{}
	once    sync.Once

	sent, failures, full, rejected, unsent atomic.Uint64
	flying                                 atomic.Int64 // taken from records, and not sent yet
	bytes                                  atomic.Int64 // of both
	down                                   atomic.Pointer[outage]
}

// outage is why, and since when, a receiver takes nothing.
type outage struct {
	err   error
	since time.Time
}

func newQueue(to receiver, size int, log *zap.Logger) *queue {
	ctx, stop := context.WithCancel(context.Background())
	q := &queue{to: to, log: log, records: make(chan entry, size), stop: stop, closing: make(chan struct{}), closed: make(chan struct{})}
	go q.run(ctx)
	return q
}

// add takes a record, if there is room.
func (q *queue) add(e entry) {
	select {
	case <-q.closing:
		q.unsent.Add(1)
		return
	default:
	}
	size := int64(len(e.line))
	if q.bytes.Add(size) <= maxWaiting {
		select {
		case q.records <- e:
			return
		default:
		}
	}
	q.bytes.Add(-size)
	q.full.Add(1)
}

// run delivers until the queue is closed and empty.
func (q *queue) run(ctx context.Context) {
	defer close(q.closed)
	defer q.to.close() //nolint:errcheck // all that was delivered has been
	for {
		var first entry
		select {
		case first = <-q.records:
		default:
			select {
			case first = <-q.records:
			case <-q.closing:
				return
			}
		}
		q.send(ctx, q.batch(first))
	}
}

// batch adds to a record those that wait behind it, up to what a receiver can take in the time that it has.
func (q *queue) batch(first entry) []entry {
	list, size := []entry{first}, len(first.line)
	for len(list) < maxBatch && size < batchBytes {
		select {
		case e := <-q.records:
			list, size = append(list, e), size+len(e.line)
			continue
		default:
		}
		break
	}
	q.flying.Store(int64(len(list)))
	return list
}

// send delivers records, and tries again until it has or the context ends.
func (q *queue) send(ctx context.Context, list []entry) {
	pause := backoff.ExponentialBackOff{
		InitialInterval: firstRetry, MaxInterval: lastRetry, Multiplier: 2, RandomizationFactor: backoff.DefaultRandomizationFactor,
	}
	pause.Reset()
	for len(list) > 0 {
		done, rejected, err := q.to.deliver(ctx, list)
		for i := range list[:done] {
			q.bytes.Add(-int64(len(list[i].line)))
		}
		list = list[done:]
		q.flying.Store(int64(len(list)))
		q.sent.Add(uint64(done - rejected)) //nolint:gosec // G115: rejected is not more than done
		q.rejected.Add(uint64(rejected))    //nolint:gosec // G115: a count
		q.report(err, rejected)
		if err == nil {
			continue
		}
		if done > 0 {
			pause.Reset()
		}
		q.failures.Add(1)
		select {
		case <-ctx.Done():
			q.unsent.Add(uint64(len(list)))
			q.flying.Store(0)
			return
		case <-time.After(max(pause.NextBackOff(), asked(err))):
		}
	}
}

// later is a receiver's wish to be left alone for a while.
type later struct {
	error
	pause time.Duration
}

// Unwrap is for package errors.
func (l *later) Unwrap() error { return l.error }

// asked is how long a receiver wants to be left alone; 0 if it does not say.
func asked(err error) time.Duration {
	var l *later
	if !errors.As(err, &l) {
		return 0
	}
	return min(l.pause, longestAsk)
}

// report tells of the beginning and the end of an outage.
func (q *queue) report(err error, rejected int) {
	was := q.down.Load()
	switch {
	case err != nil && was == nil:
		what := "an audit sink takes no records; they wait"
		if rejected > 0 {
			what = "an audit sink refuses records for good; they are in the log of this host"
		}
		q.log.Error(what, zap.Error(err))
		q.down.Store(&outage{err, time.Now()})
	case err != nil:
		q.down.Store(&outage{err, was.since})
	case was != nil:
		q.log.Info("an audit sink takes records again", zap.Duration("after", time.Since(was.since)), zap.Uint64("left out so far", q.full.Load()))
		q.down.Store(nil)
	}
}

// close delivers what waits, for as long as the context lasts. It returns how many records were not delivered in the end.
func (q *queue) close(ctx context.Context) uint64 {
	q.once.Do(func() { close(q.closing) })
	defer q.stop()
	select {
	case <-q.closed:
	case <-ctx.Done():
		q.stop()
		<-q.closed // each attempt ends with its context
	}
	return q.unsent.Load()
}
