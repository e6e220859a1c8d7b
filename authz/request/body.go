package request

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"mime"
	"reflect"
	"strings"
	"sync"

	"caisson/authz/request/plain"
)

// checkBody decides, before any decoding, whether the body that we were shown can be the one the Engine acts on.
func checkBody(c *Call, r *Route, q Query) error {
	if c.Method != "POST" && c.Method != "PUT" {
		return nil // the Engine reads no body of other methods
	}
	if err := checkContentType(c.Headers["Content-Type"]); err != nil {
		return err
	}
	switch r.Body {
	case NoBody:
		// A body here is no part of the operation. Some engine version may still read one (container start did), so only
		// the empty values that careless clients send are taken, and what says no more than the query does.
		switch string(bytes.TrimSpace(c.Body)) {
		case "", "{}", "null":
		default:
			if !repeats(c.Body, q) {
				return &Error{"body", r.Text + " takes no body, but one was sent", "send the request without a body"}
			}
		}
	case JSONBody:
		if _, judged := decoders[r.Operation]; judged && len(bytes.TrimSpace(c.Body)) == 0 {
			return missingBody(c, r)
		}
	case OptionalJSON, OpaqueBody: // not judged
	}
	return nil
}

// repeats tells whether a body is a JSON object of query parameters: docker-modem, the client of dockerode, sends them twice.
func repeats(body []byte, q Query) bool {
	var members map[string]json.RawMessage
	if json.Unmarshal(body, &members) != nil {
		return false
	}
	for name, value := range members {
		var text string
		if json.Unmarshal(value, &text) != nil {
			text = string(value)
		}
		if !q.Has(name) || q.Get(name) != text {
			return false
		}
	}
	return true
}

// decisive are the operations whose outcome depends on query parameters.
var decisive = map[Operation]bool{
	ContainerRename: true, ImageTag: true, ImageCommit: true, ImagePush: true, ImageCreate: true,
}

// checkParameters finds out whether the parameters that show are those that count, and refuses the call if they have to be. The
// Engine reads form bodies as parameters and shows no plugin what is in them; the type that shows need not be the one that
// counts, if there are two. Without any type the Engine takes no parameters from a body, and a body that shows is JSON.
func checkParameters(r *Request) error {
	_, typed := r.Call.Headers["Content-Type"]
	r.Concealed = (r.Call.Method == "POST" || r.Call.Method == "PUT") && typed && len(r.Call.Body) == 0 && r.Call.Headers["Content-Length"] != "0"
	// The archive of an import is never shown; the rules decide what that means.
	archive := r.Operation == ImageCreate && r.Query.Get("fromImage") == "" && r.Query.Get("fromSrc") == "-"
	if r.Concealed && decisive[r.Operation] && !archive {
		return &Error{
			"body", "the Engine shows Caisson no body, and may take parameters from it, so this " + r.Route.Text + " cannot be judged",
			"send the request without a body, with Content-Length: 0 or without a Content-Type",
		}
	}
	return nil
}

// checkContentType refuses form bodies. The Engine takes query parameters from them, with precedence, and never shows them
// to a plugin (net/http ParseForm); no client of the Docker API sends one.
func checkContentType(v string) error {
	if v == "" || v == "application/json" {
		return nil
	}
	t, _, err := mime.ParseMediaType(v)
	if v != "" && err != nil && t == "" {
		return &Error{"header Content-Type", "it cannot be parsed", "send Content-Type: application/json"}
	}
	if t == "application/x-www-form-urlencoded" || strings.HasPrefix(t, "multipart/") {
		return &Error{
			"header Content-Type", "the Engine hides form bodies from authorization plugins, and takes parameters from them",
			"send Content-Type: application/json, or application/x-tar for an archive",
		}
	}
	return nil
}

// missingBody explains why a plugin is shown no body where there should be one. The causes differ by engine version
// (moby pkg/authorization/authz.go, sendBody; CVE-2024-41110, CVE-2026-34040), and a client can bring each of them about, so the
// request is refused whatever the cause.
func missingBody(c *Call, r *Route) error {
	e := &Error{Place: "body", Reason: "the Engine showed Caisson no body, so this " + r.Text + " cannot be judged"}
	ct := c.Headers["Content-Type"]
	t, _, _ := mime.ParseMediaType(ct)
	switch length := c.Headers["Content-Length"]; {
	case t != "application/json":
		e.Reason += fmt.Sprintf(" (likely cause: Content-Type is %q)", clip(ct))
		e.Fix = "send Content-Type: application/json"
	case length == "0":
		e.Reason += " (likely cause: it is empty)"
		e.Fix = "send the " + r.Text + " with its JSON body"
	case length == "":
		e.Reason += " (likely cause: a chunked body, which engines before 23.0.15 and 24.0 withhold)"
		e.Fix = "send the body with a Content-Length, or upgrade the Engine to 29.3.1 or later"
	default:
		e.Reason += " (likely cause: " + length + " bytes of body; engines before 29.3.1 withhold 1 MiB or more)"
		e.Fix = "make the body smaller, or upgrade the Engine to 29.3.1 or later"
	}
	return e
}

// format is how bodies of one type are read. Each half is prepared when the first body needs it: hosts without Swarm see no service, and
// few hosts a body that is not plain.
type format[T any] struct {
	shape func() *shape
	plain func() *plain.Decoder[T]
}

func newFormat[T any]() *format[T] {
	return formatOf[T](func() *shape { return shapeOf(reflect.TypeFor[T]()) })
}

// formatOf is the format of a type whose shape is more than that of the type.
func formatOf[T any](s func() *shape) *format[T] {
	return &format[T]{sync.OnceValue(s), sync.OnceValue(plainly[T])}
}

// plainly prepares the decoding of bodies that need no second look. What passes there passes decode and walk, with the same result.
func plainly[T any]() *plain.Decoder[T] {
	return plain.New[T](plain.Options{MaxElements: maxElements, Unbounded: freeFields, Lists: []reflect.Type{reflect.TypeFor[strSlice]()}})
}

// decode decodes a JSON body as the Engine does and refuses what encoding/json would read in a way that is easy to miss. Trailing bytes
// are an error here on every version, though 20.10 ignores them.
func (f *format[T]) decode(body []byte) (*T, []Unknown, error) {
	into := new(T)
	if f.plain().Decode(string(body), into) {
		return into, nil, nil
	}
	return f.decodeAny(body)
}

// decodeAny decodes what is not plain.
func (f *format[T]) decodeAny(body []byte) (*T, []Unknown, error) {
	into := new(T)
	if err := json.Unmarshal(body, into); err != nil {
		e := &Error{"body", "it is not the JSON that the Engine expects (" + describe(err) + ")", "send a single JSON object of the types in the API reference"}
		if t := (*json.UnmarshalTypeError)(nil); errors.As(err, &t) && t.Field != "" {
			e.Place = clip(t.Field)
		}
		return nil, nil, e
	}
	if trimmed := bytes.TrimSpace(body); trimmed[0] != '{' {
		return nil, nil, &Error{"body", "it is not a JSON object", "send the body as a JSON object"}
	}
	unknown, err := walk(body, f.shape())
	if err != nil {
		return nil, nil, err
	}
	return into, unknown, nil
}

// describe words a decoding error without quoting the body, which may hold secrets.
func describe(err error) string {
	var t *json.UnmarshalTypeError
	var s *json.SyntaxError
	switch {
	case errors.As(err, &t):
		return "a " + t.Value + " where " + t.Type.String() + " belongs"
	case errors.As(err, &s):
		return fmt.Sprintf("%v at byte %d", err, s.Offset)
	}
	return clip(err.Error())
}

// strSlice is a list of strings that engines up to 28.5.2 also accept as one bare string.
//
// Source: moby api/types/strslice of v28.5.2.
type strSlice []string

func (s *strSlice) UnmarshalJSON(b []byte) error {
	if len(b) == 0 || b[0] != '"' {
		return json.Unmarshal(b, (*[]string)(s))
	}
	var one string
	if err := json.Unmarshal(b, &one); err != nil {
		return err
	}
	*s = strSlice{one}
	return nil
}
