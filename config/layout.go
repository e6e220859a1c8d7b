package config

import (
	"fmt"
	"reflect"
	"strings"
	"unicode/utf8"
)

// lineWidth is how long the lines of what this package writes get.
const lineWidth = 120

// section is a table of a policy file, as this package writes it.
type section struct {
	header  string // "[rules.memory]"; "" for the keys at the top
	at      path   // where it stands in the file that it came from
	entries []entry
}

// entry is a key with its value.
type entry struct {
	key, value string
	elements   []string // of a list
	comment    string
	notes      []string // more to say, a line each
}

func (s *section) add(key, value, comment string) {
	s.entries = append(s.entries, entry{key: key, value: value, comment: comment})
}

// addValue adds a value of any kind.
func (s *section) addValue(key string, v reflect.Value) {
	e := entry{key: key, value: render(v)}
	if v.Kind() == reflect.Slice {
		e.elements = elements(v)
	}
	s.entries = append(s.entries, e)
}

// write appends a section. Each line begins with a prefix, which comments the section out if it is "#".
func (s *section) write(b *strings.Builder, prefix string) {
	if s.header != "" {
		fmt.Fprintf(b, "%s%s\n", prefix, s.header)
	}
	width := 0
	for _, e := range s.entries {
		if e.comment != "" && !e.tall(prefix) {
			width = max(width, utf8.RuneCountInString(e.line()))
		}
	}
	for _, e := range s.entries {
		switch {
		case e.comment == "":
			b.WriteString(e.block(prefix))
		case e.tall(prefix):
			for _, text := range append([]string{e.comment}, e.notes...) {
				comment(b, prefix, text)
			}
			b.WriteString(e.block(prefix))
		default:
			fmt.Fprintf(b, "%s%-*s  # %s\n", prefix, width, e.line(), e.comment)
		}
	}
}

func (e *entry) line() string { return e.key + " = " + e.value }

// tall tells whether an entry and its comment are better not on one line.
func (e *entry) tall(prefix string) bool {
	const column = 40 // the last one where comments beside values begin
	n := utf8.RuneCountInString(e.line())
	return n > column || len(e.notes) > 0 || len(prefix)+column+len("  # ")+utf8.RuneCountInString(e.comment) > lineWidth
}

// block writes an entry without its comment, a long list over several lines.
func (e *entry) block(prefix string) string {
	if len(e.elements) == 0 || len(prefix)+utf8.RuneCountInString(e.line()) <= lineWidth {
		return prefix + e.line() + "\n"
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%s%s = [\n", prefix, e.key)
	for _, line := range fill(e.elements, ", ", lineWidth-len(prefix)-len("  ,")) {
		fmt.Fprintf(&b, "%s  %s,\n", prefix, line)
	}
	fmt.Fprintf(&b, "%s]\n", prefix)
	return b.String()
}

// comment appends a text as comment lines, indented like it.
func comment(b *strings.Builder, prefix, text string) {
	start := prefix + "# " + text[:len(text)-len(strings.TrimLeft(text, " "))]
	for _, line := range fill(strings.Fields(text), " ", lineWidth-len(start)) {
		b.WriteString(start + line + "\n")
	}
}

// fill joins words to lines of a width. A word that is wider has a line to itself.
func fill(words []string, separator string, width int) []string {
	var lines []string
	for _, w := range words {
		last := len(lines) - 1
		if last >= 0 && utf8.RuneCountInString(lines[last]+separator+w) <= width {
			lines[last] += separator + w
		} else {
			lines = append(lines, w)
		}
	}
	return lines
}
