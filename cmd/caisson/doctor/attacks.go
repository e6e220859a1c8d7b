package doctor

import (
	"context"
	"embed"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/docker/go-plugins-helpers/authorization"
	"go.uber.org/zap"

	"caisson/authz"
	"caisson/authz/cases"
	"caisson/authz/rules"
)

//go:embed attacks/*.txtar
var attackFiles embed.FS

// attacks are requests that hand over the host, or hide that they do. They are case files, as in authz/testdata/cases, whose
// comment says what the attacker is after. None depends on the Engine's objects, so that the plugin says what the file says.
func attacks() []*cases.Case {
	list, err := cases.Load(attackFiles, "attacks")
	if err != nil {
		panic(fmt.Sprintf("doctor: %v", err)) // tested
	}
	return list
}

// judge decides about an attack as the plugin would, to whom the Engine says that the image is not there.
func judge(ctx context.Context, p *authz.Policy, c *cases.Case) Verdict {
	a := &authz.Authorizer{Policy: func() *authz.Policy { return p }, Images: cases.NoImages, Log: zap.NewNop()}
	d := a.Authorize(ctx, c.Call())
	v := Verdict{Name: c.Why, Refused: !d.Passes()}
	for _, x := range d.Violations {
		v.Rules = append(v.Rules, string(x.Rule))
	}
	v.Rules = ofFile(v.Rules)
	return v
}

// message is an attack as dockerd would show it to a plugin.
func message(c *cases.Case) *authorization.Request {
	call := c.Call()
	return &authorization.Request{
		RequestMethod: call.Method, RequestURI: call.Target, RequestHeaders: call.Headers, RequestBody: call.Body,
	}
}

var ruleInText = regexp.MustCompile(`\[([a-z0-9-]+)\] fix: `)

// rulesIn are the rules that a refusal names.
func rulesIn(text string) []string {
	var list []string
	for _, m := range ruleInText.FindAllStringSubmatch(text, -1) {
		list = append(list, m[1])
	}
	return ofFile(list)
}

// ofFile are the rules whose findings depend on the policy file alone. Those that are part of every policy know also where the
// running Caisson has its files.
func ofFile(list []string) []string {
	list = slices.DeleteFunc(slices.Clone(list), func(id string) bool {
		spec := rules.Get(rules.ID(id))
		return spec != nil && spec.Permanent
	})
	slices.Sort(list)
	return slices.Compact(list)
}

var _ = register(&Check{
	ID:    "policy-attacks",
	Title: "The policy refuses known attacks",
	Why:   "whoever may send such a request has the host",
	run: func(f *Facts, out *findings) {
		var passed []string
		for _, v := range f.Attacks {
			if !v.Refused {
				passed = append(passed, v.Name)
			}
		}
		_, auditing := f.auditing()
		switch {
		case len(f.Attacks) == 0 || auditing: // other checks say so
		case len(passed) == 0:
			out.ok("the policy refuses all %d known attacks", len(f.Attacks))
		default:
			out.warn("set these rules to enforce, unless that is what you want; caisson rules list",
				"the policy lets %d of %d known attacks pass: %s", len(passed), len(f.Attacks), strings.Join(passed, "; "))
		}
	},
})
