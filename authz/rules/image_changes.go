package rules

import (
	"fmt"
	"regexp"
	"strings"

	"caisson/authz/request"
)

// ImageChanges bounds the instructions that a commit or an import carries out.
type ImageChanges struct {
	MaxVariables int64 `toml:"max_variables" comment:"most variables, such as $PATH, that the changes of one image name; 0 sets no bound, and lets them compute: ${x//a/b}"`
	MaxLength    Size  `toml:"max_length" comment:"most bytes of changes of one image; 0 sets no bound"`
}

var _ = register(&Spec{
	ID:    "image-changes",
	Title: "Commits and imports change little",
	Why: "The daemon puts the values of variables in itself. A value that names itself twice doubles with each change, so that one request can " +
		"take all of the daemon's time and memory, which count against no container's limit.",
	Fix: "write the values out in --change, or have the operator raise the bound",
	Ops: []request.Operation{request.ImageCommit, request.ImageCreate},

	Profiles: Profiles{Baseline: Default, Standard: Default, Restricted: Default, CIS: Default},
	New:      func() Rule { return &ImageChanges{MaxVariables: 8, MaxLength: 16 << 10} },
})

// Prepare implements [Preparer].
func (i *ImageChanges) Prepare() error {
	if i.MaxVariables < 0 {
		return fmt.Errorf("max_variables: %d is below 0", i.MaxVariables)
	}
	return nil
}

var (
	// plainVariable is one whose value is put in as it is.
	plainVariable = regexp.MustCompile(`\$(\w+|\{\w+\})`)
	// computed begins what the daemon may make of a value, such as ${x//a/aaaa}, also if the line goes on behind the dollar sign.
	computed = regexp.MustCompile("\\$[{$\\\\`]")
)

// Check implements [Rule]. Every variable begins with a dollar sign; one that is escaped counts as well. The daemon reads the changes as the lines
// of one text.
//
// Source: moby daemon/builder/dockerfile/builder.go, BuildFromConfig; buildkit frontend/dockerfile/shell/lex.go, processDollar.
func (i *ImageChanges) Check(r *request.Request, out *Findings) {
	const field = "query parameter changes"
	text := strings.Join(r.Images.Changes, "\n")
	if n := strings.Count(text, "$"); i.MaxVariables > 0 && int64(n) > i.MaxVariables {
		out.Add(field, fmt.Sprintf("names %d variables", n), fmt.Sprintf("at most %d", i.MaxVariables))
	}
	if i.MaxVariables > 0 && computed.MatchString(plainVariable.ReplaceAllString(text, "x")) {
		out.Add(field, "computes with a variable", "$NAME and ${NAME}")
	}
	if i.MaxLength > 0 && int64(len(text)) > int64(i.MaxLength) {
		out.Add(field, fmt.Sprintf("is %d bytes long", len(text)), "at most "+i.MaxLength.String())
	}
}
