package rules

import (
	"fmt"
	"slices"
	"strings"

	"caisson/authz/request"
)

// Swarm closes what a swarm adds to the Engine, and opens its services to the other rules if the operator wants them.
type Swarm struct {
	Services    bool     `toml:"services" comment:"let services pass, with their secrets and configs; every rule that judges services holds for them"`
	Rollback    bool     `toml:"rollback" comment:"let services go back to their previous specification, which no rule sees and which may be older than the policy"`
	MaxReplicas uint64   `toml:"max_replicas" comment:"most tasks of a service; 0 sets no bound"`
	Manage      []string `toml:"manage" comment:"swarm operations that pass without a look at what they ask for, by name, such as NodeUpdate"`
}

// swarmOperations are the operations that this rule decides about, besides service create and update. Nothing else opens them.
var swarmOperations = []request.Operation{
	"SwarmInit", "SwarmJoin", "SwarmLeave", "SwarmUpdate", "SwarmUnlock", "NodeUpdate", "NodeDelete",
	"ServiceDelete", "SecretCreate", "SecretUpdate", "SecretDelete", "ConfigCreate", "ConfigUpdate", "ConfigDelete",
}

var _ = register(&Spec{
	ID:    "swarm",
	Title: "No swarm, unless the operator wants its services",
	Why: "A swarm's managers run tasks on every node without a plugin being asked, and who joins a host to a swarm hands it to those managers. " +
		"Where services are wanted, they are judged when they are created and updated, on the manager that is asked.",
	Fix:   "run a container instead (docker run, docker compose), or have the operator open what is needed in rules.swarm",
	Refs:  []string{"CIS 5.1"},
	Doors: []request.Door{request.DoorService},
	Ops:   swarmOperations,
	Fields: []string{
		"TaskTemplate.Runtime", "TaskTemplate.PluginSpec", "TaskTemplate.NetworkAttachmentSpec", "Mode.Replicated.Replicas",
		"Mode.ReplicatedJob",
	},

	Profiles: Everywhere,
	New:      func() Rule { return &Swarm{} },
})

// Prepare implements [Preparer].
func (s *Swarm) Prepare() error {
	known := make([]string, len(swarmOperations))
	for i, op := range swarmOperations {
		known[i] = string(op)
	}
	for _, name := range s.Manage {
		switch {
		case name == string(request.ServiceCreate) || name == string(request.ServiceUpdate):
			return fmt.Errorf("manage: %q is judged by what it asks for; set services = true instead", name)
		case !slices.Contains(known, name):
			return fmt.Errorf("manage: %q is no operation of a swarm; did you mean %q?", name, nearestName(name, known))
		}
	}
	if s.Rollback && !s.Services {
		return fmt.Errorf("rollback: it means nothing without services = true")
	}
	return nil
}

// Check implements [Rule].
func (s *Swarm) Check(r *request.Request, out *Findings) {
	switch {
	case slices.Contains(s.Manage, string(r.Operation)):
	case !s.Services || !ofServices(r.Operation):
		s.refuse(r, out)
	case r.Service != nil:
		s.checkService(r.Service, out)
		s.checkRollback(r, out)
	}
}

// ofServices tells whether an operation is part of working with services: their secrets and configs mean nothing without one.
func ofServices(op request.Operation) bool {
	return slices.ContainsFunc([]string{"Service", "Secret", "Config"}, func(prefix string) bool {
		return strings.HasPrefix(string(op), prefix)
	})
}

// swarmEffects say what an operation does to the host. They are in no order: no prefix begins another.
var swarmEffects = []struct{ prefix, got string }{
	{"SwarmInit", "makes the host the manager of a swarm, whose tasks run without a plugin being asked"},
	{"SwarmJoin", "hands the host to the managers of a swarm, whose tasks run here without a plugin being asked"},
	{"SwarmLeave", "takes the host out of its swarm, and the swarm's services and secrets away with its last manager"},
	{"SwarmUpdate", "changes the swarm: who may sign its certificates, its join tokens, where its tasks' logs go"},
	{"SwarmUnlock", "opens a locked manager, whose services then start without a plugin being asked"},
	{"Node", "changes which nodes the swarm has, and which of them are managers"},
	{"ServiceDelete", "removes a service of the swarm"},
	{"Service", "runs tasks on nodes of the swarm without a plugin being asked"},
	{"Secret", "changes the secrets that services of the swarm are given"},
	{"Config", "changes the configuration files that services of the swarm are given"},
}

func (s *Swarm) refuse(r *request.Request, out *Findings) {
	field, got := r.Route.Method+" "+plainTemplate(r.Route.Template), "changes the swarm"
	for _, e := range swarmEffects {
		if strings.HasPrefix(string(r.Operation), e.prefix) {
			got = e.got
			break
		}
	}
	if ofServices(r.Operation) {
		fix := "have the operator set services = true in rules.swarm"
		if r.Service != nil {
			fix = "run a container instead (docker run, docker compose), or " + fix
		}
		out.AddFix(field, got, "services, once rules.swarm.services is true", fix)
		return
	}
	out.AddFix(field, got, "operations named in rules.swarm.manage",
		"have the operator add "+string(r.Operation)+" to rules.swarm.manage if the host is to be part of a swarm")
}

// checkService judges what containers have no counterpart of.
//
// Source: moby daemon/cluster/convert/service.go, ServiceSpecToGRPC; daemon/cluster/controllers/plugin.
func (s *Swarm) checkService(service *request.Service, out *Findings) {
	const fix = "leave it out, and make a service of containers"
	if t := service.Runtime; t.V != "" && t.V != "container" {
		out.AddFix(t.Field, "is "+quote(t.V), "container", fix)
	}
	if p := service.Plugin; p.V {
		out.AddFix(p.Field, "is set, which installs a plugin as root on every node", "not set", fix)
	}
	if a := service.Attachment; a.V {
		out.AddFix(a.Field, "is set", "not set", fix)
	}
	for _, n := range service.Replicas {
		if s.MaxReplicas > 0 && n.V > s.MaxReplicas {
			out.AddFix(n.Field, fmt.Sprintf("is %d", n.V), fmt.Sprintf("at most %d", s.MaxReplicas), "lower --replicas")
		}
	}
}

// checkRollback refuses to bring back a specification that the request does not show. The one in its body is judged as always, but
// without effect. A rollback after a failed update (UpdateConfig.FailureAction) needs no look: it restores what was running until then.
//
// Source: moby daemon/cluster/services.go, UpdateService; swarmkit manager/controlapi/service.go, UpdateService.
func (s *Swarm) checkRollback(r *request.Request, out *Findings) {
	if v := r.Query.Get("rollback"); v != "" && v != "none" && !s.Rollback {
		out.AddFix("query parameter rollback", "is "+quote(v)+", which brings back a specification that nobody has judged", "not given",
			"update the service to what it was before with docker service update, or have the operator set rollback = true in rules.swarm")
	}
}
