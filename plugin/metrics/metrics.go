// Package metrics shows what Caisson does: metrics for Prometheus, and whether it is healthy, on a listener of this host.
//
// What a decision touches is resolved beforehand, one counter for each operation, verdict and mode, so that counting it costs no look-up by
// label and no memory. What others count already is read when somebody asks ([Sources]). No label has a value that a request chooses.
//
//go:generate go run reference_generate.go
package metrics

import (
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"caisson/authz/state/docker"
)

// Metrics are all metrics of a process. Use [New].
type Metrics struct {
	registry *prometheus.Registry

	decisions decisions
	lookups   map[docker.Kind]*lookups
	images    Images
	writes    prometheus.Observer
}

// Build is what is running.
type Build struct{ Version, Revision, Go string }

// New returns metrics that have counted nothing yet.
func New(b Build) *Metrics {
	m := &Metrics{registry: prometheus.NewRegistry()}
	m.registry.MustRegister(
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
		constant{buildInfo.desc(), []string{b.Version, b.Revision, b.Go}},
	)
	m.decisions = newDecisions(m.registry)
	m.lookups = newLookups(m.registry)
	m.images = newImages(m.registry)
	m.writes = auditSeconds.histograms(m.registry).WithLabelValues()
	return m
}

// Images is fed by the verification of images.
func (m *Metrics) Images() *Images { return &m.images }

// Wrote counts a write to the local audit log; see [audit.Log].
func (m *Metrics) Wrote(took time.Duration) { m.writes.Observe(took.Seconds()) }

// Handler shows the metrics in the formats of Prometheus.
func (m *Metrics) Handler() http.Handler {
	const scrapers = 4 // at a time
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{MaxRequestsInFlight: scrapers})
}

// constant is a metric that is always 1.
type constant struct {
	desc   *prometheus.Desc
	values []string
}

// Describe implements [prometheus.Collector].
func (c constant) Describe(to chan<- *prometheus.Desc) { to <- c.desc }

// Collect implements [prometheus.Collector].
func (c constant) Collect(to chan<- prometheus.Metric) {
	to <- prometheus.MustNewConstMetric(c.desc, prometheus.GaugeValue, 1, c.values...)
}
