package engine

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"syscall"
	"testing"
	"time"
)

// Clair is a Clair v4 with a database of its own. It asks nobody on the internet: what it knows of vulnerabilities is what a test teaches it.
type Clair struct {
	URL string

	folder   string
	programs string // clair and clairctl
	log      *logFile

	mu      sync.Mutex
	process *process
}

// ClairOptions say who may ask Clair.
type ClairOptions struct {
	Key    []byte // which Clair shares with whoever asks
	Issuer string
}

// StartClair starts a Clair, which ends with the test. It skips the test, or fails it, without "make clair".
func StartClair(tb testing.TB, options ClairOptions) *Clair {
	tb.Helper()
	installed := filepath.Join(cacheDir(), "clair")
	if _, err := os.Stat(filepath.Join(installed, "stamp")); err != nil {
		missing(tb, "there is no Clair: run make clair")
	}
	if os.Geteuid() != 0 {
		missing(tb, "Clair's database is started by root only")
	}
	sweep()
	folder, err := tempDir("clair-")
	if err != nil {
		tb.Fatal(err)
	}
	c := &Clair{folder: folder, programs: filepath.Join(installed, "bin")}
	tb.Cleanup(func() {
		if tb.Failed() {
			tb.Logf("end of Clair's log:\n%s", tail(c.log.text()))
		}
		if err := os.RemoveAll(folder); err != nil {
			tb.Error(err)
		}
	})
	if c.log, err = openLog(filepath.Join(folder, "clair.log")); err != nil {
		tb.Fatal(err)
	}
	if err := startPostgres(tb, filepath.Join(installed, "postgresql"), folder); err != nil {
		tb.Fatal(err)
	}
	if err := c.configure(options); err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(c.Stop)
	if err := c.Start(); err != nil {
		tb.Fatal(err)
	}
	return c
}

// configure writes the configuration. Clair fetches what Red Hat calls its repositories from the internet, unless a file says it.
func (c *Clair) configure(options ClairOptions) error {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	address := listener.Addr().String()
	_ = listener.Close()
	c.URL = "http://" + address

	empty := filepath.Join(c.folder, "empty.json")
	database := "host=" + c.folder + " user=clair dbname=postgres sslmode=disable"
	config, err := json.Marshal(map[string]any{
		"http_listen_addr":   address,
		"introspection_addr": "127.0.0.1:0",
		"log_level":          "info",
		"indexer": map[string]any{
			"connstring": database, "migrations": true, "airgap": true,
			"scanner": map[string]any{
				"repo":    map[string]any{"rhel-repository-scanner": map[string]any{"repo2cpe_mapping_file": empty}},
				"package": map[string]any{"rhel_containerscanner": map[string]any{"name2repos_mapping_file": empty}},
			},
		},
		"matcher":  map[string]any{"connstring": database, "migrations": true, "disable_updaters": true, "indexer_addr": c.URL},
		"notifier": map[string]any{"connstring": database, "migrations": true},
		"auth": map[string]any{"psk": map[string]any{
			"key": base64.StdEncoding.EncodeToString(options.Key), "iss": []string{options.Issuer},
		}},
	})
	return errors.Join(err, os.WriteFile(empty, []byte(`{"data":{}}`), 0o600), os.WriteFile(c.config(), config, 0o600))
}

func (c *Clair) config() string { return filepath.Join(c.folder, "config.json") }

// Start starts Clair, also again after Stop, and waits until it answers.
func (c *Clair) Start() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	cmd := exec.Command(filepath.Join(c.programs, "clair"), "-conf", c.config(), "-mode", "combo")
	cmd.Stdout, cmd.Stderr = c.log.File, c.log.File
	process, err := startProcess(cmd)
	if err != nil {
		return err
	}
	address := c.URL[len("http://"):]
	if err := process.waitFor(func() bool { return listens(address) }); err != nil {
		process.kill()
		return fmt.Errorf("start of Clair: %w\n%s", err, tail(c.log.text()))
	}
	c.process = process
	return nil
}

// Stop ends Clair, as a power cut would; its database stays.
func (c *Clair) Stop() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.process != nil {
		c.process.kill()
		c.process = nil
	}
}

// Freeze has Clair take connections and answer none, until it is told to go on.
func (c *Clair) Freeze() error { return c.signal(syscall.SIGSTOP) }

// Thaw ends Freeze.
func (c *Clair) Thaw() error { return c.signal(syscall.SIGCONT) }

func (c *Clair) signal(s syscall.Signal) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.process.cmd.Process.Signal(s)
}

// Vulnerability is one that Clair is to know, in Clair's own words.
type Vulnerability struct {
	Updater      string         `json:"updater"`
	Name         string         `json:"name"`
	Description  string         `json:"description"`
	Issued       time.Time      `json:"issued"`
	Links        string         `json:"links"`
	Severity     string         `json:"severity"`
	Normalized   string         `json:"normalized_severity"`
	Package      map[string]any `json:"package"`
	Distribution map[string]any `json:"distribution,omitempty"`
	Repository   map[string]any `json:"repository,omitempty"`
	FixedIn      string         `json:"fixed_in_version"`
}

// Enrichment is what Clair is to add to a vulnerability.
type Enrichment struct {
	Tags       []string
	Enrichment json.RawMessage
}

// Learn replaces what Clair knows of an updater, as clairctl does where there is no network.
func (c *Clair) Learn(ctx context.Context, updater string, list []Vulnerability, enrichments ...Enrichment) error {
	var text bytes.Buffer
	packed := gzip.NewWriter(&text)
	lines := json.NewEncoder(packed)
	now := time.Now()
	entry := func(kind string, content any) error {
		return lines.Encode(map[string]any{
			"Updater": updater, "Fingerprint": now.String(), "Date": now, "Ref": reference(now, updater), "Kind": kind, map[string]string{
				"vulnerability": "Vuln", "enrichment": "Enrichment",
			}[kind]: content,
		})
	}
	var errs []error
	for _, v := range list {
		v.Updater = updater
		errs = append(errs, entry("vulnerability", v))
	}
	for _, e := range enrichments {
		errs = append(errs, entry("enrichment", e))
	}
	file := filepath.Join(c.folder, "updates.gz")
	if err := errors.Join(append(errs, packed.Close(), os.WriteFile(file, text.Bytes(), 0o600))...); err != nil {
		return err
	}
	cmd := exec.CommandContext(ctx, filepath.Join(c.programs, "clairctl"), "--config", c.config(), "import-updaters", file)
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("clairctl import-updaters: %w\n%s", err, out)
	}
	return nil
}

// reference is a UUID of an update.
func reference(now time.Time, updater string) string {
	return fmt.Sprintf("00000000-0000-4000-8000-%012x", (now.UnixNano()+int64(len(updater)))&0xffffffffffff)
}

func listens(address string) bool {
	conn, err := net.Dial("tcp", address)
	if err == nil {
		_ = conn.Close()
	}
	return err == nil
}
