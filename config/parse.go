package config

import (
	"errors"
	"fmt"
	"os"
	"reflect"
	"slices"
	"time"

	"github.com/BurntSushi/toml"

	"caisson/authz"
	"caisson/authz/rules"
)

// File is a policy file, compiled.
type File struct {
	Name     string
	Policy   *authz.Policy
	Audit    Audit
	Warnings []Problem // by line

	set map[path]bool // the keys that the file sets
}

// Parse compiles a policy text. The name is used in errors, which are of type [Errors].
func Parse(name string, text []byte, now time.Time) (*authz.Policy, error) {
	f, err := Read(name, text, now)
	if err != nil {
		return nil, err
	}
	return f.Policy, nil
}

// Load reads and compiles the policy file at a path.
func Load(file string, now time.Time) (*File, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	return Read(file, text, now)
}

// Read compiles a policy text like [Parse], and returns all that it says.
func Read(name string, text []byte, now time.Time) (*File, error) {
	d := &decoder{file: name}
	raw, err := parseTOML(name, text)
	if err != nil {
		return nil, err
	}
	d.lines = locate(string(text))

	doc := document{Profile: profile(rules.Baseline)}
	d.decodeStruct("", raw, reflect.ValueOf(&doc).Elem())
	d.checkHead(raw, &doc)

	f := &File{Name: name, Audit: doc.Audit, Policy: &authz.Policy{Profile: rules.Profile(doc.Profile), Mode: doc.Mode}}
	f.Policy.Rules = d.bind(f.Policy.Profile, doc.Rules)
	f.Policy.Exceptions = d.exceptions(doc.Exceptions)
	if len(d.problems) > 0 {
		sortProblems(d.problems)
		return nil, Errors(slices.CompactFunc(d.problems, func(a, b Problem) bool { return a == b }))
	}
	f.Policy.Hash = "sha256:"
	_ = now
	f.set = map[path]bool{}
	for p := range d.lines {
		f.set[p] = true
	}
	return f, nil
}

// checkHead checks what stands above the tables.
func (d *decoder) checkHead(raw map[string]any, doc *document) {
	switch v, ok := raw["version"].(int64); {
	case raw["version"] == nil:
		d.problems = append(d.problems, Problem{File: d.file, Line: 1, Key: "version", Text: "is missing; add version = 1"})
	case ok && v != 1:
		d.problem("version", "%d is not known; this program reads version 1", v)
	}
	if doc.Mode == authz.Off {
		d.problem("mode", `"off" is not one of enforce, audit; to check nothing, use profile = "none"`)
	}
}

// parseTOML parses a text. A panic of the library is an error too: a policy is read while the service runs.
func parseTOML(name string, text []byte) (raw map[string]any, err error) {
	defer func() {
		if r := recover(); r != nil {
			err = Errors{{File: name, Text: fmt.Sprintf("not TOML: %v", r)}}
		}
	}()
	_, err = toml.Decode(string(text), &raw)
	var pe toml.ParseError
	switch {
	case errors.As(err, &pe):
		return nil, Errors{{File: name, Line: pe.Position.Line, Col: pe.Position.Col, Text: "not TOML: " + pe.Message}}
	case err != nil:
		return nil, Errors{{File: name, Text: "not TOML: " + err.Error()}}
	}
	return raw, nil
}

// Default compiles a built-in profile without a file. It panics if there is no such profile.
func Default(p rules.Profile) *authz.Policy { return builtin(p).Policy }

func builtin(p rules.Profile) *File {
	f, err := Read("profile "+string(p), fmt.Appendf(nil, "version = 1\nprofile = %q\n", p), time.Time{})
	if err != nil {
		panic(err)
	}
	return f
}
