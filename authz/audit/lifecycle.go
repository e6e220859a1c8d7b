package audit

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"
)

// Reopen opens the file anew under its name, after logrotate has renamed it: records that come in after it has returned go there. If it
// cannot be opened, the old file stays in use. A new file on another disk also ends the wait for one that hangs.
func (l *Log) Reopen() error {
	if l.path == "" {
		return nil
	}
	out, err := within(l.deadline, func() (*output, error) { return openFile(l.path) })
	if err != nil {
		return err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closing {
		out.discard()
		return errClosed
	}
	old := l.out
	l.out = out
	if old != l.using { // else whoever writes to it discards it
		old.discard()
	}
	if l.hangs {
		l.turn++
		l.using, l.hangs, l.running = nil, false, false
		l.flying, l.kept.lines = batch{}, slices.Clone(l.kept.lines) // what hangs still reads those
		l.report(nil)
		l.start()
	}
	return nil
}

// within runs a call that may hang. One that does is left behind, and what it opens then is closed.
func within(d time.Duration, call func() (*output, error)) (*output, error) {
	type result struct {
		out *output
		err error
	}
	done, late := make(chan result), make(chan struct{})
	go func() {
		out, err := call()
		select {
		case done <- result{out, err}:
		case <-late:
			if err == nil {
				out.discard()
			}
		}
	}()
	select {
	case r := <-done:
		return r.out, r.err
	case <-time.After(d):
		close(late)
		return nil, fmt.Errorf("open audit log: no answer for %s", d)
	}
}

// Close writes what is left, brings a file to the disk and closes it. It waits no longer than the context.
func (l *Log) Close(ctx context.Context) error {
	l.mu.Lock()
	if !l.closing {
		l.closing = true
		l.kept.armed = false // one more attempt
		l.start()
	}
	l.mu.Unlock()
	select {
	case <-l.closed:
		return l.closeErr
	case <-ctx.Done():
		return fmt.Errorf("the audit log cannot be closed: %w", ctx.Err())
	}
}

// end closes the output. l.mu is held.
func (l *Log) end() {
	l.state.lost += uint64(l.kept.count) //nolint:gosec // G115: a count
	l.closeErr = l.out.close()
	if l.kept.count > 0 {
		l.closeErr = errors.Join(l.closeErr, fmt.Errorf("%d audit records are lost: %w", l.kept.count, l.state.err))
	}
	close(l.closed)
}
