package metrics

import (
	"context"
	"errors"
	"net/http/httptest"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"
	"go.uber.org/goleak"

	"caisson/authz"
	"caisson/authz/audit"
	"caisson/authz/request"
	"caisson/authz/rules"
	"caisson/authz/state"
	"caisson/authz/state/docker"
	"caisson/config"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// sources are those of a process in trouble.
func sources() Sources {
	now := time.Date(2026, 11, 25, 12, 0, 0, 0, time.UTC)
	policy := &authz.Policy{Hash: "sha256:1", Profile: rules.Standard, Exceptions: []authz.Exception{
		{Name: "exporter", Owner: "ops", Expires: now.Add(time.Hour)}, {Name: "old", Owner: "dev", Expires: now.Add(-time.Minute)},
	}}
	return Sources{
		Policy:  func() *authz.Policy { return policy },
		Reloads: func() config.Stats { return config.Stats{Reloads: 3, Failures: 2, Failed: true, LastGood: now} },
		Audit: func() []audit.Status {
			return []audit.Status{
				{Sink: "-", Local: true, Written: 7, Failures: 2, Waiting: 1, Err: errors.New("no space left"), Dropped: audit.Dropped{Full: 1}},
				{Sink: "syslog:/dev/log", Written: 6, Capacity: 10, Waiting: 4, Failures: 5, Dropped: audit.Dropped{Full: 3, Rejected: 2, Unsent: 1}},
			}
		},
		InFlight: func() int64 { return 5 },
		Watching: func() bool { return true },
		Now:      func() time.Time { return now },
	}
}

func create(verdict authz.Verdict) *authz.Decision {
	return &authz.Decision{Request: &request.Request{Operation: request.ContainerCreate}, Verdict: verdict, Duration: 300 * time.Microsecond}
}

// full has counted one of everything.
func full() *Metrics {
	m := New(Build{"v1.2.3", "abc", "go1.26"})
	m.Watch(sources())
	d := create(authz.Deny)
	d.Violations = []rules.Violation{{Rule: "privileged"}, {Rule: "memory"}, {Rule: "memory"}, {Rule: "access"}}
	d.Audited = []rules.Violation{{Rule: "user"}}
	d.Excepted = []authz.Excepted{{Violation: rules.Violation{Rule: "host-pid"}}, {Violation: rules.Violation{Rule: "no-such-rule"}}}
	m.Decided(d)
	m.Decided(create(authz.Allow))
	m.Decided(&authz.Decision{Err: errors.New("no call")})
	m.Decided(&authz.Decision{Request: &request.Request{Operation: "NoSuchOperation"}, AuditOnly: true, Unrecorded: true})
	m.Decided(&authz.Decision{Unrecorded: true})
	m.LookedUp(docker.Container, time.Millisecond, nil)
	m.LookedUp(docker.Container, time.Millisecond, errors.Join(state.ErrNotFound))
	m.LookedUp(docker.Exec, time.Second, context.DeadlineExceeded)
	m.LookedUp("no such kind", time.Second, nil)
	m.Images().Verified("verified", time.Second)
	m.Images().Cached(true)
	m.Images().Cached(false)
	m.Wrote(20 * time.Microsecond)
	return m
}

func TestValues(t *testing.T) {
	w := httptest.NewRecorder()
	full().Handler().ServeHTTP(w, httptest.NewRequest("GET", "/metrics", nil))
	text := w.Body.String()
	for _, want := range []string{
		`caisson_decisions_total{mode="enforce",operation="ContainerCreate",verdict="deny"} 1`,
		`caisson_decisions_total{mode="enforce",operation="ContainerCreate",verdict="allow"} 1`,
		`caisson_decisions_total{mode="enforce",operation="unknown",verdict="undecided"} 2`,
		`caisson_decisions_total{mode="enforce",operation="unknown",verdict="deny"} 0`,
		`caisson_decisions_total{mode="audit",operation="unknown",verdict="undecided"} 1`,
		`caisson_decision_duration_seconds_bucket{operation="ContainerCreate",le="0.00025"} 0`,
		`caisson_decision_duration_seconds_bucket{operation="ContainerCreate",le="0.0005"} 2`,
		`caisson_violations_total{outcome="enforced",rule="memory"} 2`,
		`caisson_violations_total{outcome="enforced",rule="access"} 1`,
		`caisson_violations_total{outcome="audited",rule="user"} 1`,
		`caisson_violations_total{outcome="excepted",rule="host-pid"} 1`,
		`caisson_violations_total{outcome="excepted",rule="other"} 1`,
		`caisson_violations_total{outcome="enforced",rule="cpu"} 0`,
		`caisson_unrecorded_decisions_total{outcome="passed"} 1`,
		`caisson_unrecorded_decisions_total{outcome="refused"} 1`,
		`caisson_engine_lookup_duration_seconds_count{kind="container",outcome="found"} 1`,
		`caisson_engine_lookup_duration_seconds_count{kind="container",outcome="not_found"} 1`,
		`caisson_engine_lookup_duration_seconds_count{kind="exec",outcome="error"} 1`,
		`caisson_image_verifications_total{reason="verified"} 1`,
		`caisson_image_cache_requests_total{result="hit"} 1`,
		`caisson_policy_info{hash="sha256:1",mode="enforce",profile="standard"} 1`,
		`caisson_policy_generation 3`,
		`caisson_policy_reloads_total{result="failure"} 2`,
		`caisson_policy_last_reload_success 0`,
		`caisson_exception_expiry_seconds{exception="exporter",owner="ops"} 3600`,
		`caisson_exception_expiry_seconds{exception="old",owner="dev"} -60`,
		`caisson_audit_sink_up{sink="-"} 0`,
		`caisson_audit_sink_up{sink="syslog:/dev/log"} 1`,
		`caisson_audit_dropped_records_total{reason="full",sink="syslog:/dev/log"} 3`,
		`caisson_audit_queue_length{sink="syslog:/dev/log"} 4`,
		`caisson_requests_in_flight 5`,
		`caisson_build_info{goversion="go1.26",revision="abc",version="v1.2.3"} 1`,
	} {
		if !strings.Contains(text, "\n"+want+"\n") {
			t.Errorf("lacks %s", want)
		}
	}
	if t.Failed() {
		t.Logf("%s", text)
	}
}

// TestCatalogue makes sure that the catalogue, and so the documents, have exactly the metrics that are shown, with their labels.
func TestCatalogue(t *testing.T) {
	families, err := full().registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	shown := map[string][]string{}
	for _, f := range families {
		if !strings.HasPrefix(f.GetName(), "caisson_") {
			continue
		}
		var labels []string
		for _, l := range f.GetMetric()[0].GetLabel() {
			labels = append(labels, l.GetName())
		}
		shown[f.GetName()] = labels
		i := slices.IndexFunc(catalogue, func(d *definition) bool { return d.name == f.GetName() })
		if i < 0 {
			t.Errorf("%s is not in the catalogue", f.GetName())
		} else if got := strings.ToLower(f.GetType().String()); got != string(catalogue[i].kind) {
			t.Errorf("%s is a %s", f.GetName(), got)
		}
	}
	for _, d := range catalogue {
		want := slices.Sorted(slices.Values(d.labelNames()))
		if got, ok := shown[d.name]; !ok || !slices.Equal(got, want) {
			t.Errorf("%s is shown with the labels %q, want %q", d.name, got, want)
		}
	}
}

// TestLint holds names and help texts to what promlint asks for.
func TestLint(t *testing.T) {
	var names []string
	for _, d := range catalogue {
		names = append(names, d.name)
	}
	problems, err := testutil.GatherAndLint(full().registry, names...)
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range problems {
		t.Errorf("%s: %s", p.Metric, p.Text)
	}
}

// TestReasons bounds what a caller can add.
func TestReasons(t *testing.T) {
	var none *Images
	none.Verified("verified", 0)
	none.Cached(true)
	m := New(Build{})
	for i := range 100 {
		m.Images().Verified(strings.Repeat("x", i), 0)
	}
	if n := testutil.CollectAndCount(m.images.total); n != 65 {
		t.Errorf("%d reasons", n)
	}
}

var metricName = regexp.MustCompile(`\bcaisson_[a-z_]+`)

// TestDocuments makes sure that each metric named in a document, the dashboard or an alert exists, and that the documents have them all.
func TestDocuments(t *testing.T) {
	known := map[string]bool{}
	for _, d := range catalogue {
		known[d.name] = true
		if d.kind == histogram {
			for _, suffix := range []string{"_bucket", "_sum", "_count"} {
				known[d.name+suffix] = true
			}
		}
	}
	for _, file := range []string{"metrics.md", "grafana-dashboard.json", "alerts.yaml", "alerts-test.yaml", "audit-log.md"} {
		text, err := os.ReadFile("../../docs/" + file)
		if err != nil {
			t.Fatal(err)
		}
		names := metricName.FindAllString(string(text), -1)
		if len(names) == 0 {
			t.Errorf("%s names no metric", file)
		}
		for _, name := range names {
			if !known[name] {
				t.Errorf("%s names %s, which does not exist", file, name)
			}
		}
		if file == "metrics.md" && !strings.Contains(string(text), Reference()) {
			t.Error("docs/metrics.md is not up to date; run make generate")
		}
	}
}

// TestFree makes sure that counting a decision takes no memory.
func TestFree(t *testing.T) {
	m := New(Build{})
	allow, deny := create(authz.Allow), create(authz.Deny)
	deny.Violations = []rules.Violation{{Rule: "privileged"}}
	for _, d := range []*authz.Decision{allow, deny, {}} {
		m.Decided(d) // the first resolves what it touches
		if n := testing.AllocsPerRun(100, func() { m.Decided(d) }); n != 0 {
			t.Errorf("%s: %v allocations", d.Verdict, n)
		}
	}
}

func BenchmarkDecided(b *testing.B) {
	m := New(Build{})
	read := &authz.Decision{Request: &request.Request{Operation: "ContainerList"}, Verdict: authz.Allow, Duration: 5 * time.Microsecond}
	deny := create(authz.Deny)
	deny.Violations = []rules.Violation{{Rule: "privileged"}, {Rule: "memory"}}
	for name, d := range map[string]*authz.Decision{"allowed read": read, "refused create": deny} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				m.Decided(d)
			}
		})
		b.Run(name+", parallel", func(b *testing.B) {
			b.ReportAllocs()
			b.RunParallel(func(p *testing.PB) {
				for p.Next() {
					m.Decided(d)
				}
			})
		})
	}
}
