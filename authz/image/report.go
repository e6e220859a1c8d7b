package image

import (
	"context"
	"time"
)

// Reporter knows the vulnerabilities of images. It reads reports, and never asks for a scan. It is safe for concurrent use.
type Reporter interface {
	// Report returns the newest report about an artifact that can be believed. A report whose Unknown is not empty says why there is none.
	Report(ctx context.Context, source Source, a Artifact) Report
}

// Report is what a scanner found. The zero value is a report that says nothing is there, so whoever makes one fills in Source.
type Report struct {
	Unknown string    // why there is no report: completes "the vulnerabilities …"; "" if there is one
	Source  string    // who says so: "Clair at https://…", "trivy report signed by …"
	Made    time.Time // when; zero if the report does not say
	Found   []Vulnerability
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
