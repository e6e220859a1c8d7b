// Package cases reads case files: a request, perhaps a policy, and what Caisson must say. The same files serve go test,
// "caisson check", users' own policies, and, through test/, real engines. The format is described in docs/case-files.md.
package cases

import (
	"bufio"
	"bytes"
	"fmt"
	"io/fs"
	"net/textproto"
	"path"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/tools/txtar"

	"caisson/authz"
	"caisson/authz/request"
	"caisson/authz/state"
)

// Case is one case file.
type Case struct {
	Name    string // path of the file
	Why     string // comment at the top
	Method  string
	Target  string
	Headers map[string]string
	User    string // TLS user
	Cert    []byte // TLS client certificate, PEM
	Body    []byte // nil if there is none
	Policy  []byte // TOML; nil is the profile baseline
	State   state.Fixed
	Want    string // expected outcome, as Outcome gives it

	archive *txtar.Archive
}

// Parse reads a case file. An error names the file and the section.
func Parse(name string, data []byte) (*Case, error) {
	a := txtar.Parse(data)
	c := &Case{Name: name, Why: strings.TrimSpace(string(a.Comment)), archive: a}
	for _, f := range a.Files {
		if err := c.section(f.Name, f.Data); err != nil {
			return nil, fmt.Errorf("%s: section %s: %w", name, f.Name, err)
		}
	}
	if c.Method == "" {
		return nil, fmt.Errorf("%s: there is no section request; see docs/case-files.md", name)
	}
	c.addBodyHeaders()
	return c, nil
}

func (c *Case) section(name string, data []byte) (err error) {
	text := strings.TrimSpace(string(data))
	switch name {
	case "request":
		return c.request(data)
	case "request.quoted":
		if text, err = strconv.Unquote(text); err == nil {
			err = c.request([]byte(text))
		}
	case "body.json":
		c.Body = bytes.TrimSuffix(data, []byte("\n"))
	case "body.quoted":
		text, err = strconv.Unquote(text)
		c.Body = []byte(text)
	case "policy.toml":
		c.Policy = data
	case "state.json":
		c.State, err = state.ParseFixed(data)
	case "want":
		c.Want = string(data)
		if verdict, _, _ := strings.Cut(c.Want, "\n"); !slices.Contains(verdicts, verdict) {
			err = fmt.Errorf("%q is no verdict; use %s", verdict, strings.Join(verdicts, ", "))
		}
	default:
		err = fmt.Errorf("the name is not known; use request, body.json, policy.toml, state.json or want")
	}
	return err
}

// verdicts are what a case can want.
var verdicts = []string{authz.Allow.String(), authz.Deny.String(), authz.Undecided.String()}

func (c *Case) request(data []byte) error {
	line, rest, _ := bytes.Cut(data, []byte("\n"))
	method, target, ok := strings.Cut(string(line), " ")
	if !ok {
		return fmt.Errorf("%q is not a method and a target", line)
	}
	c.Method, c.Target = method, target
	header, err := textproto.NewReader(bufio.NewReader(strings.NewReader(strings.TrimSpace(string(rest)) + "\n\n"))).ReadMIMEHeader()
	if err != nil {
		return err
	}
	if line := header.Get("Caisson-Certificate"); line != "" {
		if c.Cert, c.User, err = certificate(line); err != nil {
			return err
		}
	}
	if user := header.Get("Caisson-User"); user != "" {
		c.User = user
	}
	header.Del("Caisson-Certificate")
	header.Del("Caisson-User")
	c.Headers = make(map[string]string)
	for k, v := range header {
		c.Headers[k] = v[len(v)-1] // dockerd shows a plugin the last value
	}
	return nil
}

// addBodyHeaders completes the headers that every client sends with a body.
func (c *Case) addBodyHeaders() {
	if c.Body == nil {
		return
	}
	if _, ok := c.Headers["Content-Type"]; !ok {
		c.Headers["Content-Type"] = "application/json"
	}
	if _, ok := c.Headers["Content-Length"]; !ok {
		c.Headers["Content-Length"] = strconv.Itoa(len(c.Body))
	}
}

// Call is the case's request as dockerd would show it.
func (c *Case) Call() request.Call {
	call := request.Call{User: c.User, Method: c.Method, Target: c.Target, Headers: c.Headers, Body: c.Body, Certificate: c.Cert}
	if c.User != "" || c.Cert != nil {
		call.AuthMethod = "TLS"
	}
	return call
}

// Format renders the case with another outcome.
func (c *Case) Format(want string) []byte {
	out := *c.archive
	out.Files = append([]txtar.File(nil), out.Files...)
	for i := range out.Files {
		if out.Files[i].Name == "want" {
			out.Files[i].Data = []byte(want)
			return txtar.Format(&out)
		}
	}
	out.Files = append(out.Files, txtar.File{Name: "want", Data: []byte(want)})
	return txtar.Format(&out)
}

// Outcome words a decision as the section want does: the verdict, then every violation, or why it is undecided.
func Outcome(d *authz.Decision) string {
	var b strings.Builder
	fmt.Fprintln(&b, d.Verdict)
	if d.Err != nil {
		fmt.Fprintln(&b, d.Err)
	}
	for _, v := range d.Violations {
		fmt.Fprintln(&b, authz.Sentence(v))
	}
	for _, v := range d.Audited {
		fmt.Fprintf(&b, "audited: %s\n", authz.Sentence(v))
	}
	for _, e := range d.Excepted {
		fmt.Fprintf(&b, "excepted by %s: %s\n", e.Exception, authz.Sentence(e.Violation))
	}
	return b.String()
}

// Load reads every case file below a folder, in order of their names.
func Load(fsys fs.FS, root string) ([]*Case, error) {
	var list []*Case
	err := fs.WalkDir(fsys, root, func(name string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() || path.Ext(name) != ".txtar" {
			return err
		}
		data, err := fs.ReadFile(fsys, name)
		if err != nil {
			return err
		}
		c, err := Parse(name, data)
		if err == nil {
			list = append(list, c)
		}
		return err
	})
	return list, err
}
