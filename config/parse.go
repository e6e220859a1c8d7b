package config

import (
	"errors"
	"fmt"
	"os"
	"reflect"
	"regexp"
	"strings"
	"time"

	"github.com/BurntSushi/toml"

	"caisson/authz"
	"caisson/authz/image/revocation"
	"caisson/authz/rules"
)

// File is a policy file, compiled.
type File struct {
	Name     string
	Policy   *authz.Policy
	Warnings []Problem // by line

	lines map[path]int // of what the file sets; nil if there is no file
}

func (f *File) builtin() bool { return f.lines == nil }

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
	f, err := Read(file, text, now)
	if err != nil {
		return nil, err
	}
	f.warnWritable(file)
	return f, nil
}

// warnWritable warns of a file that others than its owner can write: whoever writes the policy has what it refuses.
func (f *File) warnWritable(file string) {
	if info, err := os.Stat(file); err == nil && info.Mode()&0o022 != 0 {
		f.Warnings = append(f.Warnings, Problem{File: file, Text: "others than its owner can write it; fix: chmod go-w"})
	}
}

// Read compiles a policy text like [Parse], and returns all that it says. Files that it names are those of the host.
func Read(name string, text []byte, now time.Time) (*File, error) {
	return Reader{}.Read(name, text, now)
}

// Reader compiles policies. Its zero value is what [Read] uses.
type Reader struct {
	Files   Files               // that policies name; nil is [Disk]
	Answers *revocation.Answers // what is known of revoked certificates, for policies one after another; nil lets each find out by itself
}

// Read is like the function [Read].
func (r Reader) Read(name string, text []byte, now time.Time) (*File, error) {
	return r.read(newInputs(r.files(), name), name, text, now)
}

func (r Reader) files() Files {
	if r.Files == nil {
		return Disk{}
	}
	return r.Files
}

func (r Reader) read(in *inputs, name string, text []byte, now time.Time) (*File, error) {
	d := &decoder{file: name, inputs: in, answers: r.Answers}
	raw, err := parseTOML(name, text)
	if err != nil {
		return nil, err
	}
	d.lines = locate(string(text))
	d.agree(raw)

	// From here on nothing returns early: all problems are reported at once.
	doc := document{Profile: profile(rules.Baseline), Existing: existingTable{Watch: authz.Off}}
	d.decodeStruct("", raw, reflect.ValueOf(&doc).Elem())
	d.checkHead(raw, &doc)

	p := &authz.Policy{Profile: rules.Profile(doc.Profile), Mode: doc.Mode, ContinueUnaudited: doc.Audit.OnFailure == failContinue}
	p.Existing, p.Watch = doc.Existing.Mode, doc.Existing.Watch
	p.Rules = d.bind(p.Profile, doc.Rules)
	p.Groups = d.groups(doc.Groups)
	p.Access = d.access(doc.Access, p.Groups)
	p.Overrides = d.overrides(p, &doc)
	p.Exceptions = d.exceptions(doc.Exceptions)
	p.Images = d.imageTrust(doc.Images)
	if len(d.problems) > 0 {
		sortProblems(d.problems)
		return nil, Errors(d.problems)
	}
	p.Hash = hash(p)
	return &File{Name: name, Policy: p, Warnings: d.warnings(p, now), lines: d.lines}, nil
}

// checkHead checks what stands above the tables.
func (d *decoder) checkHead(raw map[string]any, doc *document) {
	switch v, ok := raw["version"].(int64); {
	case raw["version"] == nil:
		// Required, so that a later version of this program can give a key another meaning and know which one is meant.
		d.problems = append(d.problems, Problem{File: d.file, Line: 1, Key: "version", Text: "is missing; add version = 1"})
	case ok && v != 1:
		d.problem("version", "%d is not known; this program reads version 1", v)
	}
	if doc.Mode == authz.Off {
		d.problem("mode", `"off" is not one of enforce, audit; to check nothing, use profile = "none"`)
	}
}

// parseTOML parses a text. It takes TOML 1.1, as the library does. A panic of the library is an error too: a policy is read while the service runs.
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
		if p, ok := twice(name, text, &pe); ok {
			return nil, Errors{p}
		}
		return nil, Errors{{File: name, Line: pe.Position.Line, Col: pe.Position.Col, Text: "not TOML: " + pe.Message + unquoted(text, pe.Position.Line)}}
	case err != nil:
		return nil, Errors{{File: name, Text: "not TOML: " + err.Error()}}
	}
	return raw, nil
}

// bareValue is a line that sets a key to a word, or to a number with one behind it, such as max = 8GiB.
var bareValue = regexp.MustCompile(`^\s*([\w."-]+)\s*=\s*([+-]?[\w.:/-]*[A-Za-z][\w.:/-]*)\s*(#.*)?$`)

// unquoted says what may be wrong with a line that is not TOML: texts without quotes are what most people get wrong.
func unquoted(text []byte, line int) string {
	lines := strings.Split(string(text), "\n")
	if line < 1 || line > len(lines) {
		return ""
	}
	found := bareValue.FindStringSubmatch(strings.TrimSuffix(lines[line-1], "\r"))
	if found == nil {
		return ""
	}
	return fmt.Sprintf("; put a text in quotes: %s = %q", found[1], found[2])
}

var definedTwice = regexp.MustCompile(`^Key '(.+)' has already been defined\.$`)

// twice words the library's error about a key or a table that stands twice, and finds the first of them.
func twice(name string, text []byte, pe *toml.ParseError) (Problem, bool) {
	found := definedTwice.FindStringSubmatch(pe.Message)
	if found == nil {
		return Problem{}, false
	}
	lines := strings.SplitAfter(string(text), "\n")
	here := min(max(pe.Position.Line-1, 0), len(lines)-1)
	what, fix := "key", "keep one"
	if strings.HasPrefix(strings.TrimSpace(lines[here]), "[") {
		what, fix = "table", "put both together"
	}
	first := ""
	if n := locate(strings.Join(lines[:here], ""))[path(found[1])]; n > 0 {
		first = fmt.Sprintf(", first at line %d", n)
	}
	return Problem{
		File: name, Line: pe.Position.Line, Col: pe.Position.Col, Key: found[1],
		Text: fmt.Sprintf("this %s is here twice%s; %s", what, first, fix),
	}, true
}
