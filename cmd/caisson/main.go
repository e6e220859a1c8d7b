// Command caisson is an authorization plugin for the Docker Engine, and the tools around its policy.
//
// Exit codes: 0 all is well; 1 a request is refused, or something failed while running; 2 the command line, a policy or a
// request cannot be used as it is.
package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
)

func main() {
	os.Exit(run(os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
}

// The exit codes.
const (
	exitOK = iota
	exitFailed
	exitUnusable
)

// exitError ends the program with a code. Without an error, all that is to be said has been said.
type exitError struct {
	code int
	err  error
}

func (e *exitError) Error() string {
	if e.err == nil {
		return fmt.Sprintf("exit status %d", e.code)
	}
	return e.err.Error()
}

func (e *exitError) Unwrap() error { return e.err }

// run is the program without its process.
func run(args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	root := newRoot()
	root.SetArgs(args)
	root.SetIn(stdin)
	root.SetOut(stdout)
	root.SetErr(stderr)
	cmd, err := root.ExecuteC()
	if err == nil {
		return exitOK
	}
	e := (*exitError)(nil)
	if !errors.As(err, &e) { // what cobra finds wrong with the command line
		fmt.Fprintf(stderr, "caisson: %s\nsee \"%s --help\"\n", strings.TrimSpace(err.Error()), cmd.CommandPath()) //nolint:errcheck // as below
		return exitUnusable
	}
	if e.err != nil {
		fmt.Fprintf(stderr, "caisson: %v\n", err) //nolint:errcheck // there is no other place to say it
	}
	return e.code
}

// unusable marks an error as one of the input.
func unusable(err error) error {
	if err == nil {
		return nil
	}
	return &exitError{exitUnusable, err}
}
