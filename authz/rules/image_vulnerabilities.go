package rules

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/bmatcuk/doublestar/v4"

	"caisson/authz/request"
)

// ImageVulnerabilities bounds what a scanner may have found in an image.
type ImageVulnerabilities struct {
	MaxSeverity  string                 `toml:"max_severity" comment:"the worst severity that passes: none, negligible, low, medium, high or critical; what a scanner cannot rate counts as critical"`
	FixableOnly  bool                   `toml:"fixable_only" comment:"let pass what no version of the package fixes yet"`
	MaxReportAge Days                   `toml:"max_report_age" comment:"oldest report that counts, such as \"7d\"; reports without a date, as Clair makes them, do not count then; 0 sets no bound"`
	OnUnknown    string                 `toml:"on_unknown" comment:"what happens to an image of which there is no report that counts: deny or allow"`
	Ignore       []IgnoredVulnerability `toml:"ignore" comment:"vulnerabilities that pass for a time: { id = \"CVE-2026-1234\", package = \"openssl*\", expires = 2027-03-31, reason = \"…\" }"`
}

// IgnoredVulnerability is one that the operator has looked at.
type IgnoredVulnerability struct {
	ID      string    `toml:"id" comment:"as the scanner names it"`
	Package string    `toml:"package" comment:"name and version as the scanner reports them, with * and ?; leave it out for every package"`
	Expires time.Time `toml:"expires" comment:"last day, in UTC, on which it passes"`
	Reason  string    `toml:"reason" comment:"why it does no harm"`
}

// severities is the scale, mildest first. "none" is a bound that no vulnerability keeps.
var severities = []string{"none", "negligible", "low", "medium", "high", "critical"}

var _ = register(&Spec{
	ID:    "image-vulnerabilities",
	Title: "Images have no severe known vulnerabilities",
	Why: "Whoever can talk to a program in a container can use the bugs that everybody knows of. A scanner has found them by then; " +
		"this rule is what keeps an image with them from running.",
	Fix:    "pull or build a version of the image without them, or have the operator add an entry to rules.image-vulnerabilities.ignore",
	Refs:   []string{"CIS 4.4"},
	Doors:  []request.Door{request.DoorCreate, request.DoorService},
	Fields: []string{"Image", "HostConfig.Mounts", "TaskTemplate.ContainerSpec.Image", "TaskTemplate.ContainerSpec.Mounts"},
	Facts:  FactReports,

	// Off in all: without a scanner there is no report.
	New: func() Rule { return &ImageVulnerabilities{MaxSeverity: "high", OnUnknown: unknownDeny} },
})

// Prepare implements [Preparer].
func (v *ImageVulnerabilities) Prepare() error {
	if !slices.Contains(severities, v.MaxSeverity) {
		return fmt.Errorf("max_severity: %q is no severity; use %s", v.MaxSeverity, strings.Join(severities, ", "))
	}
	for i := range v.Ignore {
		if err := v.Ignore[i].prepare(); err != nil {
			return fmt.Errorf("ignore: %w", err)
		}
	}
	return checkOnUnknown(v.OnUnknown)
}

func (i *IgnoredVulnerability) prepare() error {
	switch {
	case i.ID == "":
		return fmt.Errorf("id is missing")
	case i.Reason == "":
		return fmt.Errorf("reason is missing for %s", i.ID)
	case i.Expires.IsZero():
		return fmt.Errorf("expires is missing for %s; what is never looked at again is forgotten", i.ID)
	case i.Package != "" && !doublestar.ValidatePattern(i.Package):
		return fmt.Errorf("package: %q is no pattern", i.Package)
	}
	end, err := Expiry(i.Expires)
	if err != nil {
		return fmt.Errorf("expires: %w", err)
	}
	i.Expires = end
	return nil
}

// covers tells whether the entry lets a vulnerability pass at a moment. Without a moment, nothing that expires counts.
func (i *IgnoredVulnerability) covers(v *request.Vulnerability, at time.Time) bool {
	return i.ID == v.ID && !at.IsZero() && at.Before(i.Expires) && (i.Package == "" || matchPackage(i.Package, v.Package))
}

// matchPackage tells whether a package matches a pattern. @scope/name is no path: the wildcards go past its slash.
func matchPackage(pattern, name string) bool {
	flat := strings.NewReplacer("/", "\x00")
	return doublestar.MatchUnvalidated(flat.Replace(pattern), flat.Replace(name))
}

// Check implements [Rule].
func (v *ImageVulnerabilities) Check(r *request.Request, out *Findings) {
	for _, f := range imagesOf(r.Workload) {
		if !comesLater(r.Workload, f) {
			v.check(r.Workload, f, out)
		}
	}
}

func (v *ImageVulnerabilities) check(w *request.Workload, f *request.ImageFacts, out *Findings) {
	why := unseen(w, f)
	if why == "" {
		why = v.unknown(f)
	}
	if why != "" && v.OnUnknown != unknownAllow {
		out.AddFix(f.Place, "is "+quote(f.Named)+", whose vulnerabilities are not known: "+why, "a report without any "+v.worse(),
			"have the image scanned, or have the operator set rules."+string(out.spec.ID)+".on_unknown")
		out.Unsettled()
	}
	if why != "" && f.Vulnerabilities.Unknown == "" { // the report is too old to count
		return
	}
	bad := v.judge(f.Vulnerabilities.Found, f.At)
	if len(bad) == 0 {
		return
	}
	got := fmt.Sprintf("is %s, in which %s found %s", quote(f.Named), f.Vulnerabilities.Source, wordFound(bad))
	if f.Vulnerabilities.Unread == "" {
		out.Add(f.Place, got, "none "+v.worse())
		return
	}
	out.Add(f.Place, got+", and which of that does no harm is not known: "+f.Vulnerabilities.Unread, "none "+v.worse())
	out.Unsettled()
}

// unknown says why what is reported does not count.
func (v *ImageVulnerabilities) unknown(f *request.ImageFacts) string {
	report := &f.Vulnerabilities
	switch age := f.At.Sub(report.Made); {
	case report.Unknown != "":
		return report.Unknown
	case !report.Known():
		return "there is no report"
	case v.MaxReportAge == 0:
		return ""
	case report.Made.IsZero():
		return "the report of " + report.Source + " has no date, and may be older than " + v.MaxReportAge.String()
	case age < -day:
		return "the report of " + report.Source + " has a date in the future"
	case v.MaxReportAge.Exceeded(age):
		return fmt.Sprintf("the report of %s is more than %s old", report.Source, v.MaxReportAge)
	}
	return ""
}

// judge lists what does not pass, the worst first, each vulnerability of a package once.
func (v *ImageVulnerabilities) judge(found []request.Vulnerability, at time.Time) []request.Vulnerability {
	limit := slices.Index(severities, v.MaxSeverity)
	var bad []request.Vulnerability
	for i := range found {
		f := &found[i]
		switch {
		case severity(f) <= limit:
		case v.FixableOnly && f.FixedIn == "":
		case slices.ContainsFunc(v.Ignore, func(i IgnoredVulnerability) bool { return i.covers(f, at) }):
		default:
			bad = append(bad, *f)
		}
	}
	slices.SortFunc(bad, func(a, b request.Vulnerability) int {
		return cmp.Or(
			severity(&b)-severity(&a), cmp.Compare(a.ID, b.ID), cmp.Compare(a.Package, b.Package), cmp.Compare(a.Severity, b.Severity), cmp.Compare(a.FixedIn, b.FixedIn))
	})
	return slices.CompactFunc(bad, func(a, b request.Vulnerability) bool { return a.ID == b.ID && a.Package == b.Package })
}

// severity ranks a vulnerability. What is not on the scale is as bad as can be.
func severity(v *request.Vulnerability) int {
	if i := slices.Index(severities, v.Severity); i > 0 {
		return i
	}
	return len(severities) - 1
}

// shown bounds how many vulnerabilities of an image a message names.
const shown = 5

// wordFound words a list: CVE-1 (critical, a 1.0, fixed in 1.1), CVE-2 (high, b 2.0), and 12 more.
func wordFound(bad []request.Vulnerability) string {
	var words []string
	for _, f := range bad[:min(shown, len(bad))] {
		text := fmt.Sprintf("%s (%s, %s", plain(f.ID), rated(f.Severity), plain(f.Package))
		if f.FixedIn != "" {
			text += ", fixed in " + plain(f.FixedIn)
		}
		words = append(words, text+")")
	}
	if more := len(bad) - shown; more > 0 {
		words = append(words, fmt.Sprintf("and %d more", more))
	}
	return strings.Join(words, ", ")
}

func rated(s string) string {
	if slices.Index(severities, s) > 0 {
		return s
	}
	return "not rated"
}

// plain makes a text of a report fit for a message, without the quotes that would only be noise.
func plain(s string) string {
	q := quote(s)
	return q[1 : len(q)-1]
}

// worse words what does not pass.
func (v *ImageVulnerabilities) worse() string {
	text := "worse than " + v.MaxSeverity
	if v.MaxSeverity == severities[0] {
		text = "at all"
	}
	if v.FixableOnly {
		text += " that can be fixed"
	}
	return text
}
