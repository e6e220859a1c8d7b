//go:build ignore

// Writes the table of docs/metrics.md.
package main

import (
	"bytes"
	"log"
	"os"

	"caisson/plugin/metrics"
)

func main() {
	const file, begin, end = "../../docs/metrics.md", "<!-- metrics: begin -->\n", "<!-- metrics: end -->"
	text, err := os.ReadFile(file)
	if err != nil {
		log.Fatal(err)
	}
	head, rest, ok := bytes.Cut(text, []byte(begin))
	_, tail, found := bytes.Cut(rest, []byte(end))
	if !ok || !found {
		log.Fatalf("%s lacks the marks of the table", file)
	}
	text = bytes.Join([][]byte{head, []byte(begin), []byte("\n" + metrics.Reference() + "\n"), []byte(end), tail}, nil)
	if err := os.WriteFile(file, text, 0o644); err != nil {
		log.Fatal(err)
	}
}
