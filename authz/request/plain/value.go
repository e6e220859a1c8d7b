package plain

import (
	"reflect"
)

// value decodes one value into a zero v.
func (p *parser) value(n *node, v reflect.Value) bool {
	c := p.peek()
	if c == 'n' { // leaves everything as it is, which is zero
		return n.kind != foreign && p.word("null")
	}
	switch n.kind {
	case text:
		s, ok := p.text()
		if ok {
			v.SetString(s)
		}
		return ok
	case boolean:
		if c == 't' {
			v.SetBool(true)
			return p.word("true")
		}
		return p.word("false")
	case signed:
		i, ok := p.integer()
		if !ok || v.OverflowInt(i) {
			return false
		}
		v.SetInt(i)
		return true
	case unsigned:
		i, ok := p.integer()
		if !ok || c == '-' || v.OverflowUint(uint64(i)) { //nolint:gosec // G115: not negative
			return false
		}
		v.SetUint(uint64(i)) //nolint:gosec // G115: not negative
		return true
	case binary:
		b, ok := p.binary()
		v.SetBytes(b)
		return ok
	case pointer:
		v.Set(reflect.New(n.typ.Elem()))
		return p.value(n.elem, v.Elem())
	default:
		return p.several(n, v)
	}
}

// several decodes a value that holds others.
func (p *parser) several(n *node, v reflect.Value) (ok bool) {
	if p.depth++; p.depth > maxDepth {
		return false
	}
	switch n.kind {
	case object:
		ok = p.object(n, v)
	case dictionary:
		ok = p.dictionary(n, v)
	case list:
		ok = p.list(n, v)
	case array:
		ok = p.array(n, v)
	default: // foreign
	}
	p.depth--
	return ok
}

func (p *parser) object(n *node, v reflect.Value) bool {
	if !p.take('{') {
		return false
	}
	var seen [maxFields / 64]uint64
	at, other := 0, 0 // the fields that a client is likely to send next
	for count := 0; ; count++ {
		more, ok := p.next(count, '}')
		if !more || !ok {
			return ok
		}
		guess := at
		if at = p.field(n, guess, other); at < 0 {
			return false
		}
		if at != guess { // a field out of order, or some left out
			other = guess
		}
		bit := uint64(1) << (at % 64)
		if seen[at/64]&bit != 0 {
			return false
		}
		seen[at/64] |= bit
		f := &n.fields[at]
		at++
		if p.zero(f) {
			continue
		}
		member := v
		for _, i := range f.index {
			member = member.Field(i)
		}
		if !p.value(f.node, member) {
			return false
		}
	}
}

// zero passes over a value that leaves a field as it is, as most do that clients send, and tells whether it did.
func (p *parser) zero(f *field) bool {
	if f.zero == "" || !p.word(f.zero) {
		return false
	}
	if f.zero[len(f.zero)-1] == ',' { // after a number, it is for next
		p.pos--
	}
	return true
}

// field passes over a key with its colon and returns the field it stands for, -1 if there is none. It looks at the guessed ones first, because
// clients send fields in the order of the type.
func (p *parser) field(n *node, guesses ...int) int {
	for _, guess := range guesses {
		if guess < len(n.fields) && p.word(n.fields[guess].key) {
			return guess
		}
	}
	key, ok := p.text()
	if !ok || !p.take(':') {
		return -1
	}
	if i, ok := n.byName[key]; ok {
		return i
	}
	return -1
}

func (p *parser) dictionary(n *node, v reflect.Value) bool {
	if !p.take('{') {
		return false
	}
	if texts, ok := reflect.TypeAssert[*map[string]string](v.Addr()); ok {
		return p.texts(n, texts)
	}
	v.Set(reflect.MakeMap(n.typ))
	var key, elem reflect.Value
	for count := 0; ; count++ {
		more, ok := p.next(count, '}')
		if !more || !ok {
			return ok
		}
		if count == 0 {
			key, elem = reflect.New(n.typ.Key()).Elem(), reflect.New(n.typ.Elem()).Elem()
		}
		name, ok := p.text()
		if !ok || !p.take(':') || p.tooMany(n, count) || !p.value(n.elem, elem) {
			return false
		}
		key.SetString(name)
		v.SetMapIndex(key, elem)
		elem.SetZero()
		if v.Len() != count+1 { // it was there already
			return false
		}
	}
}

// texts decodes the most frequent kind of a dictionary.
func (p *parser) texts(n *node, into *map[string]string) bool {
	m := make(map[string]string)
	*into = m
	for count := 0; ; count++ {
		more, ok := p.next(count, '}')
		if !more || !ok {
			return ok
		}
		key, ok := p.text()
		if !ok || !p.take(':') || p.tooMany(n, count) {
			return false
		}
		if _, twice := m[key]; twice {
			return false
		}
		if p.peek() == 'n' {
			if !p.word("null") {
				return false
			}
			m[key] = ""
			continue
		}
		if m[key], ok = p.text(); !ok {
			return false
		}
	}
}

func (p *parser) list(n *node, v reflect.Value) bool {
	if !p.take('[') {
		return false
	}
	v.Set(n.empty)
	for count := 0; ; count++ {
		more, ok := p.next(count, ']')
		if !more || !ok {
			return ok
		}
		if p.tooMany(n, count) {
			return false
		}
		if count == v.Cap() {
			v.Grow(max(4, min(count, 1024)))
		}
		v.SetLen(count + 1)
		if !p.value(n.elem, v.Index(count)) {
			return false
		}
	}
}

func (p *parser) array(n *node, v reflect.Value) bool {
	if !p.take('[') {
		return false
	}
	for count := 0; ; count++ {
		more, ok := p.next(count, ']')
		if !more || !ok {
			return ok
		}
		if count == v.Len() || !p.value(n.elem, v.Index(count)) {
			return false
		}
	}
}

// tooMany tells whether a list or an object that has n elements may have no more.
func (p *parser) tooMany(n *node, count int) bool { return count >= p.maxElements && !n.unbounded }
