package doctor

import (
	"fmt"
	"strings"
)

// generated is where docs/doctor.md goes on with what the code says.
const generated = "<!-- what follows is made by go generate -->\n"

// Reference completes docs/doctor.md: what is above the mark stays as it is.
func Reference(document string) (string, error) {
	written, _, ok := strings.Cut(document, generated)
	if !ok {
		return "", fmt.Errorf("the document lacks the line %q", generated)
	}
	var b strings.Builder
	b.WriteString(written + generated + "\n## Checks\n\n| Check | As it should be | Why it matters |\n|---|---|---|\n")
	for _, c := range Checks() {
		fmt.Fprintf(&b, "| `%s` | %s | %s |\n", c.ID, c.Title, c.Why)
	}
	b.WriteString("\n## Versions of the Engine\n\nWhat is known about plugins on Engines of these versions, and what comes of it:\n\n" +
		"| Versions | Severity | Fact | With Caisson | What to do |\n|---|---|---|---|---|\n")
	for i := range versionFacts {
		f := &versionFacts[i]
		var spans []string
		for _, s := range f.spans {
			spans = append(spans, s.String())
		}
		fmt.Fprintf(&b, "| %s | %s | %s | %s | %s |\n", strings.Join(spans, "; "), f.severity, f.what, f.why, f.do)
	}
	return b.String(), nil
}

func (s span) String() string {
	switch {
	case s.from == "":
		return "before " + s.before
	case s.before == "":
		return s.from + " and later"
	}
	return s.from + " to before " + s.before
}
