package attached

import (
	"encoding/json"
	"errors"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"

	"caisson/authz/image"
)

// sarif is the part of SARIF 2.1.0 that says what was found. The format has no place for packages, versions and named severities, so each
// scanner has its own: Trivy writes them as lines of each result's message, and the severity among the tags of the rule as well; Grype
// writes them as lines of the rule's help. Both have a number beside them, security-severity, which is no CVSS score where there was none.
//
// Source: aquasecurity/trivy pkg/report/sarif.go, anchore/grype grype/presenter/sarif/presenter.go.
type sarif struct {
	Version string     `json:"version"`
	Runs    []sarifRun `json:"runs"`
}

type sarifRun struct {
	Tool struct {
		Driver struct {
			Name  string      `json:"name"`
			Rules []sarifRule `json:"rules"`
		} `json:"driver"`
	} `json:"tool"`
	Invocations []struct {
		Successful *bool  `json:"executionSuccessful"`
		End        string `json:"endTimeUtc"`
	} `json:"invocations"`
	Results []sarifResult `json:"results"`
}

type sarifRule struct {
	ID         string    `json:"id"`
	Help       sarifText `json:"help"`
	Properties struct {
		Tags  []string        `json:"tags"`
		Score json.RawMessage `json:"security-severity"`
	} `json:"properties"`
}

type sarifResult struct {
	RuleID    string    `json:"ruleId"`
	RuleIndex *int      `json:"ruleIndex"`
	Kind      string    `json:"kind"`
	Message   sarifText `json:"message"`
}

type sarifText struct {
	Text string `json:"text"`
}

// parseSARIF reads a report in SARIF. A run without a list of results is one in which nothing was looked for.
func parseSARIF(text []byte) (*image.Report, error) {
	var s sarif
	if err := unmarshal(text, &s); err != nil {
		return nil, err
	}
	switch {
	case s.Version != "2.1.0":
		return nil, errors.New("it is SARIF of another version than 2.1.0")
	case len(s.Runs) == 0:
		return nil, errors.New("it is SARIF without a run of a scanner")
	}
	r := &image.Report{Source: plain(s.Runs[0].Tool.Driver.Name)}
	if r.Source == "" {
		return nil, errors.New("it is SARIF of nobody")
	}
	for i := range s.Runs {
		if err := s.Runs[i].into(r); err != nil {
			return nil, err
		}
	}
	return r, nil
}

// into adds a run to a report.
func (run *sarifRun) into(r *image.Report) error {
	if run.Results == nil {
		return errors.New("it is SARIF without a list of results")
	}
	for _, i := range run.Invocations {
		if i.Successful != nil && !*i.Successful {
			return errors.New("it is SARIF of a scan that failed")
		}
		if end, err := time.Parse(time.RFC3339, i.End); err == nil && end.After(r.Made) {
			r.Made = end
		}
	}
	rules := make(map[string]*sarifRule)
	for i := range run.Tool.Driver.Rules {
		rule := &run.Tool.Driver.Rules[i]
		if rules[rule.ID] == nil {
			rules[rule.ID] = rule
		}
	}
	for i := range run.Results {
		if v, ok := run.Results[i].vulnerability(run, rules); ok {
			r.Found = append(r.Found, v)
		}
	}
	return nil
}

// vulnerability reads a result. Passed checks, misconfigurations, secrets and licenses are none.
func (s *sarifResult) vulnerability(run *sarifRun, rules map[string]*sarifRule) (image.Vulnerability, bool) {
	rule := rules[s.RuleID]
	if rule == nil && s.RuleIndex != nil && *s.RuleIndex >= 0 && *s.RuleIndex < len(run.Tool.Driver.Rules) {
		rule = &run.Tool.Driver.Rules[*s.RuleIndex]
	}
	if rule == nil {
		rule = &sarifRule{}
	}
	if s.Kind == "pass" || s.Kind == "notApplicable" || rule.other() {
		return image.Vulnerability{}, false
	}
	inMessage, inHelp := readLines(s.Message.Text), readLines(rule.Help.Text)
	v := image.Vulnerability{
		ID: s.RuleID, Severity: rule.severity(append(inMessage["Severity"], inHelp["Severity"]...)),
		Package: named(first(inMessage["Package"], inHelp["Package"]), first(inMessage["Installed Version"], inHelp["Version"])),
		FixedIn: first(inMessage["Fixed Version"], inHelp["Fix Version"]),
	}
	if v.ID == "" {
		v.ID = rule.ID
	}
	// Grype's rules are for a vulnerability in a package: CVE-2026-1234-openssl.
	if id := first(inHelp["Vulnerability"]); id != "" && strings.HasPrefix(v.ID, id) {
		v.ID = id
	}
	return v, true
}

// other tells whether the rule is about something else than vulnerabilities.
func (r *sarifRule) other() bool {
	tags := r.Properties.Tags
	return !slices.Contains(tags, "vulnerability") &&
		(slices.Contains(tags, "misconfiguration") || slices.Contains(tags, "secret") || slices.Contains(tags, "license"))
}

// severity takes the worst of the words in the texts and among the tags, or else the number. A package of an image is called what the
// image's author likes, also "x\nSeverity: LOW"; a line more can only make it worse. Levels say nothing: those of what nobody could
// rate are as mild as those of what is harmless.
func (r *sarifRule) severity(words []string) image.Severity {
	worst, rated := image.SeverityNegligible, false
	for _, word := range words {
		s := image.ParseSeverity(word)
		if s == image.SeverityUnknown {
			return s
		}
		worst, rated = max(worst, s), true
	}
	for _, tag := range r.Properties.Tags {
		if s := image.ParseSeverity(tag); s != image.SeverityUnknown {
			worst, rated = max(worst, s), true
		}
	}
	if rated {
		return worst
	}
	score, err := strconv.ParseFloat(strings.Trim(string(r.Properties.Score), `"`), 64)
	if err != nil {
		return image.SeverityUnknown
	}
	return ofScore(score)
}

// ofScore rates a CVSS score as its specification does. 0 is "none", which is also what stands there if nobody has rated it.
func ofScore(score float64) image.Severity {
	switch {
	case score >= 9:
		return image.SeverityCritical
	case score >= 7:
		return image.SeverityHigh
	case score >= 4:
		return image.SeverityMedium
	case score > 0:
		return image.SeverityLow
	default:
		return image.SeverityUnknown
	}
}

// linesKnown are the beginnings of lines that say something.
var linesKnown = []string{"Vulnerability", "Severity", "Package", "Installed Version", "Version", "Fixed Version", "Fix Version"}

// maxLines is how many lines of a text are looked at. What is asked for stands in front, the description behind it.
const maxLines = 12

// readLines reads lines such as "Severity: HIGH" and "Vulnerability CVE-2026-1234".
func readLines(text string) map[string][]string {
	said, n := make(map[string][]string), 0
	for line := range strings.Lines(text) {
		if n++; n > maxLines {
			break
		}
		line = strings.TrimSpace(line)
		for _, key := range linesKnown {
			value, ok := strings.CutPrefix(line, key)
			if ok && value != "" && (value[0] == ':' || value[0] == ' ' && key == "Vulnerability") {
				said[key] = append(said[key], strings.TrimSpace(value[1:]))
			}
		}
	}
	return said
}

// first is the first value of the first list that has any.
func first(lists ...[]string) string {
	for _, list := range lists {
		if len(list) > 0 {
			return list[0]
		}
	}
	return ""
}

// plain bounds the name of a scanner and makes it fit for a message.
func plain(name string) string {
	name = strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return -1
	}, name)
	return name[:min(len(name), 64)]
}
