package rules

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"caisson/authz/request"
)

// Operations refuses the operations that lead around every other rule.
type Operations struct {
	Allow []string `toml:"allow" comment:"dangerous operations that pass without a look at what they ask for, by name, such as CheckpointCreate"`
	Deny  []string `toml:"deny" comment:"operations that are closed, by name, such as ImageBuild"`
}

var _ = register(&Spec{
	ID:    "operations",
	Title: "Nothing leads around the rules",
	Why: "Some operations of the Engine give root on the host, whatever the rules for containers say: checkpoints, and what newer engines " +
		"may add. Those of a swarm are decided by the rule swarm, those on plugins by self-protection.",
	Fix:    "have the operator name the operation in rules.operations.allow if it is really needed",
	Refs:   []string{"CVE-2026-41567"},
	Always: true,

	Profiles: Everywhere,
	New:      func() Rule { return &Operations{} },
})

// judged are the dangerous operations that have rules of their own, and those that ordinary work cannot do without: attaching,
// starting what was created under the rules, pulling and building. Builds run in the host's network at worst.
var judged = []request.Operation{
	request.ContainerCreate, request.ContainerStart, request.ContainerAttach, request.ContainerAttachWebsocket, request.ContainerExec,
	request.ExecStart, request.ContainerUpdate, request.PutContainerArchive,
	request.VolumeCreate, request.NetworkCreate, request.NetworkConnect,
	request.ImageCreate, request.ImageBuild, request.Session, request.BuildKit,
	request.ServiceCreate, request.ServiceUpdate,
}

// Prepare implements [Preparer]. A name in both lists is a mistake, whichever list was to win.
func (o *Operations) Prepare() error {
	var known []string
	for _, r := range request.Routes() {
		known = append(known, string(r.Operation))
	}
	for _, list := range []struct {
		option string
		names  []string
	}{{"allow", o.Allow}, {"deny", o.Deny}} {
		for _, name := range list.names {
			if !slices.Contains(known, name) {
				return fmt.Errorf("%s: %q is no operation; did you mean %q?", list.option, name, nearestName(name, known))
			}
		}
	}
	for _, name := range o.Allow {
		if op := request.Operation(name); slices.Contains(swarmOperations, op) || op == request.ServiceCreate || op == request.ServiceUpdate {
			return fmt.Errorf("allow: %q is decided by the rule swarm; see rules.swarm.services and rules.swarm.manage", name)
		}
		if slices.Contains(pluginOperations, request.Operation(name)) {
			return fmt.Errorf("allow: %q is decided by the rule self-protection, which is part of every policy", name)
		}
		if slices.Contains(o.Deny, name) {
			return fmt.Errorf("allow: %q is in deny as well", name)
		}
	}
	return nil
}

// Check implements [Rule].
func (o *Operations) Check(r *request.Request, out *Findings) {
	if r.Route == nil {
		return // the business of unknown-operation
	}
	field := func() string { return r.Route.Method + " " + plainTemplate(r.Route.Template) }
	switch name := string(r.Operation); {
	case slices.Contains(o.Deny, name):
		out.AddFix(field(), "is closed on this host ("+r.Route.Text+")", "operations not named in rules.operations.deny", "ask the operator of this host")
	case slices.Contains(o.Allow, name) || r.Route.Class != request.Dangerous:
	case slices.Contains(swarmOperations, r.Operation), slices.Contains(pluginOperations, r.Operation):
	case slices.Contains(judged, r.Operation):
		checkParameters(r, out)
	default:
		c := consequenceOf(r.Operation)
		out.AddFix(field(), c.got, "operations that other rules judge, and those named in rules.operations.allow", c.fix)
	}
}

// checkParameters looks at the query parameters that turn an ordinary operation into another one.
func checkParameters(r *request.Request, out *Findings) {
	if r.Operation != request.ContainerStart {
		return
	}
	for _, p := range []string{"checkpoint", "checkpoint-dir"} {
		if r.Query.Has(p) {
			out.AddFix("query parameter "+p, "starts the container from a checkpoint, whose contents nobody has judged", "not given",
				"start the container without --"+p)
		}
	}
}

var expression = regexp.MustCompile(`:[^}]*}`)

// plainTemplate writes a template of the route table as the API reference does: /plugins/{name}/disable.
func plainTemplate(template string) string { return expression.ReplaceAllString(template, "}") }

// consequence says why an operation is dangerous and what to do instead.
type consequence struct {
	prefix   string // of the operations' names
	got, fix string
}

// consequences are in no order: no prefix begins another.
var consequences = []consequence{
	{"Checkpoint", "reads, writes or removes a directory of the host as root", "do without checkpoints: they are an experimental feature of the Engine"},
}

// consequenceOf gives a general text for operations that have none of their own.
func consequenceOf(op request.Operation) consequence {
	for _, c := range consequences {
		if strings.HasPrefix(string(op), c.prefix) {
			return c
		}
	}
	return consequence{got: "can lead around the rules", fix: Get("operations").Fix}
}
