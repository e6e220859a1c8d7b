package rules

import (
	"fmt"

	"caisson/authz/request"
)

// OOM keeps a container within reach of the kernel's out-of-memory killer.
type OOM struct {
	MinScoreAdj int `toml:"min_score_adj" comment:"lowest --oom-score-adj; the lower, the later the kernel ends a process when memory runs out"`
}

var _ = register(&Spec{
	ID:    "oom",
	Title: "Containers can be ended when memory runs out",
	Why: "When memory runs out the kernel ends the process with the highest score. A container that is exempt, or scored below the " +
		"host's services, makes the kernel end those instead.",
	Fix:    "drop --oom-kill-disable and negative --oom-score-adj",
	Doors:  []request.Door{request.DoorCreate, request.DoorService},
	Fields: []string{"HostConfig.OomKillDisable", "HostConfig.OomScoreAdj", "TaskTemplate.ContainerSpec.OomScoreAdj"},

	// Ordinary commands set neither; the CLI sends false and 0.
	Profiles: Everywhere,
	New:      func() Rule { return &OOM{} },
})

// Prepare implements [Preparer].
func (o *OOM) Prepare() error {
	if o.MinScoreAdj < -1000 || o.MinScoreAdj > 1000 {
		return fmt.Errorf("min_score_adj: %d is not between -1000 and 1000", o.MinScoreAdj)
	}
	return nil
}

// Check implements [Rule].
func (o *OOM) Check(r *request.Request, out *Findings) {
	if d := r.Workload.OomKillDisable; d.V != nil && *d.V {
		out.Add(d.Field, "is true", "false")
	}
	if s := r.Workload.OomScoreAdj; s.V < o.MinScoreAdj {
		out.Add(s.Field, fmt.Sprintf("is %d", s.V), fmt.Sprintf("at least %d", o.MinScoreAdj))
	}
}
