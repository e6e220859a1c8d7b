package rules

import (
	"fmt"
	"slices"

	"caisson/authz/request"
)

// RestartPolicy says when the Engine may start a container again by itself.
type RestartPolicy struct {
	Allow      []string `toml:"allow" comment:"restart policies: no (also when none is given), on-failure, always, unless-stopped"`
	MaxRetries int      `toml:"max_retries" comment:"largest number of retries of on-failure; 0 sets no bound"`
}

var _ = register(&Spec{
	ID:    "restart-policy",
	Title: "Containers restart a bounded number of times",
	Why: "A container that restarts without end hides its failure and keeps the host busy. One that restarts always also comes back after " +
		"a reboot without being judged again.",
	Fix:        "use --restart on-failure:5 (restart: on-failure:5 in a compose file) or none",
	ServiceFix: "use --restart-condition on-failure --restart-max-attempts 5, or --restart-condition none",
	Refs:       []string{"CIS 5.15"},
	Doors:      []request.Door{request.DoorCreate, request.DoorService},
	Fields:     []string{"HostConfig.RestartPolicy", "TaskTemplate.RestartPolicy"},

	// Only where the benchmark is followed: most services rightly restart always, with or without a crash.
	Profiles: Profiles{CIS: Default},
	New:      func() Rule { return &RestartPolicy{Allow: []string{"no", "on-failure"}, MaxRetries: 5} },
})

// restartPolicies are the names that the Engine knows (moby api/types/container/hostconfig.go, ValidateRestartPolicy).
var restartPolicies = []string{"no", "on-failure", "always", "unless-stopped"}

// serviceConditions gives the restart policy of containers that comes closest to the condition of a service.
var serviceConditions = map[string]string{"none": "no", "on-failure": "on-failure", "any": "always", "": "always"}

// Prepare implements [Preparer].
func (p *RestartPolicy) Prepare() error {
	for _, a := range p.Allow {
		if !slices.Contains(restartPolicies, a) {
			return fmt.Errorf("allow: %q is no restart policy; use %s", a, listed(restartPolicies))
		}
	}
	if p.MaxRetries < 0 {
		return fmt.Errorf("max_retries: %d is below 0", p.MaxRetries)
	}
	return nil
}

// Check implements [Rule].
func (p *RestartPolicy) Check(r *request.Request, out *Findings) {
	given := r.Workload.RestartPolicy
	name, retries := given.V.Name, given.V.Retries
	got, allowed := "is "+quote(name), listed(p.Allow)
	if r.Workload.Door == request.DoorService {
		if name == "" {
			got = `is not set, which is "any"`
		}
		name, allowed = serviceConditions[name], p.conditions()
	} else if name == "" { // what engines before 25.0 stored for no policy
		name = "no"
	}
	retriesField := given.Field + out.Either(".MaximumRetryCount", ".MaxAttempts")
	switch {
	case !slices.Contains(p.Allow, name):
		out.Add(given.Field+out.Either(".Name", ".Condition"), got, allowed)
	case name != "on-failure" || p.MaxRetries == 0:
	case retries <= 0: // the Engine takes 0 as without end, and refuses less
		out.Add(retriesField, "is not set, which is without end", p.limits())
	case retries > p.MaxRetries:
		out.Add(retriesField, fmt.Sprintf("is %d", retries), p.limits())
	case given.V.Windowed:
		out.AddFix(given.Field+".Window", "is set, so that the attempts are counted anew in each window", "not set", "drop --restart-window")
	}
}

// conditions words what would pass in a service.
func (p *RestartPolicy) conditions() string {
	var words []string
	for _, c := range []string{"none", "on-failure", "any"} {
		if slices.Contains(p.Allow, serviceConditions[c]) {
			words = append(words, c)
		}
	}
	return listed(words)
}

// limits words what would pass.
func (p *RestartPolicy) limits() string { return fmt.Sprintf("1 to %d", p.MaxRetries) }
