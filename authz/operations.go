package authz

import (
	"fmt"
	"slices"

	"github.com/bmatcuk/doublestar/v4"

	"caisson/authz/request"
)

// everything is the pattern of all operations.
const everything = "*"

var classes = []request.Class{request.Read, request.Sensitive, request.Mutating, request.Dangerous}

// OperationPattern names operations of the Engine: one by its name, several by a pattern of names, a class, or "*". The zero value
// covers none.
type OperationPattern struct {
	text   string
	covers map[request.Operation]bool
}

// ParseOperationPattern reads a pattern. One that covers no operation is an error: it is misspelt.
func ParseOperationPattern(text string) (OperationPattern, error) {
	p := OperationPattern{text: text, covers: make(map[request.Operation]bool)}
	for i := range request.Routes() {
		r := &request.Routes()[i]
		// Names of classes are in lower case, and those of operations never are.
		if r.Class.String() == text || doublestar.MatchUnvalidated(text, string(r.Operation)) {
			p.covers[r.Operation] = true
		}
	}
	if len(p.covers) == 0 {
		return OperationPattern{}, fmt.Errorf("%q is no operation, no pattern of any, and no class", text)
	}
	return p, nil
}

// Covers tells whether the pattern names an operation. It never names the unknown one.
func (p OperationPattern) Covers(op request.Operation) bool { return p.covers[op] }

func (p OperationPattern) String() string { return p.text }

// MarshalText implements [encoding.TextMarshaler].
func (p OperationPattern) MarshalText() ([]byte, error) { return []byte(p.text), nil }

// OperationNames lists all that a pattern can be without being one: the operations and the classes.
func OperationNames() []string {
	var names []string
	for _, c := range classes {
		names = append(names, c.String())
	}
	for _, r := range request.Routes() {
		names = append(names, string(r.Operation))
	}
	slices.Sort(names)
	return slices.Compact(names)
}

func routeOf(op request.Operation) *request.Route {
	routes := request.Routes()
	if i := slices.IndexFunc(routes, func(r request.Route) bool { return r.Operation == op }); i >= 0 {
		return &routes[i]
	}
	return nil
}
