//go:build ignore

// Writes docs/policy-reference.md and docs/coverage.md.
package main

import (
	"log"
	"os"

	"caisson/config"
)

func main() {
	coverage, err := config.Coverage()
	if err != nil {
		log.Fatal(err)
	}
	for name, text := range map[string]string{"policy-reference.md": config.Reference(), "coverage.md": coverage} {
		if err := os.WriteFile("../docs/"+name, []byte(text), 0o644); err != nil {
			log.Fatal(err)
		}
	}
}
