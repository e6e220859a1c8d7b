package audit

import "time"

// Status is what a sink tells of itself.
type Status struct {
	Sink     string // as on the command line, without parameters
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

// Status tells of the sink. Its name is left to the caller.
func (l *Log) Status() Status {
	l.mu.Lock()
	defer l.mu.Unlock()
	return Status{
		Local: true, Err: l.state.err, Since: l.state.since, Written: l.state.written, Failures: l.state.failed,
		Waiting: l.kept.count, Dropped: Dropped{Full: l.state.lost},
	}
}
