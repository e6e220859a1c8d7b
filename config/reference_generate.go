//go:build ignore

// Writes docs/policy-reference.md.
package main

import (
	"log"
	"os"

	"caisson/config"
)

func main() {
	if err := os.WriteFile("../docs/policy-reference.md", []byte(config.Reference()), 0o644); err != nil {
		log.Fatal(err)
	}
}
