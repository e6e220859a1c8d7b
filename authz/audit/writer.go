package audit

import (
	"fmt"
	"time"
)

// start makes sure that somebody writes. l.mu is held.
func (l *Log) start() {
	if !l.running {
		l.running = true
		go l.flush()
	}
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
