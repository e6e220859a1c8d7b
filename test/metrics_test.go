package test

import (
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"caisson/test/engine"
)

// TestAlerts runs the unit tests of the alerts.
func TestAlerts(t *testing.T) {
	_, promtool := engine.Prometheus(t)
	for _, args := range [][]string{{"check", "rules", "alerts.yaml"}, {"test", "rules", "alerts-test.yaml"}} {
		cmd := exec.Command(promtool, args...)
		cmd.Dir = "../docs"
		if output, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("%s: %v\n%s", args, err, output)
		}
	}
}

// TestPrometheus has a real Prometheus scrape a Caisson behind which an engine works, and put to it every question of the dashboard.
func TestPrometheus(t *testing.T) {
	t.Parallel()
	prometheus, promtool := engine.Prometheus(t)
	address := freeAddress(t)
	e := engine.Start(t, engine.Options{Caisson: &engine.CaissonOptions{
		Policy: policy + "\n[existing_containers]\nwatch = \"audit\"\n", Args: []string{"--metrics", address},
	}})
	if result := e.Docker("run", "--rm", engine.Image, "true"); result.Code != 0 {
		t.Fatalf("%+v", result)
	}
	if result := e.Docker("run", "--privileged", engine.Image, "true"); result.Code == 0 {
		t.Fatal("a privileged container ran")
	}

	check := exec.Command(promtool, "check", "metrics")
	check.Stdin = strings.NewReader(page(t, "http://"+address+"/metrics"))
	if output, err := check.CombinedOutput(); err != nil || len(output) > 0 {
		t.Errorf("promtool check metrics: %v\n%s", err, output)
	}
	for _, path := range []string{"/healthz", "/readyz"} {
		if text := page(t, "http://"+address+path); !strings.HasPrefix(text, `{"status":"ok"`) {
			t.Errorf("%s: %s", path, text)
		}
	}

	server := startPrometheus(t, prometheus, address)
	for query, want := range map[string]string{
		`sum(caisson_decisions_total{operation="ContainerCreate",verdict="deny",mode="enforce"})`:  "1",
		`sum(caisson_decisions_total{operation="ContainerCreate",verdict="allow",mode="enforce"})`: "1",
		`caisson_violations_total{rule="privileged",outcome="enforced"}`:                           "1",
		`caisson_engine_lookup_duration_seconds_count{kind="container",outcome="found"} > bool 0`:  "1",
		`caisson_audit_sink_up`:              "1",
		`caisson_watch_up`:                   "1",
		`caisson_policy_last_reload_success`: "1",
		`count(go_goroutines)`:               "1",
	} {
		if !engine.Eventually(func() bool { return server.value(t, query) == want }) {
			t.Errorf("%s is %q, want %s", query, server.value(t, query), want)
		}
	}
	for _, query := range dashboard(t) {
		server.ask(t, query)
	}
	if rules := page(t, server.url+"/api/v1/rules"); strings.Count(rules, `"name":"Caisson`) != 15 || strings.Contains(rules, `"health":"err"`) {
		t.Errorf("%s", rules)
	}
}

// dashboard lists the queries of the dashboard, with Grafana's variables filled in.
func dashboard(t *testing.T) (queries []string) {
	t.Helper()
	text, err := os.ReadFile("../docs/grafana-dashboard.json")
	if err != nil {
		t.Fatal(err)
	}
	var d struct {
		Panels []struct {
			ID      int
			Targets []struct{ Expr string }
		}
	}
	if err := json.Unmarshal(text, &d); err != nil {
		t.Fatal(err)
	}
	seen := map[int]bool{}
	for _, p := range d.Panels {
		if seen[p.ID] {
			t.Errorf("two panels have the ID %d", p.ID)
		}
		seen[p.ID] = true
		for _, target := range p.Targets {
			queries = append(queries, strings.NewReplacer("$instance", ".*", "$__rate_interval", "1m").Replace(target.Expr))
		}
	}
	if len(queries) < 20 {
		t.Fatalf("%d queries: is the dashboard read correctly?", len(queries))
	}
	return queries
}

// freeAddress is one of the loopback device that nobody uses.
func freeAddress(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

func page(t *testing.T, url string) string {
	t.Helper()
	answer, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// A prometheus is a running server.
type prometheus struct{ url string }

// startPrometheus starts Prometheus, with the alerts, and waits until it has scraped Caisson.
func startPrometheus(t *testing.T, program, target string) *prometheus {
	t.Helper()
	dir, address := t.TempDir(), freeAddress(t)
	alerts, err := filepath.Abs("../docs/alerts.yaml")
	if err != nil {
		t.Fatal(err)
	}
	config := filepath.Join(dir, "prometheus.yml")
	text := fmt.Sprintf("global: {scrape_interval: 1s, evaluation_interval: 1s}\nscrape_configs: [{job_name: caisson, static_configs: [{targets: [%q]}]}]\nrule_files: [%q]\n", target, alerts)
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(program, "--config.file="+config, "--storage.tsdb.path="+filepath.Join(dir, "data"), "--web.listen-address="+address)
	var log strings.Builder
	cmd.Stderr = &log
	if err := engine.Background(t, cmd); err != nil {
		t.Fatal(err)
	}
	p := &prometheus{"http://" + address}
	if !engine.Eventually(func() bool {
		answer, err := http.Get(p.url + "/-/ready")
		if err != nil {
			return false
		}
		defer answer.Body.Close()
		return answer.StatusCode == http.StatusOK
	}) {
		t.Fatalf("Prometheus does not start:\n%s", log.String())
	}
	if !engine.Eventually(func() bool { return p.value(t, "up") == "1" }) {
		t.Fatalf("Prometheus cannot scrape Caisson: %s", page(t, p.url+"/api/v1/targets"))
	}
	return p
}

// ask puts a query and returns the answer.
func (p *prometheus) ask(t *testing.T, query string) string {
	t.Helper()
	text := page(t, p.url+"/api/v1/query?query="+url.QueryEscape(query))
	if !strings.HasPrefix(text, `{"status":"success"`) {
		t.Fatalf("%s: %s", query, text)
	}
	return text
}

var sample = regexp.MustCompile(`"value":\[[0-9.]+,"([^"]*)"\]`)

// value is the first value of the answer to a query.
func (p *prometheus) value(t *testing.T, query string) string {
	t.Helper()
	m := sample.FindStringSubmatch(p.ask(t, query))
	if m == nil {
		return ""
	}
	return m[1]
}
