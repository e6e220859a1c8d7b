package authz

import (
	"context"
	"errors"
	"runtime"
	"testing"
	"time"
)

// TestWaitable waits for a decision's context in each way that a look-up may.
func TestWaitable(t *testing.T) {
	type key struct{}
	parent := context.WithValue(t.Context(), key{}, "value")
	within := func(d time.Duration) *waitable { return &waitable{clock: clock{parent, time.Now().Add(d)}} }

	w := within(time.Hour)
	if end, ok := w.Deadline(); w.Err() != nil || !ok || time.Until(end) < 59*time.Minute || w.Value(key{}) != "value" {
		t.Error("new: ", w.Err(), end)
	}
	if w.timed != nil {
		t.Error("a timer runs though nobody waits")
	}
	before := runtime.NumGoroutine()
	child, cancel := context.WithCancel(w)
	defer cancel()
	if n := runtime.NumGoroutine(); n > before {
		t.Errorf("a child takes %d goroutines", n-before)
	}
	if w.Value(key{}) != "value" || child.Value(key{}) != "value" {
		t.Error("the value is lost")
	}
	w.stop()
	<-w.Done()
	if !errors.Is(w.Err(), context.Canceled) || !errors.Is(child.Err(), context.Canceled) {
		t.Error("stopped: ", w.Err(), child.Err())
	}

	w = within(10 * time.Millisecond)
	defer w.stop()
	child, cancel = context.WithTimeout(w, time.Hour)
	defer cancel()
	<-child.Done()
	if !errors.Is(w.Err(), context.DeadlineExceeded) || !errors.Is(child.Err(), context.DeadlineExceeded) {
		t.Error("ended: ", w.Err(), child.Err())
	}

	w = within(-time.Second) // ended before anybody asks
	if !errors.Is(w.Err(), context.DeadlineExceeded) {
		t.Error("late: ", w.Err())
	}
	<-w.Done()
	w.stop()

	ended, end := context.WithCancel(parent)
	end()
	w = &waitable{clock: clock{ended, time.Now().Add(time.Hour)}}
	if <-w.Done(); !errors.Is(w.Err(), context.Canceled) {
		t.Error("from an ended one: ", w.Err())
	}
	w.stop()
}
