package doctor

import (
	"encoding/json"
	"fmt"
	"io"
)

// Report is what the doctor says.
type Report struct {
	Version   int       `json:"version"` // of this form; 1
	Enforcing bool      `json:"enforcing"`
	Engine    string    `json:"engine,omitempty"` // its version
	Plugin    string    `json:"plugin"`
	Policy    string    `json:"policy,omitempty"` // hash of what the file says
	Findings  []Finding `json:"findings"`
	Failed    int       `json:"failed"`
	Warned    int       `json:"warned"`
}

// NewReport examines the facts.
func NewReport(f *Facts) *Report {
	r := &Report{Version: 1, Enforcing: f.Enforcing(), Engine: f.Version.Version, Plugin: f.Plugin, Findings: Examine(f)}
	if f.Policy != nil {
		r.Policy = f.Policy.Policy.Hash
	}
	for _, x := range r.Findings {
		switch x.Severity {
		case Fail:
			r.Failed++
		case Warn:
			r.Warned++
		case OK, Info:
		}
	}
	return r
}

// Healthy tells whether the host enforces its policy and nothing failed.
func (r *Report) Healthy() bool { return r.Enforcing && r.Failed == 0 }

// JSON writes the report on one line.
func (r *Report) JSON(w io.Writer) error {
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	return e.Encode(r)
}

// Text writes the report for people: first what counts, then the worst. Quiet leaves out what is all right or only worth knowing.
func (r *Report) Text(w io.Writer, quiet bool) error {
	answer := map[bool]string{true: "yes", false: "NO"}[r.Enforcing]
	if _, err := fmt.Fprintf(w, "enforcing: %s; failed: %d, warnings: %d\n", answer, r.Failed, r.Warned); err != nil {
		return err
	}
	for _, f := range r.Findings {
		if quiet && f.Severity < Warn {
			continue
		}
		text := fmt.Sprintf("%-4s  %s  [%s]\n", f.Severity, f.What, f.Check)
		if f.Severity != OK {
			text += fmt.Sprintf("      why: %s\n", f.Why)
			if f.Do != "" {
				text += fmt.Sprintf("      do:  %s\n", f.Do)
			}
		}
		if _, err := io.WriteString(w, text); err != nil {
			return err
		}
	}
	return nil
}
