package docker

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"caisson/authz/state"
)

// asker asks flights about "app", by a question that takes the Engine some time.
type asker struct {
	*flights
	takes time.Duration
	asked int
}

func (a *asker) ask(ctx context.Context) (*state.Image, error) {
	a.asked++
	select {
	case <-time.After(a.takes):
		return &state.Image{ID: "app"}, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// within asks with that much time, and checks what comes of it, and when.
func (a *asker) within(t *testing.T, limit, want time.Duration, wantErr error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), limit)
	defer cancel()
	begin := time.Now()
	i, err := a.do(ctx, question{ref: "app"}, func() (*state.Image, error) { return a.ask(ctx) })
	if !errors.Is(err, wantErr) || (err == nil) != (i != nil && i.ID == "app") {
		t.Errorf("within %v: %v, %v", limit, i, err)
	}
	if took := time.Since(begin); took != want {
		t.Errorf("within %v: after %v, want %v", limit, took, want)
	}
}

// passes lets time go by, and waits for what happens at its end.
func passes(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

// TestFlights has several ask the same one after the other. Time passes only when all of them wait.
func TestFlights(t *testing.T) {
	const s = time.Second
	t.Run("one answer for all", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			a := &asker{flights: &flights{}, takes: 4 * s}
			go a.within(t, 8*s, 4*s, nil)
			synctest.Wait()
			for range 20 {
				go a.within(t, 8*s, 4*s, nil)
			}
			go a.within(t, 2*s, 2*s, context.DeadlineExceeded) // waits no longer than it may
			passes(5 * s)
			if a.asked != 1 {
				t.Errorf("asked %d times", a.asked)
			}
			a.within(t, 8*s, 4*s, nil) // and what was answered is not remembered
			if a.asked != 2 {
				t.Errorf("asked %d times", a.asked)
			}
		})
	})
	t.Run("the first has no more time", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			a := &asker{flights: &flights{}, takes: 4 * s}
			go a.within(t, s, s, context.DeadlineExceeded)
			synctest.Wait()
			for range 20 {
				go a.within(t, 8*s, 5*s, nil) // one of them asks again
			}
			passes(10 * s)
			if a.asked != 2 {
				t.Errorf("asked %d times", a.asked)
			}
		})
	})
	t.Run("the Engine fails", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			failed, f, asked := errors.New("no"), &flights{}, 0
			for range 20 {
				go func() {
					i, err := f.do(t.Context(), question{}, func() (*state.Image, error) { asked++; time.Sleep(s); return nil, failed })
					if i != nil || !errors.Is(err, failed) {
						t.Error(i, err)
					}
				}()
			}
			passes(2 * s)
			if asked != 1 {
				t.Errorf("asked %d times", asked)
			}
		})
	})
	t.Run("the first panics", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			a := &asker{flights: &flights{}, takes: 4 * s}
			go func() {
				defer func() {
					if recover() == nil {
						t.Error("the panic was swallowed")
					}
				}()
				_, _ = a.do(t.Context(), question{ref: "app"}, func() (*state.Image, error) { time.Sleep(s); panic("at the Engine's answer") })
			}()
			synctest.Wait()
			go a.within(t, 8*s, 5*s, nil)
			passes(10 * s)
		})
	})
	t.Run("other questions", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			f := &flights{}
			for _, q := range []question{{"a", ""}, {"a", "b"}, {"a b", ""}} {
				go func() {
					i, err := f.do(t.Context(), q, func() (*state.Image, error) { time.Sleep(s); return &state.Image{ID: q.ref + "|" + q.platform}, nil })
					if err != nil || i.ID != q.ref+"|"+q.platform {
						t.Errorf("%q: %v, %v", q, i, err)
					}
				}()
			}
			passes(2 * s)
			if len(f.under) > 0 {
				t.Errorf("left: %v", f.under)
			}
		})
	})
}
