package config

import (
	"maps"
	"slices"

	"caisson/authz/image"
	"caisson/authz/image/attached"
)

// attached makes a reader of what hangs on images, of what the statement that the table names vouches for.
func (d *decoder) attached(at path, r *reportTable, verifiers map[string]image.Verifier) *attached.Reader {
	if r.Statement == "" {
		d.missing(at, "statement", true)
		return nil
	}
	v, known := verifiers[r.Statement]
	if !known {
		d.problem(at.key("statement"), "unknown statement %q%s", r.Statement, suggest(r.Statement, slices.Sorted(maps.Keys(verifiers))))
	}
	if v == nil { // what is wrong with it has been reported
		return nil
	}
	o := attached.Options{Verifier: v, Types: r.ArtifactTypes, VEX: r.OpenVEX}
	if keys, ok := v.(attached.Keys); ok {
		o.Keys = keys
	}
	return attached.New(o)
}
