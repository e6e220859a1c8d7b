package audit

import (
	"bytes"
	"slices"
	"time"
)

// kept are records that wait for a disk, as lines.
type kept struct {
	lines []byte
	count int
	armed bool // the next attempt is set
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
