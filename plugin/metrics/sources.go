package metrics

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"caisson/authz"
	"caisson/authz/audit"
	"caisson/config"
)

// Sources are asked when somebody asks for metrics. None of them is nil.
type Sources struct {
	Policy   func() *authz.Policy // in force
	Reloads  func() config.Stats
	Audit    func() []audit.Status
	InFlight func() int64
	Watching func() bool // whether the Engine tells of containers that start
	Now      func() time.Time
}

// Watch shows the sources too. It is called once.
func (m *Metrics) Watch(s Sources) { m.registry.MustRegister(&watched{s, describe()}) }

// watched collects from sources.
type watched struct {
	Sources
	descs map[*definition]*prometheus.Desc
}

func describe() map[*definition]*prometheus.Desc {
	descs := map[*definition]*prometheus.Desc{}
	for _, d := range []*definition{
		inFlight, watchUp, policyInfo, policyGeneration, policyLoaded, reloadsTotal, reloadGood, exceptionExpiry,
		auditUp, auditRecords, auditFailures, auditDropped, auditWaiting, auditCapacity,
	} {
		descs[d] = d.desc()
	}
	return descs
}

// Describe implements [prometheus.Collector].
func (w *watched) Describe(to chan<- *prometheus.Desc) {
	for _, d := range w.descs {
		to <- d
	}
}

// Collect implements [prometheus.Collector].
func (w *watched) Collect(to chan<- prometheus.Metric) {
	show := func(d *definition, value float64, labels ...string) {
		kind := prometheus.GaugeValue
		if d.kind == counter {
			kind = prometheus.CounterValue
		}
		to <- prometheus.MustNewConstMetric(w.descs[d], kind, value, labels...)
	}
	show(inFlight, float64(w.InFlight()))
	w.policy(show)
	w.audit(show)
}

func (w *watched) policy(show func(*definition, float64, ...string)) {
	if p := w.Policy(); p != nil {
		if p.Watch != authz.Off {
			show(watchUp, truth(w.Watching()))
		}
		show(policyInfo, 1, p.Hash, string(p.Profile), p.Mode.String())
		now := w.Now()
		for i := range p.Exceptions {
			e := &p.Exceptions[i]
			show(exceptionExpiry, e.Expires.Sub(now).Seconds(), e.Name, e.Owner)
		}
	}
	s := w.Reloads()
	show(policyGeneration, float64(s.Reloads))
	if !s.LastGood.IsZero() {
		show(policyLoaded, float64(s.LastGood.UnixMilli())/1000)
	}
	show(reloadsTotal, float64(s.Reloads), "success")
	show(reloadsTotal, float64(s.Failures), "failure")
	show(reloadGood, truth(!s.Failed))
}

func (w *watched) audit(show func(*definition, float64, ...string)) {
	for _, s := range w.Audit() {
		show(auditUp, truth(s.Err == nil), s.Sink)
		show(auditRecords, float64(s.Written), s.Sink)
		show(auditFailures, float64(s.Failures), s.Sink)
		show(auditWaiting, float64(s.Waiting), s.Sink)
		show(auditDropped, float64(s.Dropped.Full), s.Sink, "full")
		if !s.Local {
			show(auditCapacity, float64(s.Capacity), s.Sink)
			show(auditDropped, float64(s.Dropped.Rejected), s.Sink, "rejected")
			show(auditDropped, float64(s.Dropped.Unsent), s.Sink, "unsent")
		}
	}
}

func truth(b bool) float64 {
	if b {
		return 1
	}
	return 0
}
