package main

import (
	"os"
	"path/filepath"

	"caisson/authz"
)

// protector tells policies where the parts of this process are on the host, so that nobody changes them through the Engine that it
// guards. Links on the way there are looked up once, at the start.
func protector(o *serveOptions, socket string, logs []string) func(*authz.Policy) {
	if !o.hostFiles {
		return func(*authz.Policy) {} // the paths are not those of the host
	}
	var files []string
	for _, f := range append([]string{filepath.Dir(o.policyPath()), o.state}, logs...) {
		files = append(files, spellings(f)...)
	}
	if program, err := os.Executable(); err == nil {
		files = append(files, spellings(program)...)
	}
	sockets := spellings(filepath.Dir(socket))
	return func(p *authz.Policy) { p.Protect(files, sockets) }
}

// spellings are a path, made absolute, and what it leads to.
func spellings(path string) []string {
	absolute, err := filepath.Abs(path)
	if err != nil {
		return nil
	}
	if target, err := filepath.EvalSymlinks(absolute); err == nil && target != absolute {
		return []string{absolute, target}
	}
	return []string{absolute}
}
