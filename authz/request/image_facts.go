package request

import "time"

// ImageFacts is what was found out about an image that a workload is made of. Whoever judges it has neither a clock nor a network, so all
// that matters is here. The zero value knows nothing, and nothing known is no reason to let an image pass.
type ImageFacts struct {
	Place  string    // where the workload names it: Workload.Image.Field, or the Field of a [Mount]
	Named  string    // as it was asked for: a name, or an ID
	ID     string    // as the Engine has it; "" if it has none
	Absent bool      // the Engine has no such image
	Err    string    // why the image could not be looked at: "the Engine does not answer"; "" if it was
	At     time.Time // when this was put together: ages count up to here, and what expires is compared with it

	Trust           ImageTrust
	Age             ImageAge
	Vulnerabilities ImageVulnerabilities
}

// ImageTrust is who vouches for an image.
type ImageTrust struct {
	Verified  bool
	Reason    string // as in the audit log: "unsigned"
	Detail    string // completes "the image …"
	Unsettled bool   // another look in a moment may find otherwise, with nothing changed about the image
	Statement string // of the policy, that applies
	Signer    string // of a verified one
}

// ImageAge is how old an image is.
type ImageAge struct {
	Known  bool
	Time   time.Time // since when it exists, as far as anybody can tell
	Source string    // who tells: completes "by …"
	Why    string    // why the age is not known: completes "its age is not known: …"
}

// ImageVulnerabilities is what a scanner found in an image.
type ImageVulnerabilities struct {
	Unknown string    // why there is no report, or none of the whole image: completes "its vulnerabilities are not known: …"; "" if there is one
	Source  string    // who made the report; without it there is none
	Made    time.Time // when; zero if the report does not say
	Found   []Vulnerability
	Unread  string // why it is not known which of them do no harm; "" if it is
}

// Known tells whether somebody has looked.
func (v *ImageVulnerabilities) Known() bool { return v.Unknown == "" && v.Source != "" }

// Vulnerability is one that an image has.
type Vulnerability struct {
	ID       string // CVE-2026-1234, GHSA-…
	Package  string // name and version
	Severity string // negligible, low, medium, high or critical; anything else is one that the scanner cannot rate
	FixedIn  string // version without it; "" if there is none yet
}
