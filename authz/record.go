package authz

import (
	"caisson/authz/audit"
	"caisson/authz/rules"
)

// record renders the decision for the audit log. It takes names and places from the request, and never its environment, its
// labels, its query or its headers, in any of which clients put secrets.
func (d *Decision) record() *audit.Record {
	rec := &audit.Record{
		Time: d.Time, Decision: d.ID, User: d.Call.User, AuthMethod: d.Call.AuthMethod, Method: d.Call.Method,
		Verdict: d.Verdict.String(), Mode: Enforce.String(), Passed: d.Passes(),
		Violations: auditViolations(d.Violations), Audited: auditViolations(d.Audited),
		Policy: d.Policy, Override: d.Override, Duration: d.Duration,
	}
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
	if r := d.Request; r != nil {
		rec.Operation, rec.Path, rec.APIVersion, rec.Object = string(r.Operation), r.Path, r.Version.String(), r.Object()
		if r.Workload != nil {
			rec.Image = r.Workload.Image.V
		}
	}
	return rec
}

func auditViolations(list []rules.Violation) []audit.Violation {
	out := make([]audit.Violation, len(list))
	for i, v := range list {
		out[i] = audit.Violation{Rule: string(v.Rule), Field: v.Field, Got: v.Got, Allowed: v.Allowed, Fix: v.Fix}
	}
	return out
}
