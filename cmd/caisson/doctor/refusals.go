package doctor

import (
	"fmt"
	"strings"

	"caisson/cmd/caisson/host"
)

var _ = register(&Check{
	ID:    "self-test",
	Title: "The Engine refuses what is forbidden",
	Why:   "what counts is what the Engine does with a request, not what the policy says about it",
	run: func(f *Facts, out *findings) {
		var passed []string
		for _, o := range f.Outcomes {
			switch {
			case !o.Refused:
				passed = append(passed, fmt.Sprintf("%s (answered %d)", o.Attack, o.Status))
			case o.By != "" && !host.SamePlugin(o.By, f.Plugin):
				out.info("", "%s was refused by plugin %s, before Caisson was asked", o.Attack, o.By)
			}
		}
		by, auditing := f.auditing()
		list := strings.Join(passed, "; ")
		switch {
		case len(f.Outcomes) == 0: // the checks engine and plugin-answers say why
		case len(passed) == 0:
			out.ok("the Engine refused a privileged container in %d disguises", len(f.Outcomes))
		case f.Guard == host.Unguarded:
			out.fail("caisson enforce on", "the Engine did not refuse: %s", list)
		case auditing:
			out.fail("once you have seen what would be refused: mode = \"enforce\"", "the Engine did not refuse, because Caisson only records (%s is audit): %s", by, list)
		default:
			out.fail("set the rule privileged to enforce; caisson rules show privileged", "the Engine did not refuse: %s", list)
		}
	},
})
