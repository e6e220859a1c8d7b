//go:build ignore

// Completes docs/doctor.md.
package main

import (
	"log"
	"os"

	"caisson/cmd/caisson/doctor"
)

func main() {
	const name = "../../../docs/doctor.md"
	text, err := os.ReadFile(name)
	if err != nil {
		log.Fatal(err)
	}
	complete, err := doctor.Reference(string(text))
	if err != nil {
		log.Fatal(err)
	}
	if err := os.WriteFile(name, []byte(complete), 0o644); err != nil {
		log.Fatal(err)
	}
}
