package rules

import (
	"fmt"
	"maps"
	"regexp"
	"slices"

	"caisson/authz/request"
)

// Labels asks for labels on every container.
type Labels struct {
	Required []string          `toml:"required" comment:"names of labels that every container must have, with a value"`
	Match    map[string]string `toml:"match" comment:"regular expressions that the values of labels must match as a whole, by the label's name"`

	match map[string]*regexp.Regexp // Match, compiled
}

var _ = register(&Spec{
	ID:         "labels",
	Title:      "Every container has the required labels",
	Why:        "Labels say whose container it is and what it is for. When one misbehaves, somebody has to be found.",
	Fix:        "add the label, such as --label team=web (labels in a compose file)",
	ServiceFix: "add the label to the containers, such as --container-label team=web (labels in a compose file)",
	Doors:      []request.Door{request.DoorCreate, request.DoorService},
	Fields:     []string{"Labels", "TaskTemplate.ContainerSpec.Labels"},

	// Off in every profile: which labels mean something is for each house to say.
	New: func() Rule { return &Labels{} },
})

// Prepare implements [Preparer]. Go's regular expressions take time in proportion to the text, so a client cannot stall them.
func (l *Labels) Prepare() error {
	l.match = make(map[string]*regexp.Regexp, len(l.Match))
	for _, name := range slices.Sorted(maps.Keys(l.Match)) {
		re, err := regexp.Compile(`\A(?:` + l.Match[name] + `)\z`)
		if err != nil {
			return fmt.Errorf("match: %q for %q is no regular expression", l.Match[name], name)
		}
		l.match[name] = re
	}
	return nil
}

// Check implements [Rule]. Values are not shown: they may be secrets of other software.
func (l *Labels) Check(r *request.Request, out *Findings) {
	labels := r.Workload.Labels
	for _, name := range l.Required {
		if labels.V[name] == "" {
			out.Add(labels.Key(name), "is not set", "any value")
		}
	}
	for _, name := range slices.Sorted(maps.Keys(l.match)) {
		if value, ok := labels.V[name]; ok && !l.match[name].MatchString(value) {
			out.AddFix(labels.Key(name), "has a value that is not allowed", "values that match "+l.Match[name], "change the value of the label")
		}
	}
}
