package config

import (
	"strings"

	"github.com/BurntSushi/toml"
)

// locate returns the line of every key, table and list element of a text that is known to be valid TOML. The library reports
// lines of syntax errors, and not of unknown keys, bad values or elements of lists. A table that dotted keys or subtables create is where it is first named.
func locate(text string) map[path]int {
	for _, bom := range []string{"\xef\xbb\xbf", "\xff\xfe", "\xfe\xff"} {
		if rest, ok := strings.CutPrefix(text, bom); ok {
			text = rest
			break
		}
	}
	l := &locator{text: text, line: 1, lines: map[path]int{}, elements: map[path]int{}}
	l.document()
	return l.lines
}

// locator reads through a text. As the text is valid, it only has to see where tokens end, and panics nowhere if it is not.
type locator struct {
	text     string // what is left
	line     int    // where text begins, from 1
	lines    map[path]int
	elements map[path]int // number of elements of an array of tables so far
}

func (l *locator) document() {
	var table path
	for l.skip(" \t\r\n"); l.text != ""; l.skip(" \t\r\n") {
		switch {
		case strings.HasPrefix(l.text, "[["):
			l.take(2)
			table = l.header(true)
			l.take(2)
		case strings.HasPrefix(l.text, "["):
			l.take(1)
			table = l.header(false)
			l.take(1)
		default:
			l.keyValue(table)
		}
	}
}

// header reads the keys of a [table] or of an [[array of tables]] and returns the path that the keys below belong to. A key
// of a header that names an array of tables means its latest element.
func (l *locator) header(array bool) path {
	var p path
	keys := l.keys()
	for i, k := range keys {
		p = p.key(k)
		l.mark(p)
		if array && i == len(keys)-1 {
			l.elements[p]++
		}
		if n := l.elements[p]; n > 0 {
			p = p.index(n - 1)
			l.mark(p)
		}
	}
	return p
}

// keyValue reads "key = value". Dotted keys make tables on the way.
func (l *locator) keyValue(p path) {
	for _, k := range l.keys() {
		p = p.key(k)
		l.mark(p)
	}
	l.take(1) // =
	l.skip(" \t\r\n")
	l.value(p)
}

// keys reads a key, dotted or not, and the space behind it.
func (l *locator) keys() []string {
	var keys []string
	for {
		l.skip(" \t\r\n")
		raw := l.token(" \t\r\n.=]")
		keys = append(keys, unquote(raw))
		l.skip(" \t")
		if !strings.HasPrefix(l.text, ".") {
			return keys
		}
		l.take(1)
	}
}

// value reads past a value and marks what is in it.
func (l *locator) value(p path) {
	switch {
	case strings.HasPrefix(l.text, "{"):
		l.sequence("}", func(int) { l.keyValue(p) })
	case strings.HasPrefix(l.text, "["):
		l.sequence("]", func(i int) {
			l.mark(p.index(i))
			l.value(p.index(i))
		})
	default:
		l.token(",]}#\r\n") // not at a space: one may stand between a date and a time
	}
}

// sequence reads an array or an inline table, up to what closes it.
func (l *locator) sequence(end string, element func(i int)) {
	l.take(1)
	for i := 0; ; i++ {
		l.skip(" \t\r\n,")
		if l.text == "" || strings.HasPrefix(l.text, end) {
			break
		}
		element(i)
	}
	l.take(1)
}

// token reads a string, with its quotes, or else everything up to one of the end characters.
func (l *locator) token(ends string) string {
	for _, quote := range []string{`"""`, `'''`, `"`, `'`} {
		if strings.HasPrefix(l.text, quote) {
			return l.take(stringLen(l.text, quote))
		}
	}
	n := strings.IndexAny(l.text, ends)
	if n < 0 {
		n = len(l.text)
	}
	return l.take(max(n, 1))
}

// stringLen returns the length of the string at the start of a text.
func stringLen(text, quote string) int {
	i := len(quote)
	for ; i < len(text) && !strings.HasPrefix(text[i:], quote); i++ {
		if text[i] == '\\' && quote[0] == '"' {
			i++
		}
	}
	i += len(quote)
	// Up to two quotes may stand right before the three that end a multi-line string.
	for extra := 0; len(quote) == 3 && extra < 2 && i < len(text) && text[i] == quote[0]; extra++ {
		i++
	}
	return min(i, len(text))
}

// unquote reads one part of a key. Escapes are for the library: it must come to the same key.
func unquote(raw string) string {
	if !strings.HasPrefix(raw, `"`) && !strings.HasPrefix(raw, `'`) {
		return raw
	}
	var v struct{ Key string }
	if _, err := toml.Decode("key = "+raw, &v); err != nil {
		return raw
	}
	return v.Key
}

// skip drops characters of a set, and comments.
func (l *locator) skip(set string) {
	for l.text != "" {
		switch n := len(l.text) - len(strings.TrimLeft(l.text, set)); {
		case n > 0:
			l.take(n)
		case l.text[0] == '#' && strings.Contains(set, "\n"):
			end := strings.IndexByte(l.text, '\n')
			if end < 0 {
				end = len(l.text)
			}
			l.take(end)
		default:
			return
		}
	}
}

// take drops the next n bytes and returns them.
func (l *locator) take(n int) string {
	n = min(n, len(l.text))
	taken := l.text[:n]
	l.line += strings.Count(taken, "\n")
	l.text = l.text[n:]
	return taken
}

// mark notes that a path is first named here.
func (l *locator) mark(p path) {
	if _, ok := l.lines[p]; !ok {
		l.lines[p] = l.line
	}
}
