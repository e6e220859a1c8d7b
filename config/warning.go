package config

import (
	"time"

	"caisson/authz"
)

// notice is how long before its end an exception is warned about.
const notice = 14 * 24 * time.Hour

// warnings reports what is allowed but hardly meant. None of it is an error: a policy that was good yesterday must load today,
// or a host that restarts on the day after an exception's end would come up without its policy.
func (d *decoder) warnings(p *authz.Policy, now time.Time) []Problem {
	var list []Problem
	warn := func(at path, format string, args ...any) { list = append(list, d.at(at, format, args...)) }
	for i, e := range p.Exceptions {
		at := path("exceptions").index(i)
		end := e.Expires.Format("2006-01-02 15:04 MST")
		switch left := e.Expires.Sub(now); {
		case left <= 0:
			warn(at.key("expires"), "exception %q of %s ended at %s and counts nowhere; remove it, or renew it with a new date", e.Name, e.Owner, end)
		case left <= notice:
			warn(at.key("expires"), "exception %q of %s ends at %s; renew it, or make do without", e.Name, e.Owner, end)
		}
		for j, id := range e.Rules {
			if !p.Judges(id) {
				warn(at.key("rules").index(j), "exception %q is from rule %q, which is off", e.Name, id)
			}
		}
	}
	if text := refusedLookUps(p); text != "" {
		warn("access", "%s", text)
	}
	if text := closedLookUps(p); text != "" {
		warn("rules.operations.deny", "%s", text)
	}
	if p.Watch == authz.Enforce && p.Existing != authz.Enforce {
		warn("existing_containers.watch", `"enforce" stops what mode = %q lets start; watch = "audit" only records it`, p.Existing.String())
	}
	sortProblems(list)
	return list
}
