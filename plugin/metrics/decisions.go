package metrics

import (
	"sync/atomic"

	"github.com/prometheus/client_golang/prometheus"

	"caisson/authz"
	"caisson/authz/request"
	"caisson/authz/rules"
)

// decisions counts decisions. Its maps do not change once they are made.
type decisions struct {
	byOperation map[request.Operation]*operation
	unknown     *operation
	watched     *operation // no operation: containers that run
	byRule      map[rules.ID]*violations
	otherRule   *violations

	refused, passed prometheus.Counter // without a record
}

// The labels of verdicts and modes, by their value in authz and by whether the mode is audit.
var (
	verdicts = [...]string{authz.Undecided: authz.Undecided.String(), authz.Deny: authz.Deny.String(), authz.Allow: authz.Allow.String()}
	modes    = [...]string{authz.Enforce.String(), authz.Audit.String()}
)

// operation holds what is counted of one. It is shown from the first decision on, or the page would hold a thousand zeros.
type operation struct {
	name    string
	total   *prometheus.CounterVec
	took    *prometheus.HistogramVec
	counts  [len(verdicts)][len(modes)]atomic.Pointer[prometheus.Counter]
	seconds atomic.Pointer[prometheus.Observer]
}

// violations holds the counters of a rule.
type violations struct{ enforced, audited, excepted prometheus.Counter }

func newDecisions(to prometheus.Registerer) decisions {
	total, took, broken, unrecorded := decisionsTotal.counters(to), decisionSeconds.histograms(to), violationsTotal.counters(to), unrecordedTotal.counters(to)
	rule := func(id rules.ID) *violations {
		of := func(outcome string) prometheus.Counter { return broken.WithLabelValues(string(id), outcome) }
		return &violations{of("enforced"), of("audited"), of("excepted")}
	}
	d := decisions{
		byOperation: map[request.Operation]*operation{},
		unknown:     &operation{name: "unknown", total: total, took: took},
		watched:     &operation{name: "watch", total: total, took: took},
		byRule:      map[rules.ID]*violations{"access": rule("access")}, otherRule: rule("other"),
		refused: unrecorded.WithLabelValues("refused"), passed: unrecorded.WithLabelValues("passed"),
	}
	for _, r := range request.Routes() {
		d.byOperation[r.Operation] = &operation{name: string(r.Operation), total: total, took: took}
	}
	for _, spec := range rules.All() {
		d.byRule[spec.ID] = rule(spec.ID)
	}
	for v := range verdicts { // so that the first refusal is seen as an increase
		d.unknown.count(authz.Verdict(v), false)
		d.watched.count(authz.Verdict(v), false)
		d.watched.count(authz.Verdict(v), true)
	}
	return d
}

// Decided counts a decision; see [authz.Authorizer].
func (m *Metrics) Decided(d *authz.Decision) {
	c := &m.decisions
	op := c.unknown
	switch {
	case d.Phase == authz.OfEvent:
		op = c.watched
	case d.Request != nil:
		if known := c.byOperation[d.Request.Operation]; known != nil {
			op = known
		}
	}
	op.count(d.Verdict, d.AuditOnly).Inc()
	op.observer().Observe(d.Duration.Seconds())
	for i := range d.Violations {
		c.rule(d.Violations[i].Rule).enforced.Inc()
	}
	for i := range d.Audited {
		c.rule(d.Audited[i].Rule).audited.Inc()
	}
	for i := range d.Excepted {
		c.rule(d.Excepted[i].Rule).excepted.Inc()
	}
	switch {
	case !d.Unrecorded:
	case d.Passes():
		c.passed.Inc()
	default:
		c.refused.Inc()
	}
}

func (c *decisions) rule(id rules.ID) *violations {
	if v := c.byRule[id]; v != nil {
		return v
	}
	return c.otherRule
}

func (o *operation) count(v authz.Verdict, auditOnly bool) prometheus.Counter {
	mode := 0
	if auditOnly {
		mode = 1
	}
	at := &o.counts[v][mode]
	if c := at.Load(); c != nil {
		return *c
	}
	c := o.total.WithLabelValues(o.name, verdicts[v], modes[mode]) // the same one for all who come here at once
	at.Store(&c)
	return c
}

func (o *operation) observer() prometheus.Observer {
	if s := o.seconds.Load(); s != nil {
		return *s
	}
	s := o.took.WithLabelValues(o.name)
	o.seconds.Store(&s)
	return s
}
