package image

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"time"

	"caisson/authz/request"
)

// Reporter knows the vulnerabilities of images. It reads reports, and never asks for a scan. It is safe for concurrent use.
type Reporter interface {
	// Report returns the newest report about an artifact that can be believed. A report whose Unknown is not empty says why there is none,
	// or why it does not tell of all that is in the image.
	Report(ctx context.Context, source Source, a Artifact) Report
}

// Report is what a scanner found. The zero value is a report that says nothing is there, so whoever makes one fills in Source.
type Report struct {
	Unknown string    // why there is no report, or none of the whole image: completes "its vulnerabilities are not known: …"; "" if there is one
	Source  string    // who says so: "Clair at https://…", "Trivy (signed by CN=…)"
	Made    time.Time // when; zero if the report does not say
	Found   []Vulnerability
	Unread  string    // why it is not known which of them do no harm; "" if it is
	Built   time.Time // when the image was built, as signed provenance beside the report says; zero if there is none
}

// Vulnerability is one that an image has.
type Vulnerability struct {
	ID       string   // CVE-2026-1234, GHSA-…
	Package  string   // name and version
	Severity Severity // the scanner's own, on the common scale
	FixedIn  string   // version without it; "" if there is none yet
}

// Severity is how bad a vulnerability is.
type Severity uint8

// The severities. The zero value is that a scanner does not know, and counts as the worst where a limit is set.
const (
	SeverityUnknown Severity = iota
	SeverityNegligible
	SeverityLow
	SeverityMedium
	SeverityHigh
	SeverityCritical
)

var severityNames = [...]string{"unknown", "negligible", "low", "medium", "high", "critical"}

func (s Severity) String() string {
	if int(s) < len(severityNames) {
		return severityNames[s]
	}
	return severityNames[SeverityUnknown]
}

// ParseSeverity reads the word that a scanner has for a severity, in any case. A word that is not known is [SeverityUnknown].
func ParseSeverity(word string) Severity {
	word = strings.ToLower(word)
	if word == "moderate" { // as GitHub's advisories say
		return SeverityMedium
	}
	return Severity(max(0, slices.Index(severityNames[:], word))) //nolint:gosec // the list is short
}

// Facts gives the report to the rules.
func (r *Report) Facts() request.ImageVulnerabilities {
	f := request.ImageVulnerabilities{Unknown: r.Unknown, Source: r.Source, Made: r.Made, Unread: r.Unread}
	for i := range r.Found {
		v := &r.Found[i]
		f.Found = append(f.Found, request.Vulnerability{ID: v.ID, Package: v.Package, Severity: v.Severity.String(), FixedIn: v.FixedIn})
	}
	return f
}

// Distinct orders findings, the worst first, and leaves out those that are there twice: scanners list a vulnerability for the source and
// the binary package, or once for each database that knows it.
func Distinct(found []Vulnerability) []Vulnerability {
	slices.SortFunc(found, func(a, b Vulnerability) int {
		return cmp.Or(
			cmp.Compare(b.Severity.badness(), a.Severity.badness()), cmp.Compare(a.ID, b.ID), cmp.Compare(a.Package, b.Package), cmp.Compare(a.FixedIn, b.FixedIn))
	})
	return slices.Compact(found)
}

// badness ranks severities with the unknown one last.
func (s Severity) badness() int {
	if s == SeverityUnknown {
		return len(severityNames)
	}
	return int(s)
}
