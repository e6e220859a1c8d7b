package authz

import (
	"errors"
	"strings"
	"unicode/utf8"

	"caisson/authz/audit"
	"caisson/authz/request"
	"caisson/authz/rules"
)

// record renders the decision for the audit log. It takes names and places from the request, and never its environment, its
// labels, its query or its headers, in any of which clients put secrets. A request that could not be understood is recorded with what
// its target tells.
func (d *Decision) record() *audit.Record {
	rec := &audit.Record{
		Time: d.Time, Decision: d.ID, User: d.Call.User, AuthMethod: d.Call.AuthMethod, Method: clip(d.Call.Method),
		Verdict: d.Verdict.String(), Mode: Enforce.String(), Passed: d.Passes(),
		Violations: auditViolations(d.Violations), Audited: auditViolations(d.Audited),
		Policy: d.Policy, Override: d.Override, Duration: d.Duration,
	}
	rec.Phase, rec.Image = phaseNames[d.Phase], clip(d.image)
	if d.AuditOnly {
		rec.Mode = Audit.String()
	}
	for _, e := range d.Excepted {
		rec.Excepted = append(rec.Excepted, audit.Violation{
			Rule: string(e.Rule), Field: e.Field, Got: e.Got, Allowed: e.Allowed, Exception: e.Exception,
		})
	}
	if d.Err != nil {
		rec.Error = d.Err.Error()
	}
	if r := d.outline(); r != nil {
		rec.Operation, rec.Path, rec.APIVersion, rec.Object = string(r.Operation), clip(r.Path), r.Version.String(), clip(r.Object())
		if r.Workload != nil {
			rec.Image = clip(r.Workload.Image.V)
			if len(r.Workload.ImageFacts) > 0 {
				f := r.Workload.ImageFacts[0]
				rec.ImageID, rec.Signer = f.ID, clip(f.Trust.Signer)
			}
		}
	}
	return rec
}

// phaseNames are those of the record. A request is the rule, and not named.
var phaseNames = [...]string{OfRequest: "", OfResponse: "response", OfEvent: "event"}

// outline is the request, or what shows of one that could not be parsed; nil if nothing does.
func (d *Decision) outline() *request.Request {
	// Only an error of the parser's own says that it came to an end, and did not panic.
	if misread := new(request.Error); d.Request == nil && errors.As(d.Err, &misread) {
		return request.Outline(d.Call)
	}
	return d.Request
}

// clip bounds a text that a client chose. Names that the Engine takes are shorter.
func clip(s string) string {
	const limit, mark = 512, "…"
	s = strings.ToValidUTF8(s, string(utf8.RuneError))
	if len(s) <= limit {
		return s
	}
	end := limit - len(mark)
	for !utf8.RuneStart(s[end]) {
		end--
	}
	return s[:end] + mark
}

func auditViolations(list []rules.Violation) []audit.Violation {
	out := make([]audit.Violation, len(list))
	for i, v := range list {
		out[i] = audit.Violation{Rule: string(v.Rule), Field: v.Field, Got: v.Got, Allowed: v.Allowed, Fix: v.Fix}
	}
	return out
}
