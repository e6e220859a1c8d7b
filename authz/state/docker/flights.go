package docker

import (
	"context"
	"fmt"
	"sync"

	"caisson/authz/state"
)

// question is what an image is asked for by.
type question struct{ ref, platform string }

// flights lets those who ask the same at the same time wait for one answer. The first asks, and does so on its own goroutine: to hand the question
// to another one, and to wake up for the answer, takes as long as much of a decision. The others wait until their own time ends. The zero value is
// ready.
//
// golang.org/x/sync/singleflight has either a goroutine of its own for the question, or a wait that nothing ends.
type flights struct {
	mu    sync.Mutex
	under map[question]*flight
}

// flight is a question that is being asked.
type flight struct {
	landed chan struct{} // closed when there is an answer, or will be none

	short bool // whoever asked had no more time, or panicked, which says nothing about the answer
	image *state.Image
	err   error
}

// do returns what ask does, called here or by somebody who is at it.
func (f *flights) do(ctx context.Context, q question, ask func() (*state.Image, error)) (*state.Image, error) {
	for {
		one, first := f.join(q)
		if first {
			return f.fly(ctx, q, one, ask)
		}
		select {
		case <-one.landed:
			if !one.short {
				return one.image, one.err
			}
		case <-ctx.Done():
			return nil, fmt.Errorf("look up image %s, which somebody else is at: %w", q.ref, ctx.Err())
		}
	}
}

// join returns the flight for a question, and whether it is a new one.
func (f *flights) join(q question) (one *flight, first bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if one, ok := f.under[q]; ok {
		return one, false
	}
	one = &flight{landed: make(chan struct{}), short: true}
	if f.under == nil {
		f.under = map[question]*flight{}
	}
	f.under[q] = one
	return one, true
}

// fly asks, and lets those who wait know.
func (f *flights) fly(ctx context.Context, q question, one *flight, ask func() (*state.Image, error)) (*state.Image, error) {
	defer func() {
		f.mu.Lock()
		delete(f.under, q)
		f.mu.Unlock()
		close(one.landed)
	}()
	one.image, one.err = ask()
	one.short = one.err != nil && ctx.Err() != nil
	return one.image, one.err
}
