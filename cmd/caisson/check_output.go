package main

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"

	"caisson/authz"
	"caisson/authz/rules"
)

// printText gives a line for the verdict, and one, further in, for each finding.
func printText(w io.Writer, r *recorded, d *authz.Decision) error {
	var b strings.Builder
	fmt.Fprintf(&b, "%s: %s: %s", line(r.name()), d.Verdict, d.Operation())
	if d.Request != nil && d.Request.Object() != "" {
		fmt.Fprintf(&b, " %q", d.Request.Object())
	}
	b.WriteString("\n")
	writeFindings(&b, d)
	_, err := io.WriteString(w, b.String())
	return err
}

func writeFindings(b *strings.Builder, d *authz.Decision) {
	if d.Err != nil {
		fmt.Fprintf(b, "  %s\n", printable(d.Err.Error()))
	}
	for _, v := range d.Violations {
		fmt.Fprintf(b, "  %s\n", authz.Sentence(v))
	}
	for _, v := range d.Audited {
		fmt.Fprintf(b, "  audited: %s\n", authz.Sentence(v))
	}
	for _, e := range d.Excepted {
		fmt.Fprintf(b, "  excepted by %s: %s\n", e.Exception, authz.Sentence(e.Violation))
	}
}

// checkJSON is a line of check --json. Its names are those of the audit record.
type checkJSON struct {
	File      string `json:"file"`
	Number    int    `json:"number,omitempty"`
	Verdict   string `json:"verdict"`
	Operation string `json:"operation,omitempty"`
	Object    string `json:"object,omitempty"`
	Image     string `json:"image,omitempty"`
	findingsJSON
}

// findingsJSON is what was found, and by which policy.
type findingsJSON struct {
	Violations []violationJSON `json:"violations,omitempty"`
	Audited    []violationJSON `json:"audited,omitempty"`
	Excepted   []violationJSON `json:"excepted,omitempty"`
	Error      string          `json:"error,omitempty"`
	Policy     string          `json:"policy,omitempty"`
}

type violationJSON struct {
	Rule      rules.ID `json:"rule"`
	Field     string   `json:"field"`
	Got       string   `json:"got"`
	Allowed   string   `json:"allowed"`
	Fix       string   `json:"fix"`
	Exception string   `json:"exception,omitempty"`
}

func printJSON(w io.Writer, r *recorded, d *authz.Decision) error {
	out := checkJSON{File: r.file, Number: r.number, Verdict: d.Verdict.String(), findingsJSON: newFindingsJSON(d)}
	if q := d.Request; q != nil {
		out.Operation, out.Object = string(q.Operation), q.Object()
		if q.Workload != nil {
			out.Image = q.Workload.Image.V
		}
	}
	return writeJSON(w, out)
}

func newFindingsJSON(d *authz.Decision) findingsJSON {
	out := findingsJSON{Violations: violationsJSON(d.Violations), Audited: violationsJSON(d.Audited), Policy: d.Policy}
	for _, x := range d.Excepted {
		v := violationsJSON([]rules.Violation{x.Violation})[0]
		v.Exception = x.Exception
		out.Excepted = append(out.Excepted, v)
	}
	if d.Err != nil {
		out.Error = d.Err.Error()
	}
	return out
}

// writeJSON writes a value on a line of its own.
func writeJSON(w io.Writer, value any) error {
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	return e.Encode(value)
}

func violationsJSON(list []rules.Violation) []violationJSON {
	var out []violationJSON
	for _, v := range list {
		out = append(out, violationJSON{Rule: v.Rule, Field: v.Field, Got: v.Got, Allowed: v.Allowed, Fix: v.Fix})
	}
	return out
}
