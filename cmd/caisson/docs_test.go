package main

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/pem"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"go.uber.org/zap"

	"caisson/authz"
	"caisson/authz/cases"
	"caisson/authz/image/imagetest"
	"caisson/config"
)

// fence is a code block of Markdown with its language.
var fence = regexp.MustCompile("(?ms)^[ ]*```([a-z]+)\n(.*?)^[ ]*```")

// documents are all texts that a user reads.
func documents(t *testing.T) []string {
	t.Helper()
	list, err := filepath.Glob("../../docs/*.md")
	if err != nil || len(list) == 0 {
		t.Fatalf("no documents: %v", err)
	}
	return append(list, "../../README.md", "../../CONTRIBUTING.md")
}

// TestDocs makes sure that the documents do not lie: every policy in them loads, and every caisson command in them runs.
func TestDocs(t *testing.T) {
	policies, commands := 0, 0
	for _, name := range documents(t) {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		for _, block := range fence.FindAllSubmatch(text, -1) {
			switch language, body := string(block[1]), block[2]; language {
			case "toml":
				policies++
				if _, err := (config.Reader{Files: anyFiles{t}}).Read(filepath.Base(name), body, time.Now()); err != nil {
					t.Errorf("%s: a policy does not load: %v\n%s", name, err, body)
				}
			case "txtar":
				checkDocumented(t, name, body)
			case "sh":
				for line := range strings.Lines(string(body)) {
					if command, ok := strings.CutPrefix(strings.TrimSpace(line), "caisson "); ok && !strings.HasPrefix(command, "serve") {
						commands++
						runDocumented(t, name, command)
					}
				}
			}
		}
	}
	if policies < 2 || commands < 5 {
		t.Errorf("found %d policies and %d commands: are the documents read correctly?", policies, commands)
	}
}

var (
	link    = regexp.MustCompile(`\]\(([^)\s]+)\)`)
	heading = regexp.MustCompile(`(?m)^#+ (.+)$`)
	dropped = regexp.MustCompile(`[^\p{L}\p{N} _-]`)
)

// TestLinks follows the links between the documents, to files and to headings in them.
func TestLinks(t *testing.T) {
	anchors := func(name string) []string {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		var list []string
		for _, m := range heading.FindAllSubmatch(fence.ReplaceAll(text, nil), -1) {
			list = append(list, strings.ReplaceAll(dropped.ReplaceAllString(strings.ToLower(string(m[1])), ""), " ", "-"))
		}
		return list
	}
	found := 0
	for _, name := range append(documents(t), "../../SECURITY.md", "../../CHANGELOG.md") {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range link.FindAllSubmatch(fence.ReplaceAll(text, nil), -1) {
			file, anchor, _ := strings.Cut(string(m[1]), "#")
			if strings.Contains(file, "://") {
				continue
			}
			found++
			target := name
			if file != "" {
				target = filepath.Join(filepath.Dir(name), file)
			}
			if _, err := os.Stat(target); err != nil {
				t.Errorf("%s links to %s, which is not there", name, file)
			} else if anchor != "" && !slices.Contains(anchors(target), anchor) {
				t.Errorf("%s links to %s#%s, and there is no such heading", name, file, anchor)
			}
		}
	}
	if found < 50 {
		t.Errorf("found %d links: are the documents read correctly?", found)
	}
}

// checkDocumented decides a case, and wants the outcome that stands in it.
func checkDocumented(t *testing.T, document string, text []byte) {
	t.Helper()
	c, err := cases.Parse(document, text)
	if err != nil {
		t.Error(err)
		return
	}
	p, err := config.Parse("policy.toml", c.Policy, time.Now())
	if err != nil {
		t.Error(err)
		return
	}
	a := authz.Authorizer{Policy: func() *authz.Policy { return p }, Log: zap.NewNop()}
	if got := cases.Outcome(a.Authorize(t.Context(), c.Call())); got != c.Want {
		t.Errorf("%s: the case has the outcome\n%s", document, got)
	}
}

// anyFiles has what policies in documents name: certificates, keys, what is secret.
type anyFiles struct{ t *testing.T }

func (f anyFiles) ReadFile(name string) ([]byte, error) {
	switch filepath.Ext(name) {
	case ".pub":
		key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		return imagetest.PublicPEM(f.t, key), err
	case ".psk":
		return []byte("c2VjcmV0"), nil
	default:
		return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: imagetest.NewPKI(f.t, imagetest.PKIOptions{}).Root.Raw}), nil
	}
}

// ReadFolder takes for a folder what has no ending.
func (f anyFiles) ReadFolder(name string) ([]string, error) {
	if filepath.Ext(name) != "" {
		return nil, fs.ErrNotExist
	}
	return []string{filepath.Join(name, "a.pem")}, nil
}

// runDocumented runs a command with the files it names in place.
func runDocumented(t *testing.T, document, command string) {
	t.Helper()
	dir := t.TempDir()
	policy, request, folder := filepath.Join(dir, "policy.toml"), filepath.Join(dir, "request.json"), filepath.Join(dir, "cases")
	if err := os.Mkdir(folder, 0o700); err != nil {
		t.Fatal(err)
	}
	for file, text := range map[string]string{
		policy:                              "version = 1\n",
		request:                             `{"RequestMethod":"GET","RequestUri":"/_ping"}`,
		filepath.Join(folder, "ping.txtar"): "-- request --\nGET /_ping\n-- want --\nallow\n",
	} {
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	command, _, _ = strings.Cut(command, "#")
	command, _, _ = strings.Cut(command, ">")
	command, _, _ = strings.Cut(command, "|")
	args := strings.Fields(strings.NewReplacer("/etc/caisson/policy.toml", policy, "request.json", request, " cases", " "+folder).Replace(command))
	if args[0] == "enforce" || args[0] == "doctor" || args[0] == "containers" || args[0] == "image" {
		args = append(args, "--help") // they are for a host with Docker: the tests in test run them there
	}
	var out bytes.Buffer
	if code := run(args, strings.NewReader(""), &out, &out); code != exitOK {
		t.Errorf("%s: \"caisson %s\" ends with %d:\n%s", document, command, code, out.String())
	}
}
