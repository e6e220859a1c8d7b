package main

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"go.uber.org/zap"
	"golang.org/x/sync/semaphore"

	"caisson/authz"
	"caisson/authz/state/docker"
)

// What the watch does how often. All that runs is looked at again now and then, because exceptions and certificates end, and are revoked, without
// an event.
const (
	watchAgain    = time.Hour
	watchPolicy   = time.Second      // how soon a changed policy counts for what runs
	watchSign     = time.Minute      // for how long a call of dockerd shows that it runs
	watchRetry    = 2 * time.Second  // after the Engine could not be asked
	watchRetryMax = 30 * time.Second // what that grows to
	undecided     = 10 * time.Second // until what could not be decided is tried again
	undecidedMax  = 3                // and how often
	watchAtOnce   = 4                // decisions at a time: requests come first
)

// watcher has the containers judged that run, as long as the policy says so.
type watcher struct {
	engine     *docker.Engine
	authorizer *authz.Authorizer
	lastCall   func() time.Time // of dockerd
	log        *zap.Logger

	up    atomic.Bool // the Engine tells of what starts
	slots *semaphore.Weighted
	mu    sync.Mutex
	busy  map[string]bool // containers that are being judged; true: one more time
	all   sync.WaitGroup
}

func newWatcher(a *authz.Authorizer, e *docker.Engine, lastCall func() time.Time, log *zap.Logger) *watcher {
	return &watcher{engine: e, authorizer: a, lastCall: lastCall, log: log, slots: semaphore.NewWeighted(watchAtOnce), busy: make(map[string]bool)}
}

// start begins to watch, and returns what ends it.
func (w *watcher) start(ctx context.Context) (stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	w.all.Go(func() { w.run(ctx) })
	return func() {
		cancel()
		w.all.Wait()
	}
}

// run watches until the context ends, and waits while the policy does not want it or the Engine does not run.
//
// dockerd calls Caisson when it starts, and for every request. Without such a sign it is not connected to: where systemd holds its socket, that
// would start it, though somebody may just have stopped it.
func (w *watcher) run(ctx context.Context) {
	retry, ended, planned, told := watchRetry, time.Time{}, false, false
	for {
		if off := w.authorizer.Watch() == authz.Off; off || !planned && !w.sign(ended) {
			w.up.Store(false)
			if !off && !told {
				w.log.Info("containers are watched as soon as the Engine calls")
			}
			planned, told = false, !off
			if !sleep(ctx, watchPolicy) {
				return
			}
			continue
		}
		begin := time.Now()
		round, cancel := w.round(ctx)
		err := w.engine.Watch(round, w.connected, func(id string) { w.see(ctx, id) })
		planned, ended = round.Err() != nil, time.Now()
		cancel()
		switch {
		case ctx.Err() != nil:
			return
		case planned:
			retry = watchRetry
			continue
		case time.Since(begin) > watchRetryMax:
			retry = watchRetry
		}
		w.up.Store(false)
		w.log.Warn("containers are not watched until the Engine shows that it runs", zap.Error(err))
		if !sleep(ctx, retry) {
			return
		}
		retry = min(2*retry, watchRetryMax)
	}
}

// connected notes that the Engine tells of what starts.
func (w *watcher) connected() {
	if !w.up.Swap(true) {
		w.log.Info("containers are watched")
	}
}

// sign tells whether dockerd has called since the watch ended, and lately.
func (w *watcher) sign(ended time.Time) bool {
	last := w.lastCall()
	return last.After(ended) && time.Since(last) < watchSign
}

// round ends when all that runs is to be looked at again: after a time, or when another policy is in force.
func (w *watcher) round(ctx context.Context) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithTimeout(ctx, watchAgain)
	policy := w.authorizer.Policy()
	w.all.Go(func() {
		defer cancel()
		for sleep(ctx, watchPolicy) {
			if w.authorizer.Policy() != policy {
				return
			}
		}
	})
	return ctx, cancel
}

// see has a container judged, once more if that is being done already.
func (w *watcher) see(ctx context.Context, id string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	_, found := w.busy[id]
	if w.busy[id] = found; !found {
		w.all.Go(func() { w.judge(ctx, id) })
	}
}

func (w *watcher) judge(ctx context.Context, id string) {
	for tries := 1; ; tries++ {
		if w.slots.Acquire(ctx, 1) != nil {
			return // it is over
		}
		var d *authz.Decision
		if w.up.Load() { // else it is seen again when dockerd shows that it runs; until then, asking might start it
			d = w.authorizer.Started(ctx, id)
		}
		w.slots.Release(1)
		if d != nil && d.Again() && tries < undecidedMax && sleep(ctx, undecided) {
			continue
		}
		if w.done(id) {
			return
		}
		tries = 0
	}
}

// done tells whether a container that was judged need not be judged again.
func (w *watcher) done(id string) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.busy[id] {
		w.busy[id] = false
		return false
	}
	delete(w.busy, id)
	return true
}

// sleep waits, and tells whether the context has not ended.
func sleep(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}
