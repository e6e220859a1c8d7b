package doctor

import "caisson/cmd/caisson/host"

var _ = register(&Check{
	ID:    "self-test",
	Title: "The Engine refuses what is forbidden",
	Why:   "what counts is what the Engine does with a request, not what the policy says about it",
	run: func(f *Facts, out *findings) {
		refused := 0
		by, auditing := f.auditing()
		for _, o := range f.Outcomes {
			switch {
			case o.Refused:
				refused++
			case f.Guard == host.Unguarded:
				out.fail("caisson enforce on", "%s was not refused: the Engine answered %d", o.Attack, o.Status)
			case auditing:
				out.fail("once you have seen what would be refused: mode = \"enforce\"", "%s was not refused, because Caisson only records (%s is audit)", o.Attack, by)
			default:
				out.fail("set the rule privileged to enforce; caisson rules show privileged", "%s was not refused: the Engine answered %d", o.Attack, o.Status)
			}
		}
		if len(f.Outcomes) > 0 && refused == len(f.Outcomes) {
			out.ok("the Engine refused a privileged container in %d disguises", refused)
		}
		for _, o := range f.Outcomes {
			if o.Refused && o.By != "" && !host.SamePlugin(o.By, f.Plugin) {
				out.info("", "%s was refused by plugin %s, before Caisson was asked", o.Attack, o.By)
			}
		}
	},
})
