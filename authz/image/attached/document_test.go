package attached

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"caisson/authz/image"
)

// app is the digest of the image that the files in testdata are about.
const app = "sha256:a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1"

func read(tb testing.TB, name string) []byte {
	tb.Helper()
	text, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		tb.Fatal(err)
	}
	return text
}

func at(tb testing.TB, s string) time.Time {
	tb.Helper()
	when, err := time.Parse(time.RFC3339Nano, s)
	if err != nil {
		tb.Fatal(err)
	}
	return when
}

// inTrivy is what Trivy's report says, in both of its formats.
var inTrivy = []image.Vulnerability{
	{ID: "CVE-2026-1003", Package: "bash 5.2"},
	{ID: "CVE-2026-1002", Package: "zlib1g 1.2.13", Severity: image.SeverityCritical},
	{ID: "CVE-2026-1001", Package: "libssl3 3.0.11-1", Severity: image.SeverityHigh, FixedIn: "3.0.13-1"},
	{ID: "GHSA-aaaa-bbbb-cccc", Package: "@scope/left-pad 1.3.0", Severity: image.SeverityLow, FixedIn: "1.3.1"},
}

func TestReports(t *testing.T) {
	for name, want := range map[string]image.Report{
		"trivy.json":          {Source: "Trivy", Made: at(t, "2026-11-20T10:00:00.123456789Z"), Found: inTrivy},
		"trivy-clean.json":    {Source: "Trivy", Made: at(t, "2026-11-20T10:00:00.123456789Z")},
		"scan-record.json":    {Source: "Trivy", Made: at(t, "2026-11-22T10:00:00Z"), Found: inTrivy},
		"scan-statement.json": {Source: "Trivy", Made: at(t, "2026-11-22T10:00:00Z"), Found: inTrivy},
		"scan-envelope.json":  {Source: "Trivy", Made: at(t, "2026-11-22T10:00:00Z"), Found: inTrivy},
		"trivy.sarif.json": {Source: "Trivy", Found: []image.Vulnerability{
			{ID: "CVE-2026-1003", Package: "bash 5.2"},
			{ID: "CVE-2026-1002", Package: "zlib1g 1.2.13", Severity: image.SeverityCritical},
			{ID: "CVE-2026-1001", Package: "evil 1", Severity: image.SeverityHigh}, // its package's name says that it is low
			{ID: "CVE-2026-1001", Package: "libssl3 3.0.11-1", Severity: image.SeverityHigh, FixedIn: "3.0.13-1"},
		}},
		"grype.json": {Source: "Grype", Made: at(t, "2026-11-21T08:30:00.5Z"), Found: []image.Vulnerability{
			{ID: "CVE-2026-1005", Package: "perl 5.36"},
			{ID: "CVE-2026-1001", Package: "libssl3 3.0.11-1", Severity: image.SeverityHigh, FixedIn: "3.0.13-1"},
			{ID: "CVE-2026-1004", Package: "coreutils 9.1", Severity: image.SeverityNegligible},
		}},
		"grype.sarif.json": {Source: "grype", Made: at(t, "2026-11-19T00:00:00Z"), Found: []image.Vulnerability{
			{ID: "CVE-2026-1005", Package: "perl 5.36"},
			{ID: "CVE-2026-1002", Package: "zlib1g 1.2.13", Severity: image.SeverityCritical}, // though the number says 1.0
			{ID: "CVE-2026-1001", Package: "libssl3 3.0.11-1", Severity: image.SeverityHigh, FixedIn: "3.0.13-1"},
		}},
		"other.sarif.json": {Source: "Other", Found: []image.Vulnerability{
			{ID: "CVE-2026-3"},
			{ID: "CVE-2026-6"},
			{ID: "CVE-2026-1", Severity: image.SeverityCritical},
			{ID: "CVE-2026-2", Severity: image.SeverityMedium},
			{ID: "CVE-2026-4", Severity: image.SeverityLow},
		}},
	} {
		doc, err := parse(read(t, name), []string{app})
		switch {
		case err != nil:
			t.Errorf("%s: %v", name, err)
		case doc.report == nil:
			t.Errorf("%s: is no report", name)
		default:
			if diff := cmp.Diff(&want, doc.report); diff != "" {
				t.Errorf("%s (-want +got):\n%s", name, diff)
			}
		}
	}
}

func TestOtherDocuments(t *testing.T) {
	for name, built := range map[string]string{
		"provenance.json": "2026-11-01T00:10:00Z", "provenance-v0.2.json": "2026-10-01T00:10:00Z",
		"cyclonedx.json": "0001-01-01T00:00:00Z", "spdx-statement.json": "0001-01-01T00:00:00Z",
	} {
		doc, err := parse(read(t, name), []string{app})
		if err != nil || doc.report != nil || doc.statements != nil || !doc.built.Equal(at(t, built)) {
			t.Errorf("%s: got %+v and %v", name, doc, err)
		}
	}
}

// TestOpenVEX reads a document as it is, and as the predicate of a statement.
func TestOpenVEX(t *testing.T) {
	for _, name := range []string{"openvex.json", "openvex-statement.json"} {
		doc, err := parse(read(t, name), []string{app})
		if err != nil || len(doc.statements) == 0 || !doc.statements[0].harmless {
			t.Errorf("%s: got %+v and %v", name, doc, err)
		}
	}
}

// TestUnreadable shows what would look like a clean report to a reader that is easy to please.
func TestUnreadable(t *testing.T) {
	for text, want := range map[string]string{
		``:                     "no JSON",
		`[]`:                   "another type",
		`{}`:                   "not known",
		`{"SchemaVersion": 1}`: "version 1",
		`{"SchemaVersion": 2}`: "about nothing",
		`{"SchemaVersion": 2, "ArtifactName": "x"} {}`:                        "no JSON",
		`{"SchemaVersion": 2, "ArtifactName": "x", "Results": 3}`:             "Results is of another type",
		`{"matches": [], "descriptor": {"name": "x"}}`:                        "not made by Grype",
		`{"matches": null, "descriptor": {"name": "grype"}}`:                  "without a list of matches",
		`{"version": "2.0.0", "runs": [{}]}`:                                  "another version",
		`{"version": "2.1.0", "runs": []}`:                                    "without a run",
		`{"version": "2.1.0", "runs": [{"results": []}]}`:                     "of nobody",
		`{"version": "2.1.0", "runs": [{"tool": {"driver": {"name": "x"}}}]}`: "without a list of results",
		`{"version": "2.1.0", "runs": [{"tool": {"driver": {"name": "x"}}, "results": [], "invocations": [{"executionSuccessful": false}]}]}`: "failed",
		`{"scanner": {"result": null}, "metadata": {}}`:                                                          "without a result",
		`{"scanner": {"result": {"bomFormat": "CycloneDX"}}}`:                                                    "no report",
		strings.Repeat(`{"scanner": {"result": `, 9) + "1" + strings.Repeat("}}", 9):                             "too many formats",
		`{"payload": "e30=", "payloadType": "text/plain"}`:                                                       "something else",
		`{"payload": "%", "payloadType": "application/vnd.in-toto+json"}`:                                        "not base64",
		`{"_type": "https://in-toto.io/Statement/v1", "subject": [], "predicateType": "x", "predicate": {}}`:     "another image",
		`{"_type": "https://in-toto.io/Statement/v1", "subject": [{"digest": {"sha256": ""}}], "predicate": {}}`: "another image",
		`{"_type": "https://in-toto.io/Statement/v1", "subject": [{"digest": {"sha256": "` + app[7:] + `"}}]}`:   "says nothing",
		`{"@context": "https://openvex.dev/ns/v0.2.0", "statements": [{"status": "fine"}]}`:                      "status",
		`{"@context": "https://openvex.dev/ns", "statements": [{"vulnerability": "CVE-1"}]}`:                     "another type",
		`{"dsseEnvelope": {"payload": ""}}`:                                                                      "something else",
	} {
		if _, err := parse([]byte(text), []string{app}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%.100s: got %v, want …%s…", text, err, want)
		}
	}
	statement := read(t, "scan-statement.json")
	if _, err := parse(statement, []string{"sha256:" + strings.Repeat("b2", 32)}); err == nil {
		t.Error("a statement about another image is taken")
	}
}

func TestTooManyFindings(t *testing.T) {
	one := `{"VulnerabilityID": "CVE-1"},`
	text := `{"SchemaVersion": 2, "ArtifactName": "x", "Results": [{"Vulnerabilities": [` + strings.Repeat(one, maxFindings) + `{}]}]}`
	if _, err := parse([]byte(text), nil); err == nil || !strings.Contains(err.Error(), "more than") {
		t.Errorf("got %v", err)
	}
}

// FuzzParse feeds the parsers anything. Whatever is not refused is a report by somebody, or no report.
func FuzzParse(f *testing.F) {
	files, err := os.ReadDir("testdata")
	if err != nil {
		f.Fatal(err)
	}
	for _, file := range files {
		if !file.IsDir() {
			f.Add(read(f, file.Name()))
		}
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		doc, err := parse(text, []string{app})
		if err != nil && (doc.report != nil || doc.statements != nil || !doc.built.IsZero()) {
			t.Error("an error comes with a document")
		}
		if r := doc.report; r != nil {
			if r.Source == "" || r.Unknown != "" || len(r.Found) > maxFindings {
				t.Errorf("the report is by %q, %d findings", r.Source, len(r.Found))
			}
			d := Documents{statements: doc.statements, digests: []string{app}}
			if got := d.Exempt(*r); len(got.Found) != len(r.Found) {
				t.Error("a report takes away from itself")
			}
		}
		if doc.statements != nil {
			d := Documents{statements: doc.statements, digests: []string{app}}
			d.Exempt(image.Report{Source: "x", Found: inTrivy})
		}
	})
}
