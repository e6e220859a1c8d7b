package rules

import (
	"strings"

	"caisson/authz/request"
)

// ExtraHosts says which host names a container may define for itself.
type ExtraHosts struct {
	HostGateway bool     `toml:"host_gateway" comment:"allow names for the host's own address (host-gateway)"`
	Allow       []string `toml:"allow" comment:"host names that may be defined; * is a wildcard"`
}

var _ = register(&Spec{
	ID:    "extra-hosts",
	Title: "No names for the host itself",
	Why: "host-gateway gives a container the host's address, and with it the services that the host means for itself. The rule takes away " +
		"the name only: what keeps containers from the host is its firewall.",
	Fix:        "drop --add-host …:host-gateway (extra_hosts in a compose file) and run the service as a container on the same network",
	ServiceFix: "drop --host (extra_hosts in a compose file) and run the program as a service on the same network",
	Doors:      []request.Door{request.DoorCreate, request.DoorService},
	Fields:     []string{"HostConfig.ExtraHosts", "TaskTemplate.ContainerSpec.Hosts"},

	// Not in baseline: development set-ups live on host.docker.internal.
	Profiles: Profiles{Restricted: Default},
	New:      func() Rule { return &ExtraHosts{Allow: []string{"*"}} },
})

// Prepare implements [Preparer].
func (e *ExtraHosts) Prepare() error { return checkGlobs("allow", e.Allow) }

// Check implements [Rule]. An entry is cut at its first colon, as IPv6 addresses hold more of them.
//
// Source: moby daemon/container_operations.go, buildSandboxOptions.
func (e *ExtraHosts) Check(r *request.Request, out *Findings) {
	hosts := r.Workload.ExtraHosts
	for i, entry := range hosts.V {
		name, address, ok := strings.Cut(entry, ":")
		switch {
		case !ok:
			out.AddFix(hosts.At(i), "is "+quote(entry), "name:address", out.Either("write --add-host name:address", "write --host name:address"))
		case !matchAny(e.Allow, name):
			out.AddFix(hosts.At(i), "defines "+quote(name), listed(e.Allow),
				out.Either("drop the --add-host", "drop the --host")+", or have the operator add the name to rules.extra-hosts.allow")
		}
		if strings.EqualFold(strings.TrimSpace(address), "host-gateway") && !e.HostGateway {
			out.Add(hosts.At(i), "names the host's own address", "other addresses")
		}
	}
}
