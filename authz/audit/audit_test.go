package audit_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"caisson/authz/audit"
)

var update = flag.Bool("update", false, "rewrite the golden file")

// records has one record of each kind; together they use every field.
func records() []*audit.Record {
	at := time.Date(2026, 11, 24, 12, 0, 0, 123456789, time.FixedZone("CET", 3600))
	v := audit.Violation{Rule: "privileged", Field: "HostConfig.Privileged", Got: "is true", Allowed: "false", Fix: "drop --privileged"}
	return []*audit.Record{
		{Time: at, Decision: "01J", Method: "GET", Path: "/_ping", Operation: "SystemPing", APIVersion: "unversioned", Verdict: "allow", Mode: "enforce", Passed: true, Policy: "sha256:0", Duration: 42 * time.Microsecond},
		{
			Time: at, Decision: "01K", User: "ann", AuthMethod: "TLS", Method: "POST", Path: "/containers/create", APIVersion: "1.41", Operation: "ContainerCreate",
			Object: "web", Image: "busybox", Verdict: "deny", Mode: "enforce", Violations: []audit.Violation{v, v}, Audited: []audit.Violation{v},
			Excepted: []audit.Violation{{Rule: "host-pid", Field: "HostConfig.PidMode", Got: `is "host"`, Allowed: "private", Exception: "exporter"}}, Policy: "sha256:0",
		},
		{Time: at, Decision: "01L", Method: "POST", Verdict: "undecided", Mode: "audit", Passed: true, Error: "body: line\nbreak \"quoted\" \u2028"},
	}
}

// TestSchema holds the layout of records to the golden file, which is what other programs parse. A change of a field's meaning needs a new
// schema version.
func TestSchema(t *testing.T) {
	var buf bytes.Buffer
	log := audit.NewLog(&buf)
	for _, r := range records() {
		if err := log.Write(r, nil); err != nil {
			t.Fatal(err)
		}
	}
	const golden = "testdata/records.jsonl"
	if *update {
		if err := os.WriteFile(golden, buf.Bytes(), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), buf.String()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	for line := range bytes.Lines(buf.Bytes()) {
		if !json.Valid(line) {
			t.Errorf("not JSON: %s", line)
		}
	}
}

// TestEveryFieldIsDocumented looks for the fields of the golden file in the document.
func TestEveryFieldIsDocumented(t *testing.T) {
	doc, err := os.ReadFile("../../docs/audit-log.md")
	if err != nil {
		t.Fatal(err)
	}
	golden, err := os.ReadFile("testdata/records.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range regexp.MustCompile(`"([a-z_]+)":`).FindAllStringSubmatch(string(golden), -1) {
		if !strings.Contains(string(doc), "`"+m[1]+"`") {
			t.Errorf("docs/audit-log.md does not explain %q", m[1])
		}
	}
}

// TestReopen rotates the file under writers: no record is lost or torn.
func TestReopen(t *testing.T) {
	path := filepath.Join(t.TempDir(), "audit.log")
	log, err := audit.OpenLog(path)
	if err != nil {
		t.Fatal(err)
	}
	const writers, each = 4, 500
	var wg sync.WaitGroup
	for range writers {
		wg.Go(func() {
			for range each {
				if err := log.Write(records()[1], nil); err != nil {
					t.Error(err)
				}
			}
		})
	}
	for i := range 5 {
		if err := os.Rename(path, path+"."+string(rune('0'+i))); err != nil {
			t.Fatal(err)
		}
		if err := log.Reopen(); err != nil {
			t.Fatal(err)
		}
	}
	wg.Wait()
	if err := log.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob(path + "*")
	if err != nil || len(files) != 6 {
		t.Fatalf("%v, %v", files, err)
	}
	lines := 0
	for _, f := range files {
		text, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		for line := range bytes.Lines(text) {
			if lines++; !json.Valid(line) {
				t.Fatalf("%s: torn record %s", f, line)
			}
		}
	}
	if lines != writers*each {
		t.Errorf("%d records, want %d", lines, writers*each)
	}
}

// TestErrors makes sure that a record that is not written is an error.
func TestErrors(t *testing.T) {
	if err := audit.NewLog(full{}).Write(records()[0], nil); err == nil {
		t.Error("a full disk is no error")
	}
	if _, err := audit.OpenLog(filepath.Join(t.TempDir(), "none", "audit.log")); err == nil {
		t.Error("a missing folder is no error")
	}
	path := filepath.Join(t.TempDir(), "audit.log")
	log, err := audit.OpenLog(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.RemoveAll(filepath.Dir(path)); err != nil {
		t.Fatal(err)
	}
	if log.Reopen() == nil {
		t.Error("a folder that went away is no error")
	}
	if err := log.Write(records()[0], nil); err != nil {
		t.Errorf("the old file is not in use any more: %v", err)
	}
}

type full struct{}

func (full) Write([]byte) (int, error) { return 0, errors.New("no space left on device") }
