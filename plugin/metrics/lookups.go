package metrics

import (
	"errors"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"caisson/authz/state"
	"caisson/authz/state/docker"
)

// lookups holds what is counted of one kind of look-ups at the Engine.
type lookups struct{ found, notFound, failed prometheus.Observer }

func newLookups(to prometheus.Registerer) map[docker.Kind]*lookups {
	seconds := lookupSeconds.histograms(to)
	m := map[docker.Kind]*lookups{}
	for _, k := range docker.Kinds {
		of := func(outcome string) prometheus.Observer { return seconds.WithLabelValues(string(k), outcome) }
		m[k] = &lookups{of("found"), of("not_found"), of("error")}
	}
	return m
}

// LookedUp counts a look-up; see [docker.Engine].
func (m *Metrics) LookedUp(kind docker.Kind, took time.Duration, err error) {
	l := m.lookups[kind]
	if l == nil {
		return
	}
	o := l.found
	switch {
	case errors.Is(err, state.ErrNotFound):
		o = l.notFound
	case err != nil:
		o = l.failed
	}
	o.Observe(took.Seconds())
}

// Images counts verifications of images. It is safe for concurrent use. A nil one counts nothing.
type Images struct {
	total     *prometheus.CounterVec
	seconds   prometheus.Observer
	hit, miss prometheus.Counter

	mu      sync.Mutex
	reasons map[string]bool
}

func newImages(to prometheus.Registerer) Images {
	cache := cacheTotal.counters(to)
	return Images{
		total: verificationsTotal.counters(to), seconds: verificationSeconds.histograms(to).WithLabelValues(),
		hit: cache.WithLabelValues("hit"), miss: cache.WithLabelValues("miss"), reasons: map[string]bool{},
	}
}

// Verified counts a verification: what came of it, as a word from a fixed list, and how long it took. Of more than 64 different words the
// later ones count as "other", so that a mistake in the caller does not fill the memory of whoever keeps metrics.
func (i *Images) Verified(reason string, took time.Duration) {
	if i == nil {
		return
	}
	const most = 64
	i.mu.Lock()
	if !i.reasons[reason] {
		if len(i.reasons) < most {
			i.reasons[reason] = true
		} else {
			reason = "other"
		}
	}
	i.mu.Unlock()
	i.total.WithLabelValues(reason).Inc()
	i.seconds.Observe(took.Seconds())
}

// Cached counts a verdict that was looked for in the cache.
func (i *Images) Cached(hit bool) {
	switch {
	case i == nil:
	case hit:
		i.hit.Inc()
	default:
		i.miss.Inc()
	}
}
