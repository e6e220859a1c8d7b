package request

import (
	"net/url"
	"strings"
)

// Query holds decoded query parameters. The Engine reads the first value of each (net/http Form.Get) with exact, case-sensitive names.
type Query url.Values

// Get returns the first value, or "".
func (q Query) Get(name string) string { return url.Values(q).Get(name) }

// Has tells whether the parameter is there, even if empty.
func (q Query) Has(name string) bool { return url.Values(q).Has(name) }

// Bool reads a parameter as the Engine does: everything is true but "", 0, no, false and none.
//
// Source: moby daemon/server/httputils/form.go BoolValue.
func (q Query) Bool(name string) bool {
	switch strings.ToLower(strings.TrimSpace(q.Get(name))) {
	case "", "0", "no", "false", "none":
		return false
	}
	return true
}

// single refuses a parameter that is given twice: readers differ on which one counts.
func (q Query) single(names ...string) error {
	for _, n := range names {
		if len(q[n]) > 1 {
			return &Error{"query parameter " + n, "it is given more than once", "give it once"}
		}
	}
	return nil
}
