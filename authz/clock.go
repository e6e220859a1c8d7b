package authz

import (
	"context"
	"sync"
	"time"
)

// clock is a context that ends at a time, and does not wake those who wait for it: for decisions that wait for nothing.
type clock struct {
	context.Context
	end time.Time
}

func (c *clock) Err() error {
	if time.Now().After(c.end) {
		return context.DeadlineExceeded
	}
	return c.Context.Err()
}

// waitable is a clock that can be waited for: for decisions that may look something up. Most of them do not, so the timer is set when somebody
// asks.
type waitable struct {
	clock

	mu     sync.Mutex
	timed  context.Context // nil until then
	cancel context.CancelFunc
}

func (w *waitable) Deadline() (time.Time, bool) { return w.end, true }

func (w *waitable) Done() <-chan struct{} {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.timed == nil {
		w.timed, w.cancel = context.WithDeadline(w.Context, w.end)
	}
	return w.timed.Done()
}

func (w *waitable) Err() error {
	if timed := w.set(); timed != nil && timed.Err() != nil {
		return timed.Err()
	}
	return w.clock.Err()
}

// Value lets package context find the context with the timer, or it would start a goroutine to wait for this one.
func (w *waitable) Value(key any) any {
	if timed := w.set(); timed != nil {
		return timed.Value(key)
	}
	return w.Context.Value(key)
}

func (w *waitable) set() context.Context {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.timed
}

// stop ends the context for those who still wait for it.
func (w *waitable) stop() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.cancel != nil {
		w.cancel()
	}
}
