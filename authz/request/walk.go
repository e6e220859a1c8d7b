package request

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// maxElements bounds lists and maps that are judged. The longest ones in practice are published port ranges, which clients send port by
// port.
const maxElements = 1 << 14

// maxDepth bounds the nesting of a body. The deepest body of the API, a service, has fewer than a dozen levels.
const maxDepth = 64

// walker goes through a JSON text that encoding/json has already found valid, beside the shape of the type it was decoded
// into, and reports what a decoder of another kind or age could read differently:
//
//   - a key that comes twice in an object, also in another spelling: encoding/json merges objects, keeps stale list elements
//     and lets null leave scalars as they were, so what the first one said may survive out of sight;
//   - a text that decodes to U+FFFD where it is judged: bytes were lost on the way to us, or will be on the way in;
//   - fields that the type does not have.
type walker struct {
	src     []byte
	pos     int
	broken  bool     // somewhere in src is something that may decode to U+FFFD
	path    []string // keys and "[i]" that lead to pos
	unknown []Unknown
}

// walk checks a valid JSON text against the shape of its type.
func walk(src []byte, s *shape) ([]Unknown, error) {
	w := &walker{src: src, path: make([]string, 0, 16), broken: mayBeBroken(src)}
	err := w.value(s)
	return w.unknown, err
}

// mayBeBroken is a cheap test for the whole text, so that ordinary bodies are not decoded string by string.
func mayBeBroken(src []byte) bool {
	return !utf8.Valid(src) || bytes.Contains(src, []byte("\uFFFD")) ||
		bytes.Contains(src, []byte(`\ud`)) || bytes.Contains(src, []byte(`\uD`)) ||
		bytes.Contains(bytes.ToLower(src), []byte(`\ufffd`))
}

func (w *walker) value(s *shape) error {
	if len(w.path) > maxDepth {
		return w.errorf("the nesting is deeper than %d levels", maxDepth)
	}
	switch c := w.peek(); {
	case s.kind == free:
		w.skip()
		return nil
	case c == '{':
		return w.object(s)
	case c == '[':
		return w.list(s)
	case c == '"':
		return w.text()
	}
	w.skip()
	return nil
}

var anyScalar = &shape{kind: scalar}

func (w *walker) object(s *shape) error {
	var seen seenKeys
	w.pos++
	for n := 0; w.peek() != '}'; n++ {
		if n == maxElements {
			return w.errorf("it has more than %d members", maxElements)
		}
		key := w.key()
		w.path = append(w.path, key)
		next := anyScalar
		switch s.kind {
		case object:
			f := s.field(key)
			if f == nil {
				if err := w.unknownKey(s, key); err != nil {
					return err
				}
				break
			}
			next, key = f.shape, f.name
			fallthrough
		default:
			if !seen.add(key) {
				return w.errorf("it is given more than once, perhaps in another spelling")
			}
			if s.kind == strictMap {
				next = s.elem
			}
			if err := w.value(next); err != nil {
				return err
			}
		}
		w.path = w.path[:len(w.path)-1]
		w.comma()
	}
	w.pos++
	return nil
}

// unknownKey deals with a key that the Engine's newest type does not have. A null says nothing and passes.
func (w *walker) unknownKey(s *shape, key string) error {
	value := w.skip()
	if string(value) == "null" {
		return nil
	}
	if f := s.flatField(key); f != nil {
		if isZero(value) && !f.pointer {
			return nil
		}
		return &Error{w.place(), "engines up to 26.1 read this HostConfig field at the top level of the body", "put it inside HostConfig"}
	}
	w.unknown = append(w.unknown, Unknown{Field: w.place()})
	return nil
}

// isZero tells whether a JSON value is what an absent field would be. An empty list is not: MaskedPaths: [] unmasks.
func isZero(v []byte) bool {
	switch string(v) {
	case "null", "false", "0", `""`:
		return true
	}
	return false
}

func (w *walker) list(s *shape) error {
	elem := s.elem
	if elem == nil {
		elem = anyScalar
	}
	w.pos++
	for i := 0; w.peek() != ']'; i++ {
		if i == maxElements {
			return w.errorf("it has more than %d elements", maxElements)
		}
		w.path = append(w.path, "["+strconv.Itoa(i)+"]")
		if err := w.value(elem); err != nil {
			return err
		}
		w.path = w.path[:len(w.path)-1]
		w.comma()
	}
	w.pos++
	return nil
}

func (w *walker) text() error {
	raw := w.skip()
	if w.broken && strings.ContainsRune(unquote(raw), utf8.RuneError) {
		return w.errorf("the text is not valid Unicode, so it cannot be compared with what is allowed")
	}
	return nil
}

func (w *walker) key() string {
	w.peek()
	k := unquote(w.skip())
	w.peek()
	w.pos++ // the colon
	return k
}

// unquote decodes a JSON string the way encoding/json does.
func unquote(raw []byte) string {
	if bytes.IndexByte(raw, '\\') < 0 && utf8.Valid(raw) {
		return string(raw[1 : len(raw)-1])
	}
	var s string
	_ = json.Unmarshal(raw, &s) // raw is a string of a text already found valid
	return s
}

// peek skips white space and returns the byte there.
func (w *walker) peek() byte {
	for {
		switch c := w.src[w.pos]; c {
		case ' ', '\t', '\n', '\r':
			w.pos++
		default:
			return c
		}
	}
}

func (w *walker) comma() {
	if w.peek() == ',' {
		w.pos++
	}
}

// skip passes over one value and returns its text.
func (w *walker) skip() []byte {
	w.peek()
	start, depth := w.pos, 0
	for w.pos < len(w.src) {
		switch w.src[w.pos] {
		case '"':
			for w.pos++; w.src[w.pos] != '"'; w.pos++ {
				if w.src[w.pos] == '\\' {
					w.pos++
				}
			}
		case '{', '[':
			depth++
		case '}', ']', ',', ':', ' ', '\t', '\n', '\r':
			if depth == 0 { // the end of a number or a word
				return w.src[start:w.pos]
			}
			if c := w.src[w.pos]; c == '}' || c == ']' {
				depth--
			}
		default:
			w.pos++
			continue
		}
		w.pos++
		if depth == 0 {
			break
		}
	}
	return w.src[start:w.pos]
}

// place renders the path to the current value: HostConfig.Mounts[1].Source.
func (w *walker) place() string {
	s := strings.ReplaceAll(strings.Join(w.path, "."), ".[", "[")
	return clip(s)
}

func (w *walker) errorf(format string, args ...any) error {
	place := w.place()
	if place == "" {
		place = "body"
	}
	return &Error{place, fmt.Sprintf(format, args...), "send the body as plain JSON, each key once and spelled as in the API reference"}
}

// clip bounds a text that a client chose, and makes it printable, before it goes into a message or a record.
func clip(s string) string {
	const limit = 200
	if len(s) <= limit && printable(s) {
		return s
	}
	if len(s) > limit {
		s = strings.ToValidUTF8(s[:limit], "") + "…"
	}
	return strings.Trim(strconv.Quote(s), `"`)
}

// printable tells whether a text is printable ASCII that needs no quoting.
func printable(s string) bool {
	for i := range len(s) {
		if c := s[i]; c < ' ' || c > '~' || c == '"' || c == '\\' {
			return false
		}
	}
	return true
}

// seenKeys remembers the keys of one object: a few in a slice, many in a map, so that a body full of keys stays cheap.
type seenKeys struct {
	few  []string
	many map[string]bool
}

// add tells whether the key is new.
func (s *seenKeys) add(key string) bool {
	if s.many != nil {
		known := s.many[key]
		s.many[key] = true
		return !known
	}
	if slices.Contains(s.few, key) {
		return false
	}
	if s.few = append(s.few, key); len(s.few) > 32 {
		s.many = make(map[string]bool, 2*len(s.few))
		for _, k := range s.few {
			s.many[k] = true
		}
	}
	return true
}
