//go:build manual

package main

import (
	"fmt"
	"os"

	"github.com/spf13/cobra/doc"
)

// Built with the tag manual, the program writes its manual pages to a folder and does nothing else: what makes them is no part of Caisson.
// Their date is that of SOURCE_DATE_EPOCH.
//
//nolint:forbidigo // this is the end of the other program
func init() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "give a folder for the manual pages")
		os.Exit(exitUnusable)
	}
	root := newRoot()
	root.DisableAutoGenTag = true
	header := &doc.GenManHeader{Title: "CAISSON", Section: "1", Source: "Caisson", Manual: "Caisson"}
	if err := doc.GenManTree(root, header, os.Args[1]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(exitFailed)
	}
	os.Exit(exitOK)
}
