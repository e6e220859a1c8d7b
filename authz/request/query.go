package request

import (
	"iter"
	"net/url"
	"strings"
)

// Query holds query parameters. The Engine reads the first value of each (net/http Form.Get) with exact, case-sensitive names. The zero
// value has none.
type Query struct {
	// plain is a query in which nothing is encoded. It is looked through when somebody asks, which few do.
	plain string
	// values are the parameters of any other query.
	values url.Values
}

// maxPlain bounds the length of a plain query.
const maxPlain = 512

// parseQuery reads a query as net/http does.
func parseQuery(raw string) (Query, error) {
	if len(raw) <= maxPlain && !strings.ContainsAny(raw, "%+;") {
		return Query{plain: raw}, nil
	}
	values, err := url.ParseQuery(raw)
	return Query{values: values}, err
}

// each yields the values of a parameter in their order.
func (q Query) each(name string) iter.Seq[string] {
	return func(yield func(string) bool) {
		for _, v := range q.values[name] {
			if !yield(v) {
				return
			}
		}
		for rest := q.plain; rest != ""; {
			var pair string
			pair, rest, _ = strings.Cut(rest, "&")
			if key, value, _ := strings.Cut(pair, "="); pair != "" && key == name && !yield(value) {
				return
			}
		}
	}
}

// All returns the values of a parameter in their order.
func (q Query) All(name string) (list []string) {
	for v := range q.each(name) {
		list = append(list, v)
	}
	return list
}

// Get returns the first value, or "".
func (q Query) Get(name string) string {
	for v := range q.each(name) {
		return v
	}
	return ""
}

// Has tells whether the parameter is there, even if empty.
func (q Query) Has(name string) bool {
	for range q.each(name) {
		return true
	}
	return false
}

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
		count := 0
		for range q.each(n) {
			count++
		}
		if count > 1 {
			return &Error{"query parameter " + n, "it is given more than once", "give it once"}
		}
	}
	return nil
}
