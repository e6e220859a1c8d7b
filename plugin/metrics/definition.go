package metrics

import (
	"fmt"
	"strings"

	"github.com/prometheus/client_golang/prometheus"
)

// A kind is a type of metric.
type kind string

const (
	counter   kind = "counter"
	gauge     kind = "gauge"
	histogram kind = "histogram"
)

// A definition is all that there is to say of a metric. docs/metrics.md is made of these.
type definition struct {
	name    string
	kind    kind
	help    string
	buckets []float64 // of a histogram
	labels  []label
}

// A label has values from a fixed list, or from the policy or the command line: never from a request.
type label struct{ name, values string }

// catalogue lists all metrics in the order in which they were defined.
var catalogue []*definition

func define(k kind, name, help string, labels ...label) *definition {
	d := &definition{name: name, kind: k, help: help, labels: labels}
	catalogue = append(catalogue, d)
	return d
}

func (d *definition) with(buckets ...float64) *definition {
	d.buckets = buckets
	return d
}

func (d *definition) labelNames() []string {
	names := make([]string, len(d.labels))
	for i, l := range d.labels {
		names[i] = l.name
	}
	return names
}

func (d *definition) desc() *prometheus.Desc {
	return prometheus.NewDesc(d.name, d.help, d.labelNames(), nil)
}

func (d *definition) counters(to prometheus.Registerer) *prometheus.CounterVec {
	v := prometheus.NewCounterVec(prometheus.CounterOpts{Name: d.name, Help: d.help}, d.labelNames())
	to.MustRegister(v)
	return v
}

func (d *definition) histograms(to prometheus.Registerer) *prometheus.HistogramVec {
	v := prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: d.name, Help: d.help, Buckets: d.buckets}, d.labelNames())
	to.MustRegister(v)
	return v
}

// The metrics.
var (
	operationLabel = label{"operation", "the Engine API's name of the operation, as in docs/coverage.md; `unknown` if Caisson knows none; `watch` for containers that run, and of them only those about which there is something to tell"}
	modeLabel      = label{"mode", "`enforce`, or `audit`: whatever the verdict, the request passed"}
	sinkLabel      = label{"sink", "as on the command line, without parameters"}

	decisionsTotal = define(counter, "caisson_decisions_total", "Decisions about requests to the Engine.",
		operationLabel, label{"verdict", "`allow`, `deny`, `undecided`"}, modeLabel)
	decisionSeconds = define(histogram, "caisson_decision_duration_seconds", "Time that a decision took, without its audit record.",
		operationLabel).with(.00001, .00005, .0001, .00025, .0005, .001, .0025, .005, .01, .05, .25, 1, 5)
	violationsTotal = define(counter, "caisson_violations_total", "Broken rules. A request can break several, and one several times.",
		label{"rule", "ID of the rule; `access` if a statement says that the user may not ask"},
		label{"outcome", "`enforced`, `audited` (the rule is in audit mode), `excepted` (an exception waives it)"})
	unrecordedTotal = define(counter, "caisson_unrecorded_decisions_total", "Decisions whose audit record could not be written in time.",
		label{"outcome", "`refused`, or `passed`: the policy says `on_failure = \"continue\"`, or the mode is audit"})
	watchUp  = define(gauge, "caisson_watch_up", "Whether Caisson is told of containers that start: 1, or 0 if it should be. Absent if the policy does not watch.")
	inFlight = define(gauge, "caisson_requests_in_flight", "Calls of dockerd that are being answered.")

	lookupSeconds = define(histogram, "caisson_engine_lookup_duration_seconds", "Time that look-ups at the Engine took; their count is the number of look-ups.",
		label{"kind", "`container`, `container_ids`, `defaults`, `exec`, `image`, `network`, `volume`; `kill` and `removal`, of a container, are none but counted alike"},
		label{"outcome", "`found`, `not_found`, `error`: the Engine could not be asked"}).with(.0005, .001, .0025, .005, .01, .025, .05, .1, .25, 1, 5)

	verificationsTotal = define(counter, "caisson_image_verifications_total", "Images that were verified, by what came of it.",
		label{"reason", "`verified`, or why not; from a fixed list"})
	verificationSeconds = define(histogram, "caisson_image_verification_duration_seconds", "Time that the verification of an image took, with its look-ups at the registry.").
				with(.001, .005, .01, .05, .1, .25, .5, 1, 2.5, 5, 10)
	cacheTotal = define(counter, "caisson_image_cache_requests_total", "Verdicts on images that were looked for in the cache.",
		label{"result", "`hit`, `miss`"})

	policyInfo = define(gauge, "caisson_policy_info", "The policy in force; always 1.",
		label{"hash", "as in audit records"}, label{"profile", "of the policy"}, label{"mode", "`enforce`, `audit`"})
	policyGeneration = define(gauge, "caisson_policy_generation", "Number of policies taken into use since the start, the first included.")
	policyLoaded     = define(gauge, "caisson_policy_load_timestamp_seconds", "When the policy in force was loaded; absent if it is the copy of an earlier run. The policy's age is time() less this.")
	reloadsTotal     = define(counter, "caisson_policy_reloads_total", "Attempts to load the policy, that of the start included.",
		label{"result", "`success`, `failure`"})
	reloadGood      = define(gauge, "caisson_policy_last_reload_success", "Whether the latest attempt to load the policy went well: 1, or 0 if the policy in force is not what the file says.")
	exceptionExpiry = define(gauge, "caisson_exception_expiry_seconds", "Time until an exception of the policy ends; negative once it has.",
		label{"exception", "name in the policy"}, label{"owner", "in the policy"})

	auditUp       = define(gauge, "caisson_audit_sink_up", "Whether an audit sink takes records: 1, or 0.", sinkLabel)
	auditRecords  = define(counter, "caisson_audit_records_total", "Audit records that a sink has.", sinkLabel)
	auditFailures = define(counter, "caisson_audit_failures_total", "Records that a local sink could not write in time, or attempts to send to a remote one that failed.", sinkLabel)
	auditDropped  = define(counter, "caisson_audit_dropped_records_total", "Audit records that a sink does not have and will not get.", sinkLabel,
		label{"reason", "`full`: no room to wait; `rejected`: the receiver does not take it; `unsent`: it came at the end"})
	auditWaiting  = define(gauge, "caisson_audit_queue_length", "Audit records in memory that wait for a sink.", sinkLabel)
	auditCapacity = define(gauge, "caisson_audit_queue_capacity", "Audit records that may wait for a remote sink.", sinkLabel)
	auditSeconds  = define(histogram, "caisson_audit_write_duration_seconds", "Time that writes to the local audit log took. One write can hold many records.").
			with(.00001, .00005, .0001, .0005, .001, .005, .025, .1, .5, 2)

	buildInfo = define(gauge, "caisson_build_info", "What is running; always 1.",
		label{"version", "of Caisson"}, label{"revision", "of its source, if known"}, label{"goversion", "that it was built with"})
)

// Reference describes all metrics in Markdown, as a table for docs/metrics.md.
func Reference() string {
	var b strings.Builder
	b.WriteString("| Metric | Type | Meaning |\n|---|---|---|\n")
	for _, d := range catalogue {
		fmt.Fprintf(&b, "| `%s` | %s | %s", d.name, d.kind, d.help)
		for _, l := range d.labels {
			fmt.Fprintf(&b, "<br>`%s`: %s", l.name, l.values)
		}
		b.WriteString(" |\n")
	}
	return b.String()
}
