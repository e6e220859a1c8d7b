// Package audit writes one record for every decision: JSON lines with a versioned schema, to a stream or a file.
//
// The audit log is not the program's own log. It has its own zap core, is never sampled, and a record that cannot be written
// is an error that the caller has to act on. Secrets do not reach it: see docs/audit-log.md for what each field holds.
package audit

import (
	"time"

	"go.uber.org/zap/zapcore"
)

// Schema is the version of the record's layout. It grows when a field changes its meaning or goes away; new fields do not change it.
const Schema = 1

// Record is one decision. Empty fields are left out of the JSON, but for the verdict, the mode and whether the request passed.
type Record struct {
	Time       time.Time
	Decision   string // ID, as in the message the user sees
	User       string // common name of the TLS client certificate; empty on a Unix socket
	AuthMethod string
	Method     string
	Path       string // decoded, without version prefix and query
	APIVersion string
	Operation  string
	Phase      string // response: about what the Engine has made of the request; empty for the request itself
	Object     string // container, image, volume or network as named by the client
	Image      string
	Verdict    string // allow, deny, undecided
	Mode       string // enforce, audit
	Passed     bool   // the request went on to the Engine
	Violations []Violation
	Audited    []Violation // of rules in audit mode
	Excepted   []Violation // waived
	Error      string      // why it is undecided
	Policy     string      // hash
	Override   string      // of the policy, in force for the user
	Duration   time.Duration
}

// Violation is one broken rule.
type Violation struct{ Rule, Field, Got, Allowed, Fix, Exception string }

// MarshalLogObject implements [zapcore.ObjectMarshaler].
func (v Violation) MarshalLogObject(e zapcore.ObjectEncoder) error {
	e.AddString("rule", v.Rule)
	e.AddString("field", v.Field)
	e.AddString("got", v.Got)
	e.AddString("allowed", v.Allowed)
	addString(e, "fix", v.Fix)
	addString(e, "exception", v.Exception)
	return nil
}

// MarshalLogObject implements [zapcore.ObjectMarshaler].
func (r *Record) MarshalLogObject(e zapcore.ObjectEncoder) error {
	e.AddInt("schema", Schema)
	e.AddString("time", r.Time.UTC().Format(time.RFC3339Nano))
	e.AddString("decision", r.Decision)
	e.AddString("verdict", r.Verdict)
	e.AddString("mode", r.Mode)
	e.AddBool("passed", r.Passed)
	addString(e, "user", r.User)
	addString(e, "auth_method", r.AuthMethod)
	addString(e, "operation", r.Operation)
	addString(e, "phase", r.Phase)
	addString(e, "object", r.Object)
	addString(e, "image", r.Image)
	addString(e, "method", r.Method)
	addString(e, "path", r.Path)
	addString(e, "api_version", r.APIVersion)
	for _, l := range []struct {
		key  string
		list []Violation
	}{{"violations", r.Violations}, {"audited", r.Audited}, {"excepted", r.Excepted}} {
		if err := addList(e, l.key, l.list); err != nil {
			return err
		}
	}
	addString(e, "error", r.Error)
	addString(e, "policy", r.Policy)
	addString(e, "override", r.Override)
	e.AddInt64("duration_us", r.Duration.Microseconds())
	return nil
}

func addString(e zapcore.ObjectEncoder, key, value string) {
	if value != "" {
		e.AddString(key, value)
	}
}

func addList(e zapcore.ObjectEncoder, key string, list []Violation) error {
	if len(list) == 0 {
		return nil
	}
	return e.AddArray(key, zapcore.ArrayMarshalerFunc(func(a zapcore.ArrayEncoder) error {
		for _, v := range list {
			if err := a.AppendObject(v); err != nil {
				return err
			}
		}
		return nil
	}))
}
