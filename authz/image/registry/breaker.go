package registry

import (
	"errors"
	"fmt"
	"math"
	"sync"
	"time"

	"github.com/sony/gobreaker/v2"

	"caisson/authz/image"
)

const (
	tripAfter = 3                // failures in a row
	openFor   = 10 * time.Second // then, until one question is tried
	maxAfter  = time.Minute      // that a registry can ask to be left alone for
)

// outcome is how a question ended.
type outcome struct {
	err    error
	failed bool          // the host is at fault, and may be so for a while: no connection, no answer, 5xx, 429
	moot   bool          // nobody waited for the end, so it says nothing about the host
	after  time.Duration // how long the host asks to be left alone; 0 if it does not
}

// breaker leaves a host alone that failed three times in a row, or that asks for it.
type breaker struct {
	circuit *gobreaker.CircuitBreaker[outcome]
	open    time.Duration

	mu    sync.Mutex
	until time.Time
	asked time.Time // until when the host wants to be left alone
	why   string    // of the last failure
}

var (
	errFailed = errors.New("failed")
	errMoot   = errors.New("moot")
)

func newBreaker(open time.Duration) *breaker {
	b := &breaker{open: open}
	b.circuit = gobreaker.NewCircuitBreaker[outcome](gobreaker.Settings{
		MaxRequests: 1, Timeout: open,
		ReadyToTrip:  func(c gobreaker.Counts) bool { return c.ConsecutiveFailures >= tripAfter },
		IsSuccessful: func(err error) bool { return err == nil },
		IsExcluded:   func(err error) bool { return errors.Is(err, errMoot) },
		OnStateChange: func(_ string, _, to gobreaker.State) {
			if to == gobreaker.StateOpen {
				b.mu.Lock()
				b.until = time.Now().Add(open)
				b.mu.Unlock()
			}
		},
	})
	return b
}

// run puts a question if the host may be asked now.
func (b *breaker) run(host string, question func() outcome) error {
	b.mu.Lock()
	wait := time.Until(b.asked)
	b.mu.Unlock()
	if wait > 0 {
		return b.refusal(host, wait)
	}
	o, err := b.circuit.Execute(func() (outcome, error) {
		o := question()
		switch {
		case o.moot:
			return o, errMoot
		case o.failed:
			b.failed(o)
			return o, errFailed
		}
		return o, nil
	})
	if errors.Is(err, gobreaker.ErrOpenState) || errors.Is(err, gobreaker.ErrTooManyRequests) {
		b.mu.Lock()
		wait := time.Until(b.until)
		b.mu.Unlock()
		return b.refusal(host, wait)
	}
	return o.err
}

func (b *breaker) failed(o outcome) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if o.after > 0 {
		b.asked = time.Now().Add(min(o.after, maxAfter))
	}
	if u, ok := errors.AsType[*image.UnavailableError](o.err); ok {
		b.why = u.Why
	}
}

// refusal is the error of a question that is not put.
func (b *breaker) refusal(host string, wait time.Duration) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	when := "while it is being tried"
	if wait > 0 {
		when = fmt.Sprintf("for another %.0f s", math.Ceil(wait.Seconds()))
	}
	return &image.UnavailableError{Host: host, Why: fmt.Sprintf("is not asked %s, because it %s", when, b.why)}
}
