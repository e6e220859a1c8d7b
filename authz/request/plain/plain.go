// Package plain decodes JSON that no two readers could read differently, and leaves all other JSON to encoding/json.
//
// encoding/json decides what a body means, because the Engine reads it with encoding/json. It goes over the text several times to be
// able to do so for any text. What clients send is plain: every key once and spelled as in the API, whole numbers, valid Unicode. Such a
// text is decoded here in one pass, and means here what it means there; tests and fuzz targets hold the two together. At the first byte
// that is not plain, [Decoder.Decode] gives up, and its caller asks encoding/json.
//
// Not plain are, whatever encoding/json thinks of them: syntax errors; values of the wrong type; keys that come twice, that the type does
// not have or spells otherwise; fractions, exponents and numbers of more than 18 digits; surrogates, U+FFFD and what is no UTF-8; lists
// and objects that are very long or very deep; types that decode themselves.
package plain

import (
	"encoding/base64"
	"reflect"
	"strings"
	"unicode/utf8"
)

// maxDepth bounds the nesting.
const maxDepth = 32

// Decoder decodes into values of one type. Make it once with [New]; it is safe for concurrent use.
type Decoder[T any] struct {
	root        *node
	maxElements int
}

// Options say what a Decoder takes for plain.
type Options struct {
	// MaxElements bounds lists and objects.
	MaxElements int
	// Unbounded are fields, by their JSON names, for which and in which MaxElements does not count.
	Unbounded map[string]bool
	// Lists are types of lists that decode themselves, but in JSON of a list as any list does.
	Lists []reflect.Type
}

// New prepares decoding into T, a struct.
func New[T any](o Options) *Decoder[T] {
	c := &compiler{options: o, nodes: make(map[reflect.Type]*node)}
	return &Decoder[T]{root: c.compile(reflect.TypeFor[T]()), maxElements: o.MaxElements}
}

// Decode decodes a JSON object into a zero value. If it returns false, the text is not plain, and nothing may be read from the value.
// The value refers to the text.
func (d *Decoder[T]) Decode(text string, into *T) bool {
	p := parser{src: text, maxElements: d.maxElements}
	if p.peek() != '{' || !p.value(d.root, reflect.ValueOf(into).Elem()) {
		return false
	}
	p.peek()
	return p.pos == len(text)
}

// parser is a place in a text.
type parser struct {
	src         string
	pos         int
	depth       int
	maxElements int
}

// peek skips white space and returns the byte there, 0 at the end.
func (p *parser) peek() byte {
	for p.pos < len(p.src) {
		switch c := p.src[p.pos]; c {
		case ' ', '\t', '\n', '\r':
			p.pos++
		default:
			return c
		}
	}
	return 0
}

// take passes over a byte, if it is the next one.
func (p *parser) take(c byte) bool {
	if p.peek() != c {
		return false
	}
	p.pos++
	return true
}

// word passes over a word such as null.
func (p *parser) word(w string) bool {
	end := p.pos + len(w)
	if end > len(p.src) || p.src[p.pos:end] != w {
		return false
	}
	p.pos = end
	return true
}

// next passes over what stands between the elements of a list or an object: more tells whether there is another one, and ok whether
// that could be told. It is called before each element, n being how many there were.
func (p *parser) next(n int, end byte) (more, ok bool) {
	switch c := p.peek(); {
	case c == end:
		p.pos++
		return false, true
	case n == 0:
		return true, c != ','
	case c == ',':
		p.pos++
		return true, p.peek() != end
	}
	return false, false
}

// text reads a string, which it does not copy unless it has to.
func (p *parser) text() (string, bool) {
	if !p.take('"') {
		return "", false
	}
	ascii := true
	src := p.src
	for i := p.pos; i < len(src); i++ {
		c := src[i]
		if ordinary[c] {
			continue
		}
		switch {
		case c == '"':
			s := src[p.pos:i]
			p.pos = i + 1
			return s, ascii || valid(s)
		case c == '\\':
			return p.escaped(i)
		case c < ' ':
			return "", false
		}
		ascii = false
	}
	return "", false
}

// ordinary are the bytes of a string that stand for themselves and nothing else.
var ordinary = func() (is [256]bool) {
	for c := ' '; c < utf8.RuneSelf; c++ {
		is[c] = c != '"' && c != '\\'
	}
	return is
}()

// valid tells whether a text is UTF-8 and stays what it is in decoding.
func valid(s string) bool { return utf8.ValidString(s) && !strings.ContainsRune(s, utf8.RuneError) }

// escapes are what follows a backslash, but for u.
var escapes = [256]byte{'"': '"', '\\': '\\', '/': '/', 'b': '\b', 'f': '\f', 'n': '\n', 'r': '\r', 't': '\t'}

// escaped reads the rest of a string that has its first backslash at i.
func (p *parser) escaped(i int) (string, bool) {
	b := append(make([]byte, 0, i-p.pos+64), p.src[p.pos:i]...)
	for i < len(p.src) {
		c := p.src[i]
		i++
		switch {
		case c == '"':
			p.pos = i
			s := string(b)
			return s, valid(s)
		case c < ' ':
			return "", false
		case c != '\\':
			b = append(b, c)
			continue
		case i == len(p.src):
			return "", false
		}
		c = p.src[i]
		i++
		if c != 'u' {
			if escapes[c] == 0 {
				return "", false
			}
			b = append(b, escapes[c])
			continue
		}
		r, ok := hexadecimal(p.src[i:])
		if !ok || r >= 0xd800 && r < 0xe000 { // a surrogate
			return "", false
		}
		i += 4
		b = utf8.AppendRune(b, r)
	}
	return "", false
}

// hexadecimal reads four digits.
func hexadecimal(s string) (r rune, ok bool) {
	if len(s) < 4 {
		return 0, false
	}
	for i := range 4 {
		switch c := s[i]; {
		case c >= '0' && c <= '9':
			r = r<<4 + rune(c-'0')
		case c >= 'a' && c <= 'f':
			r = r<<4 + rune(c-'a'+10)
		case c >= 'A' && c <= 'F':
			r = r<<4 + rune(c-'A'+10)
		default:
			return 0, false
		}
	}
	return r, true
}

// binary reads base64.
func (p *parser) binary() ([]byte, bool) {
	if !p.take('"') {
		return nil, false
	}
	n := strings.IndexByte(p.src[p.pos:], '"')
	if n < 0 {
		return nil, false
	}
	text := p.src[p.pos : p.pos+n]
	p.pos += n + 1
	if strings.IndexByte(text, '\n') >= 0 || strings.IndexByte(text, '\r') >= 0 { // which base64 skips, and JSON refuses
		return nil, false
	}
	b, err := base64.StdEncoding.DecodeString(text) // has no backslash in its alphabet
	return b, err == nil
}

// integer reads a whole number of at most 18 digits, which is well within 64 bits.
func (p *parser) integer() (n int64, ok bool) {
	negative := p.take('-')
	begin := p.pos
	for ; p.pos < len(p.src); p.pos++ {
		c := p.src[p.pos]
		if c < '0' || c > '9' {
			break
		}
		if n = n*10 + int64(c-'0'); p.pos-begin >= 18 {
			return 0, false
		}
	}
	digits := p.pos - begin
	if digits == 0 || digits > 1 && p.src[begin] == '0' {
		return 0, false
	}
	if negative {
		n = -n
	}
	return n, true // a fraction or an exponent is not what next expects
}
