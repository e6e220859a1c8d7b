package config

import (
	"context"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"go.uber.org/zap"

	"caisson/authz"
	"caisson/authz/request"
	"caisson/authz/rules"
)

const coverageHead = `<!-- Made by "make generate" from the route table and the rules; changes here are lost. -->

# Coverage

Every route of the Engine's API that Caisson knows, and what decides about a request for it. A route that is not here is refused by
[unknown-operation](policy-reference.md#unknown-operation).

* **Class** says how far the operation reaches: *dangerous* operations can lead to root on the host or past the plugin, *mutating* ones change objects of
  the Engine, *sensitive* ones reveal secrets or reach out, *read* ones do neither. [Access statements](access.md) can name classes.
* **Judged by** names a door, with the rules below, and rules of the operation's own. The rule [operations](policy-reference.md#operations) may close any
  operation by name, and access statements, where a policy has any, come before all rules.
* **Looked up** is the object whose own settings count as well, by the rules for existing containers.
* **Plain request** is what the profile baseline says to the plainest request of this kind, on an Engine without any objects.

| Operation | Route | Class | Judged by | Looked up | Plain request |
|---|---|---|---|---|---|
`

const doorsHead = `
## Doors

A container, or a part of one, comes in by one of these doors. Whatever the door, the same rules judge the same thing.

| Door | Rules in baseline | Rules that other profiles or the policy add |
|---|---|---|
`

// Coverage describes in Markdown what judges each operation.
func Coverage() (string, error) {
	var b strings.Builder
	b.WriteString(coverageHead)
	baseline := Default(rules.Baseline)
	judge := &authz.Authorizer{Policy: func() *authz.Policy { return baseline }, Log: zap.NewNop()}
	var doors []request.Door
	for i := range request.Routes() {
		route := &request.Routes()[i]
		d := judge.Authorize(context.Background(), plainRequest(route))
		if d.Err != nil || d.Request.Route != route {
			return "", fmt.Errorf("%s: the plain request is not understood: %w", route.Operation, d.Err)
		}
		if w := d.Request.Workload; w != nil && !slices.Contains(doors, w.Door) {
			doors = append(doors, w.Door)
		}
		cells := []string{"`" + route.Method + " " + plainRoute(route) + "`", route.Class.String(), judgedBy(d.Request), lookedUp(d.Request), outcome(d)}
		row(&b, string(route.Operation), cells...)
	}
	b.WriteString(doorsHead)
	for _, door := range append(doors, request.DoorStored) {
		var on, more []string
		for _, spec := range rules.All() {
			switch {
			case !spec.JudgesWorkload(&request.Workload{Door: door}):
			case spec.In(rules.Baseline) != nil:
				on = append(on, link(spec.ID))
			default:
				more = append(more, link(spec.ID))
			}
		}
		fmt.Fprintf(&b, "| %s | %s | %s |\n", door, strings.Join(on, ", "), strings.Join(more, ", "))
	}
	return b.String(), nil
}

// plainBodies are the smallest bodies that say what is to be made.
var plainBodies = map[request.Operation]string{
	request.ContainerCreate: `{"Image":"x"}`,
	request.NetworkConnect:  `{"Container":"x"}`,
	request.NetworkCreate:   `{"Name":"x"}`,
	request.VolumeCreate:    `{"Name":"x"}`,
	request.ServiceCreate:   `{"Name":"x","TaskTemplate":{"ContainerSpec":{"Image":"x"}}}`,
	request.ServiceUpdate:   `{"Name":"x","TaskTemplate":{"ContainerSpec":{"Image":"x"}}}`,
}

// plainQueries are the parameters without which a request means something else.
var plainQueries = map[request.Operation]string{
	request.ContainerRename: "?name=x",
	request.ImageCommit:     "?container=x",
	request.ImageCreate:     "?fromImage=x",
	request.ImageTag:        "?repo=x",
}

// plainRequest is the plainest request for a route.
func plainRequest(route *request.Route) request.Call {
	c := request.Call{Method: route.Method, Target: variable.ReplaceAllString(route.Template, "x") + plainQueries[route.Operation]}
	if route.Body == request.JSONBody {
		c.Body = []byte(plainBodies[route.Operation])
		if len(c.Body) == 0 {
			c.Body = []byte("{}")
		}
	}
	c.Headers = map[string]string{"Content-Type": "application/json", "Content-Length": strconv.Itoa(len(c.Body))}
	return c
}

var (
	variable   = regexp.MustCompile(`{[^}]*}`)
	expression = regexp.MustCompile(`:[^}]*}`)
)

func plainRoute(route *request.Route) string { return expression.ReplaceAllString(route.Template, "}") }

// judgedBy names the door of a request, and the rules of its operation.
func judgedBy(r *request.Request) string {
	var list []string
	if r.Workload != nil {
		list = append(list, r.Workload.Door.String())
	}
	for _, spec := range rules.All() {
		if slices.Contains(spec.Ops, r.Operation) {
			list = append(list, link(spec.ID))
		}
	}
	return strings.Join(list, ", ")
}

func lookedUp(r *request.Request) string {
	target, ok := r.Target()
	switch {
	case !ok:
		return ""
	case target.Kind == request.ExecReference:
		return "exec and its container"
	case r.Update != nil:
		return "container, as it will be"
	}
	return "container"
}

// outcome says what becomes of a plain request, and by which rules.
func outcome(d *authz.Decision) string {
	if d.Verdict == authz.Allow {
		return "passes"
	}
	var list []string
	for _, v := range d.Violations {
		list = append(list, link(v.Rule))
	}
	return "refused: " + strings.Join(slices.Compact(list), ", ")
}

func link(id rules.ID) string { return fmt.Sprintf("[%[1]s](policy-reference.md#%[1]s)", id) }
