package rules

import (
	"fmt"
	"regexp"
	"strings"

	"caisson/authz/request"
)

// UnknownOperation refuses calls of routes that Caisson does not know.
type UnknownOperation struct {
	Allow []string `toml:"allow" comment:"method and path without version, such as \"GET /new/route/*\"; ** also goes past slashes"`
}

var _ = register(&Spec{
	ID:    "unknown-operation",
	Title: "Every operation is known",
	Why: "An Engine newer than Caisson has routes that no rule here has heard of. What such a route does cannot be judged, so it is refused " +
		"like anything else that is not understood.",
	Fix:    "use an operation of the Engine API reference, or upgrade Caisson to a version that knows the route",
	Always: true,

	Profiles: Everywhere,
	New:      func() Rule { return &UnknownOperation{} },
})

// methodAndPath is how an allowed route begins. Methods are case-sensitive, for the Engine too.
var methodAndPath = regexp.MustCompile(`^[A-Z]+ /`)

// Prepare implements [Preparer].
func (u *UnknownOperation) Prepare() error {
	for _, a := range u.Allow {
		if !methodAndPath.MatchString(a) {
			return fmt.Errorf("allow: %q is not a method and a path such as \"GET /new/route\"", a)
		}
	}
	return checkGlobs("allow", u.Allow)
}

// Check implements [Rule]. The path is the decoded one, which the Engine routes by.
func (u *UnknownOperation) Check(r *request.Request, out *Findings) {
	if r.Operation != "" {
		return
	}
	method := strings.ToValidUTF8(r.Call.Method, "")
	if !matchAny(u.Allow, method+" "+r.Path) {
		out.Add("request", "is "+quote(method+" "+r.Path)+", which is no operation that this version of Caisson knows",
			listed(append([]string{"operations of the Engine API"}, u.Allow...)))
	}
}
