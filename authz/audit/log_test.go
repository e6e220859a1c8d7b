package audit

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// lines reads the IDs of all decisions in a file, in order, and fails the test at the first line that is no record.
func lines(t *testing.T, text []byte) (ids []string) {
	t.Helper()
	for line := range bytes.Lines(text) {
		var r struct{ Decision string }
		if err := json.Unmarshal(line, &r); err != nil {
			t.Fatalf("torn record %q: %v", line, err)
		}
		ids = append(ids, r.Decision)
	}
	return ids
}

func read(t *testing.T, path string) []byte {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func eventually(t *testing.T, what string, f func() bool) {
	t.Helper()
	for end := time.Now().Add(20 * time.Second); !f(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("in vain: %s", what)
		}
	}
}

func closeLog(t *testing.T, l *Log) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	if err := l.Close(ctx); err != nil {
		t.Error(err)
	}
}

// way is a test that writes records in one of two ways: by another goroutine, or by the one that brings it as long as that does not take too
// long.
type way struct {
	*testing.T
	write func(*Log, *Record) error
}

func bothWays(t *testing.T, test func(*way)) {
	t.Helper()
	t.Run("waits", func(t *testing.T) {
		test(&way{t, func(l *Log, r *Record) error { return l.Write(r, nil) }})
	})
	t.Run("is relieved", func(t *testing.T) {
		test(&way{t, func(l *Log, r *Record) error {
			done := make(chan error)
			go func() { done <- l.Write(r, func(err error) { done <- err }) }() // a second one would leak
			return <-done
		}})
	})
}

// disk is a stream that can be made to hang, or to be full.
type disk struct {
	mu     sync.Mutex // held while it hangs
	text   bytes.Buffer
	room   atomic.Int64 // bytes
	writes atomic.Int64
}

func newDisk() *disk {
	d := &disk{}
	d.room.Store(1 << 30)
	return d
}

func (d *disk) Write(b []byte) (int, error) {
	d.writes.Add(1)
	d.mu.Lock()
	defer d.mu.Unlock()
	n := min(int64(len(b)), d.room.Load())
	d.text.Write(b[:n])
	if d.room.Add(-n); n < int64(len(b)) {
		return int(n), syscall.ENOSPC
	}
	return int(n), nil
}

func (d *disk) String() string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.text.String()
}

// TestHang takes a disk that does not answer through its whole course: records fail after the deadline, later ones at once, what became
// of their decisions is written when the disk is back, and nothing that was written in time is lost.
func TestHang(t *testing.T) { bothWays(t, (*way).hang) }

func (t *way) hang() {
	d := newDisk()
	l := NewLog(d)
	l.deadline = 100 * time.Millisecond
	if err := t.write(l, &Record{Decision: "before"}); err != nil {
		t.Fatal(err)
	}
	d.mu.Lock()
	var wg sync.WaitGroup
	for i := range 8 { // the first is being written; the others wait for it
		wg.Go(func() {
			if err := t.write(l, &Record{Decision: fmt.Sprint("stuck", i), Verdict: "allow"}); err == nil {
				t.Error("a record that is not written is no error")
			}
		})
	}
	wg.Wait()
	l.mu.Lock()
	l.deadline = time.Hour // whoever waits for a disk that is known to hang does not end
	l.mu.Unlock()
	for range 100 {
		if err := t.write(l, &Record{Decision: "failed fast"}); err == nil || !strings.Contains(err.Error(), "has not answered for 100ms") {
			t.Errorf("%v", err)
		}
	}
	if s := l.Status(); s.Err == nil || s.Failures != 108 {
		t.Errorf("%+v", s)
	}
	for i := range 8 {
		l.Keep(&Record{Decision: fmt.Sprint("stuck", i), Verdict: "undecided"})
	}
	d.mu.Unlock()
	eventually(t.T, "the disk is back", func() bool { return l.Status().Err == nil && l.Status().Waiting == 0 })
	if err := t.write(l, &Record{Decision: "after"}); err != nil {
		t.Error(err)
	}
	closeLog(t.T, l)
	last := map[string]string{}
	for line := range strings.Lines(d.String()) {
		var r struct{ Decision, Verdict string }
		if err := json.Unmarshal([]byte(line), &r); err != nil {
			t.Fatal(err)
		}
		last[r.Decision] = r.Verdict
	}
	for i := range 8 {
		if v := last[fmt.Sprint("stuck", i)]; v != "undecided" {
			t.Errorf("the last word on decision %d is %q", i, v)
		}
	}
	if _, ok := last["after"]; !ok || len(last) != 10 {
		t.Errorf("%v", last)
	}
}

// TestHangThenFail lets a disk hang for longer than it takes until kept records are tried again, and then fail the write that hung. When there
// is room, the last word on the decision is written, though no other record comes.
func TestHangThenFail(t *testing.T) { bothWays(t, (*way).hangThenFail) }

func (t *way) hangThenFail() {
	d := newDisk()
	d.room.Store(0)
	l := NewLog(d)
	l.deadline = 50 * time.Millisecond
	d.mu.Lock()
	if t.write(l, &Record{Decision: "stuck"}) == nil {
		t.Error("a record that is not written is no error")
	}
	l.Keep(&Record{Decision: "stuck"})
	eventually(t.T, "the time to try again comes", func() bool {
		l.mu.Lock()
		defer l.mu.Unlock()
		return !l.kept.armed
	})
	d.mu.Unlock()
	eventually(t.T, "the write that hung has failed", func() bool { return errors.Is(l.Status().Err, syscall.ENOSPC) })
	d.room.Store(1 << 20)
	eventually(t.T, "the kept record is written", func() bool { return l.Status().Waiting == 0 })
	closeLog(t.T, l)
}

// TestReopenHang moves the log from a disk that hangs to another one.
func TestReopenHang(t *testing.T) { bothWays(t, (*way).reopenHang) }

func (t *way) reopenHang() {
	path := filepath.Join(t.TempDir(), "audit.log")
	if err := syscall.Mkfifo(path, 0o600); err != nil {
		t.Fatal(err)
	}
	pipe, err := os.OpenFile(path, os.O_RDWR, 0) // a reader that does not read
	if err != nil {
		t.Fatal(err)
	}
	defer pipe.Close()
	l, err := OpenLog(path)
	if err != nil {
		t.Fatal(err)
	}
	l.deadline = 100 * time.Millisecond
	for err == nil { // until the pipe is full
		err = t.write(l, &Record{Decision: "pipe", Path: strings.Repeat("x", 2000)})
	}
	l.Keep(&Record{Decision: "kept"})
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	if err := l.Reopen(); err != nil {
		t.Fatal(err)
	}
	if err := t.write(l, &Record{Decision: "new disk"}); err != nil {
		t.Error(err)
	}
	eventually(t.T, "the kept record is written", func() bool { return l.Status().Waiting == 0 })
	closeLog(t.T, l)
	if got := lines(t.T, read(t.T, path)); len(got) != 2 || got[0]+got[1] != "new diskkept" && got[0]+got[1] != "keptnew disk" {
		t.Errorf("%q", got)
	}
	// The one that hangs ends with its pipe.
	buf := make([]byte, 1<<20)
	if _, err := pipe.Read(buf); err != nil {
		t.Error(err)
	}
}

// TestFull fills a disk under many writers. Every line is whole, exactly those records are there whose writers were told so, and what was
// kept follows when there is room again.
func TestFull(t *testing.T) { bothWays(t, (*way).full) }

func (t *way) full() {
	dir := t.TempDir()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=64k"); err != nil {
		t.Skipf("only root can make a small disk: %v", err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(dir, 0); err != nil {
			t.Error(err)
		}
	})
	path, ballast := filepath.Join(dir, "audit.log"), filepath.Join(dir, "ballast")
	if err := os.WriteFile(ballast, make([]byte, 16<<10), 0o600); err != nil {
		t.Fatal(err)
	}
	l, err := OpenLog(path)
	if err != nil {
		t.Fatal(err)
	}
	var mu sync.Mutex
	told := map[string]bool{}
	var wg sync.WaitGroup
	for w := range 8 {
		wg.Go(func() {
			for i := range 50 {
				id := fmt.Sprintf("%d-%d", w, i)
				err := t.write(l, &Record{Decision: id, Path: strings.Repeat("x", 300+7*i)})
				if err != nil && !errors.Is(err, syscall.ENOSPC) {
					t.Error(err)
				}
				mu.Lock()
				told[id] = err == nil
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	there := map[string]bool{}
	for _, id := range lines(t.T, read(t.T, path)) {
		there[id] = true
	}
	written := 0
	for id, ok := range told {
		if ok {
			written++
		}
		if ok != there[id] {
			t.Errorf("record %s: told %t, there %t", id, ok, there[id])
		}
	}
	if written == 0 || written == len(told) {
		t.Errorf("%d of %d were written: was the disk full?", written, len(told))
	}
	l.Keep(&Record{Decision: "kept", Path: strings.Repeat("x", 9000)})
	if l.Status().Err == nil {
		t.Error("a full disk is not seen")
	}
	if err := os.Remove(ballast); err != nil {
		t.Fatal(err)
	}
	eventually(t.T, "the kept record is written", func() bool { return l.Status().Waiting == 0 })
	if s := l.Status(); s.Err != nil || s.Written != uint64(written)+1 {
		t.Errorf("%+v", s)
	}
	closeLog(t.T, l)
	if ids := lines(t.T, read(t.T, path)); ids[len(ids)-1] != "kept" || len(ids) != written+1 {
		t.Errorf("%d records, the last is %s", len(ids), ids[len(ids)-1])
	}
}

// TestShared makes sure that records share writes: while one write takes its time, all others wait for the next.
func TestShared(t *testing.T) { bothWays(t, (*way).shared) }

func (t *way) shared() {
	d := newDisk()
	l := NewLog(d)
	d.mu.Lock()
	var wg sync.WaitGroup
	for i := range 50 {
		wg.Go(func() {
			if err := t.write(l, &Record{Decision: fmt.Sprint(i)}); err != nil {
				t.Error(err)
			}
		})
	}
	eventually(t.T, "all but the first wait", func() bool {
		l.mu.Lock()
		defer l.mu.Unlock()
		n := len(l.flying.waiters) + len(l.next.waiters)
		if l.late != nil { // the first one writes itself
			n++
		}
		return n == 50
	})
	d.mu.Unlock()
	wg.Wait()
	closeLog(t.T, l)
	if n := d.writes.Load(); n > 3 { // the first, those that came meanwhile, and perhaps a few between the two
		t.Errorf("50 records took %d writes", n)
	}
	if n := len(lines(t.T, []byte(d.String()))); n != 50 {
		t.Errorf("%d records", n)
	}
}

// TestTorn begins on a new line where a stream, or a file of an earlier run, ends within one.
func TestTorn(t *testing.T) { bothWays(t, (*way).torn) }

func (t *way) torn() {
	path := filepath.Join(t.TempDir(), "audit.log")
	if err := os.WriteFile(path, []byte("{\"decision\":\"half"), 0o600); err != nil {
		t.Fatal(err)
	}
	l, err := OpenLog(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := t.write(l, &Record{Decision: "whole"}); err != nil {
		t.Fatal(err)
	}
	closeLog(t.T, l)
	if _, rest, ok := strings.Cut(string(read(t.T, path)), "half\n"); !ok || len(lines(t.T, []byte(rest))) != 1 {
		t.Errorf("%s", read(t.T, path))
	}

	d := newDisk()
	d.room.Store(10)
	l = NewLog(d)
	if err := t.write(l, &Record{Decision: "torn"}); !errors.Is(err, syscall.ENOSPC) {
		t.Error(err)
	}
	d.room.Store(1 << 20)
	if err := t.write(l, &Record{Decision: "whole"}); err != nil {
		t.Error(err)
	}
	closeLog(t.T, l)
	if _, rest, ok := strings.Cut(d.String(), "\n"); !ok || len(lines(t.T, []byte(rest))) != 1 {
		t.Errorf("%s", d)
	}
}

// TestClose writes what was kept, does not wait for a disk that hangs, and takes nothing afterwards.
func TestClose(t *testing.T) { bothWays(t, (*way).close) }

func (t *way) close() {
	d := newDisk()
	d.room.Store(0)
	l := NewLog(d)
	if t.write(l, &Record{}) == nil {
		t.Error("a full disk is no error")
	}
	l.Keep(&Record{Decision: "kept"})
	d.room.Store(1 << 20)
	closeLog(t.T, l)
	if ids := lines(t.T, []byte(d.String())); len(ids) != 1 || ids[0] != "kept" {
		t.Errorf("%q", ids)
	}
	if err := t.write(l, &Record{}); !errors.Is(err, errClosed) {
		t.Error(err)
	}

	d = newDisk()
	l = NewLog(d)
	l.deadline = 50 * time.Millisecond
	d.mu.Lock()
	_ = t.write(l, &Record{})
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if err := l.Close(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Error(err)
	}
	d.mu.Unlock()
	closeLog(t.T, l)
}

// TestKept bounds what waits for a disk, and counts what is lost.
func TestKept(t *testing.T) { bothWays(t, (*way).kept) }

func (t *way) kept() {
	d := newDisk()
	d.room.Store(0)
	l := NewLog(d)
	_ = t.write(l, &Record{})
	big := &Record{Path: strings.Repeat("x", 1<<20)}
	for range 5 {
		l.Keep(big)
	}
	if s := l.Status(); s.Waiting != 3 || s.Dropped.Full != 2 {
		t.Errorf("%+v", s)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	if err := l.Close(ctx); err == nil || !strings.Contains(err.Error(), "3 audit records are lost: no space left") {
		t.Error(err)
	}
}
