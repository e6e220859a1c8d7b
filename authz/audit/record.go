// Package audit writes one record for every decision, as a JSON line with a versioned schema.
//
// The audit log is not the program's own log. It is never sampled, and a record that cannot be written is an error that the caller has to
// act on. Secrets do not reach it: see docs/audit-log.md for what each field holds.
//
// It goes to sinks of two kinds. Those on this host, a file or standard output ([Log]), are what counts: a decision is recorded when each of
// them has its record. Those elsewhere, syslog and OTLP, get copies through queues that no decision waits for. Package sinks joins them.
package audit

import (
	"errors"
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
	Phase      string // response: about what the Engine has made of the request; event: about a container that runs; empty for a request
	Object     string // container, image, volume or network as named by the client
	Image      string
	ImageID    string // of the image that was looked at, as the Engine has it
	Signer     string // who vouches for it
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
func (v *Violation) MarshalLogObject(e zapcore.ObjectEncoder) error {
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
	e.AddTime("time", r.Time.UTC())
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
	addString(e, "image_id", r.ImageID)
	addString(e, "signer", r.Signer)
	addString(e, "method", r.Method)
	addString(e, "path", r.Path)
	addString(e, "api_version", r.APIVersion)
	if err := errors.Join(
		addList(e, "violations", r.Violations), addList(e, "audited", r.Audited), addList(e, "excepted", r.Excepted),
	); err != nil {
		return err
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

func addList(e zapcore.ObjectEncoder, key string, list violations) error {
	if len(list) == 0 {
		return nil
	}
	return e.AddArray(key, list)
}

type violations []Violation

// MarshalLogArray implements [zapcore.ArrayMarshaler].
func (list violations) MarshalLogArray(a zapcore.ArrayEncoder) error {
	for i := range list {
		if err := a.AppendObject(&list[i]); err != nil {
			return err
		}
	}
	return nil
}
