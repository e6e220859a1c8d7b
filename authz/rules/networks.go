package rules

import (
	"slices"
	"strings"

	"caisson/authz/request"
)

// Networks says which networks a container may join, and with which driver options.
type Networks struct {
	Allow           []string `toml:"allow" comment:"names of networks that containers may join; * is a wildcard. What may be an ID must be listed as it is."`
	DefaultBridge   bool     `toml:"default_bridge" comment:"allow the default network, which every container that names none shares"`
	EndpointOptions []string `toml:"endpoint_options" comment:"driver options that an endpoint may have"`
}

var _ = register(&Spec{
	ID:    "networks",
	Title: "Containers join listed networks only",
	Why: "Every network that a create names is joined, whatever the network mode says, and an ID in an endpoint outweighs its name. Options " +
		"of an endpoint set kernel parameters past the list of allowed ones.",
	Fix:  "name a network that is allowed (docker network ls), or have the operator add it to rules.networks.allow",
	Refs: []string{"CIS 5.30"},
	// A container on the default bridge reaches every other one there by address. The benchmark therefore asks for networks of
	// one's own. The profile restricted does not: it would refuse each plain "docker run", and most of them talk to nobody.
	Doors: []request.Door{request.DoorCreate, request.DoorConnect, request.DoorService},
	Fields: []string{
		"HostConfig.NetworkMode", "NetworkingConfig.EndpointsConfig.NetworkID", "NetworkingConfig.EndpointsConfig.DriverOpts",
		"EndpointConfig.NetworkID", "EndpointConfig.DriverOpts",
		"TaskTemplate.Networks.Target", "TaskTemplate.Networks.DriverOpts", "Networks.Target", "Networks.DriverOpts",
	},

	Profiles: Profiles{
		Baseline: Default, Standard: Default, Restricted: Default,
		CIS: With(func(n *Networks) { n.DefaultBridge = false }),
	},
	New: func() Rule {
		return &Networks{Allow: []string{"*"}, DefaultBridge: true, EndpointOptions: []string{"com.docker.network.endpoint.ifname"}}
	},
})

// Prepare implements [Preparer].
func (n *Networks) Prepare() error { return checkGlobs("allow", n.Allow) }

// Check implements [Rule].
func (n *Networks) Check(r *request.Request, out *Findings) {
	w := r.Workload
	switch net := w.Network; {
	case !net.Has():
	case net.V.Mode == request.NamespaceNetwork:
		n.checkNetwork(net.Field, net.V.Ref, out)
	// With an endpoint, the mode of a container that names no network counts for nothing (moby daemon/container_operations.go,
	// updateContainerNetworkSettings).
	case net.V.Mode == request.NamespaceDefault && len(w.Endpoints) == 0:
		n.checkNetwork(net.Field, "bridge", out)
	}
	for _, e := range w.Endpoints {
		field := e.Field
		switch w.Door {
		case request.DoorConnect:
			field = "network" // its name is part of the path
		case request.DoorService:
			field += ".Target"
		default:
		}
		if e.Name != "host" || w.Network.V.Mode != request.NamespaceHost { // else the business of host-network
			n.checkNetwork(field, e.Name, out)
		}
		if e.NetworkID != "" {
			n.checkNetwork(e.Field+".NetworkID", e.NetworkID, out)
		}
		for _, key := range request.Keys(e.DriverOpts) {
			if !slices.Contains(n.EndpointOptions, key) {
				out.AddFix(e.Field+".DriverOpts", "has the option "+quote(key), listed(n.EndpointOptions),
					"drop --driver-opt; set kernel parameters with --sysctl")
			}
		}
	}
}

// checkNetwork judges one name. The words that stand for no name are exact (moby api/types/container/hostconfig.go, NetworkMode);
// default is bridge on Linux, also as an endpoint.
func (n *Networks) checkNetwork(field, name string, out *Findings) {
	switch name {
	case "none": // no network
	case "host":
		out.AddFix(field, "is the host's network", "other networks", "drop --network host and publish the ports you need with -p")
	case "bridge", "default":
		if !n.DefaultBridge {
			out.AddFix(field, "is the default network, which unrelated containers share", "a network of your own",
				"make one with docker network create and join it with --network")
		}
	default:
		if n.allows(name) {
			return
		}
		got := "is " + quote(name)
		if mayBeID(name) {
			got += ", which may be the ID of any network"
		}
		out.Add(field, got, n.allowed())
	}
}

// allows compares a name. The Engine takes an ID, or as much of it as is unique, for a name (moby daemon/network.go, FindNetwork).
// Which network that is cannot be seen in the request, so what may be an ID passes only if every network does, or if it is listed.
func (n *Networks) allows(name string) bool {
	switch {
	case n.open() && n.DefaultBridge:
		return true
	case mayBeID(name):
		return slices.Contains(n.Allow, name)
	}
	return matchAny(n.Allow, name)
}

// mayBeID tells whether a name could be an ID of the Engine, whole or shortened.
func mayBeID(name string) bool {
	return name != "" && len(name) <= 64 && strings.Trim(name, "0123456789abcdef") == ""
}

// allowed words what would pass.
func (n *Networks) allowed() string {
	if n.open() {
		return "a network by its name"
	}
	return listed(n.Allow)
}

// open tells whether every network may be joined.
func (n *Networks) open() bool {
	return slices.Contains(n.Allow, "*") || slices.Contains(n.Allow, "**")
}
