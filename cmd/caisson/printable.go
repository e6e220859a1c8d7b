package main

import (
	"strconv"
	"strings"
	"unicode"
)

// printable makes a text fit for a terminal: names of files, of containers and what stands in case files come from others, and could move the
// cursor, or turn the writing around, so that something else is read. Its lines stay lines.
func printable(text string) string {
	clean := func(r rune) bool { return r == '\n' || r == '\t' || unicode.IsPrint(r) }
	if strings.IndexFunc(text, func(r rune) bool { return !clean(r) }) < 0 {
		return text
	}
	var b strings.Builder
	for _, r := range text {
		if clean(r) {
			b.WriteRune(r)
			continue
		}
		quoted := strconv.QuoteRune(r)
		b.WriteString(quoted[1 : len(quoted)-1])
	}
	return b.String()
}

// line is a printable text on one line.
func line(text string) string { return printable(strings.ReplaceAll(text, "\n", " ")) }
