package image_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"caisson/authz/image"
	"caisson/authz/request"
)

func TestParseSeverity(t *testing.T) {
	for word, want := range map[string]image.Severity{
		"Critical": image.SeverityCritical, "HIGH": image.SeverityHigh, "medium": image.SeverityMedium, "moderate": image.SeverityMedium,
		"Low": image.SeverityLow, "Negligible": image.SeverityNegligible, "Unknown": image.SeverityUnknown, "": image.SeverityUnknown, "none": image.SeverityUnknown,
	} {
		if got := image.ParseSeverity(word); got != want {
			t.Errorf("%q: got %s, want %s", word, got, want)
		}
	}
	if s := image.Severity(200); s.String() != "unknown" {
		t.Errorf("got %s", s)
	}
}

func TestReportFacts(t *testing.T) {
	r := image.Report{Source: "Clair", Found: image.Distinct([]image.Vulnerability{
		{ID: "CVE-3", Package: "a 1", Severity: image.SeverityLow},
		{ID: "CVE-2", Package: "b 1", Severity: image.SeverityCritical},
		{ID: "CVE-2", Package: "a 1", Severity: image.SeverityCritical, FixedIn: "2"},
		{ID: "CVE-1", Package: "c 1"},
		{ID: "CVE-2", Package: "b 1", Severity: image.SeverityCritical},
	})}
	want := request.ImageVulnerabilities{Source: "Clair", Found: []request.Vulnerability{
		{ID: "CVE-1", Package: "c 1", Severity: "unknown"},
		{ID: "CVE-2", Package: "a 1", Severity: "critical", FixedIn: "2"},
		{ID: "CVE-2", Package: "b 1", Severity: "critical"},
		{ID: "CVE-3", Package: "a 1", Severity: "low"},
	}}
	if diff := cmp.Diff(want, r.Facts()); diff != "" {
		t.Error(diff)
	}
	none := image.Report{Unknown: "nobody has looked"}
	if f := none.Facts(); f.Known() {
		t.Errorf("%+v counts as known", f)
	}
	var zero image.Report
	if f := zero.Facts(); f.Known() {
		t.Error("the zero report counts as known")
	}
}
