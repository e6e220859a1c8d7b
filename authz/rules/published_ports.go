package rules

import (
	"fmt"
	"net/netip"
	"slices"

	"caisson/authz/request"
)

// PublishedPorts says which ports of the host a container may take, and on which addresses.
type PublishedPorts struct {
	MinPort    int      `toml:"min_port" comment:"lowest host port; a port that the Engine chooses passes"`
	HostIPs    []string `toml:"host_ips" comment:"addresses or networks of the host that ports may be bound to, such as 127.0.0.1; none sets no bound"`
	Wildcard   bool     `toml:"wildcard" comment:"allow ports on every address of the host, which is what -p 8080:80 asks for"`
	PublishAll bool     `toml:"publish_all" comment:"allow -P, which publishes every port that the image names, on every address"`
	Ranges     bool     `toml:"ranges" comment:"allow ranges of host ports, such as 8000-8100"`

	nets []netip.Prefix // HostIPs, parsed
}

var _ = register(&Spec{
	ID:    "published-ports",
	Title: "Ports are published on named addresses, above the system's own",
	Why: "A published port is open to everything that reaches the address, past the rules of the host's firewall. On every address that " +
		"includes the public one; below 1024 it takes the place of a service of the host.",
	Fix:        "publish on one address and a high port, such as -p 127.0.0.1:8080:80, or connect the containers by a network and publish nothing",
	ServiceFix: "publish a high port, such as -p 8080:80, or connect the services by a network and publish nothing",
	Refs:       []string{"CIS 5.8", "CIS 5.9", "CIS 5.14"},
	Doors:      []request.Door{request.DoorCreate, request.DoorService},
	Fields:     []string{"HostConfig.PortBindings", "HostConfig.PublishAllPorts", "EndpointSpec.Ports"},

	// Not in baseline or standard: -p 8080:80 is in every tutorial.
	Profiles: Profiles{Restricted: Default, CIS: Default},
	New:      func() Rule { return &PublishedPorts{MinPort: 1024} },
})

// Prepare implements [Preparer].
func (p *PublishedPorts) Prepare() error {
	if p.MinPort < 0 || p.MinPort > 65535 {
		return fmt.Errorf("min_port: %d is no port", p.MinPort)
	}
	nets, err := parsePrefixes("host_ips", p.HostIPs)
	p.nets = nets
	return err
}

// parsePrefixes is what Prepare does with an option that holds networks, or single addresses.
func parsePrefixes(option string, texts []string) ([]netip.Prefix, error) {
	nets := make([]netip.Prefix, 0, len(texts))
	for _, s := range texts {
		prefix, err := netip.ParsePrefix(s)
		if err != nil {
			addr, err := netip.ParseAddr(s)
			if err != nil || addr.Zone() != "" {
				return nil, fmt.Errorf("%s: %q is neither an address nor a network such as 10.0.0.0/8", option, s)
			}
			prefix = netip.PrefixFrom(addr, addr.BitLen())
		}
		nets = append(nets, prefix.Masked())
	}
	return nets, nil
}

// Check implements [Rule]. A service's ports are judged whether they are published by the swarm or by each node (mode host): both
// open them on all addresses. A port that is named and bound to nothing has one binding here, of the Engine's choice.
func (p *PublishedPorts) Check(r *request.Request, out *Findings) {
	for _, port := range r.Workload.Ports {
		p.checkPort(port, out)
		p.checkAddress(port, out)
	}
	if all := r.Workload.PublishAllPorts; all.V && !p.PublishAll {
		out.AddFix(all.Field, "is true", "false", "drop -P and publish the ports you need with -p")
	}
}

// checkPort judges the host's side of a binding. A range of which the Engine takes one port counts from its first.
func (p *PublishedPorts) checkPort(port request.Port, out *Findings) {
	field := func() string { return port.Field + out.Either(".HostPort", ".PublishedPort") }
	switch {
	case port.Problem != "":
		out.Add(field(), "cannot be understood: "+port.Problem, "a port or a range of ports")
	case port.First == 0 && port.Last == 0: // the Engine's choice
	case port.First < p.MinPort:
		out.Add(field(), fmt.Sprintf("is %d", port.First), fmt.Sprintf("%d and above, or a port that the Engine chooses", p.MinPort))
	case port.Last != port.First && !p.Ranges:
		out.Add(field(), fmt.Sprintf("is the range %d-%d", port.First, port.Last), "single ports")
	}
}

// checkAddress judges the address of a binding.
func (p *PublishedPorts) checkAddress(port request.Port, out *Findings) {
	field := func() string { return port.Field + ".HostIp" }
	addr, ok := hostAddress(port.HostIP)
	switch {
	case !ok && port.HostIP != "":
		out.Add(field(), "is "+quote(port.HostIP)+", which is no address and which engines take for every address", p.addresses())
	case !ok || addr.IsUnspecified():
		switch {
		case p.Wildcard:
		case out.service:
			out.AddFix(port.Field, "is published on every address of the swarm's nodes", "not published",
				"publish nothing and connect the services by a network, or have the operator set rules.published-ports.wildcard")
		default:
			out.Add(field(), "is "+quote(port.HostIP)+", which is every address of the host", p.addresses())
		}
	case len(p.nets) > 0 && !slices.ContainsFunc(p.nets, func(n netip.Prefix) bool { return n.Contains(addr) }):
		out.Add(field(), "is "+quote(port.HostIP), p.addresses())
	}
}

// hostAddress reads an address as the Engine does, so that ::ffff:0.0.0.0 is 0.0.0.0. Up to 28, a text that is no address became
// every address (v20.10.24 daemon/container_operations.go, net.ParseIP).
func hostAddress(s string) (netip.Addr, bool) {
	addr, err := netip.ParseAddr(s)
	return addr.Unmap(), err == nil && addr.Zone() == ""
}

// addresses words what would pass.
func (p *PublishedPorts) addresses() string {
	if len(p.nets) == 0 {
		return "one address of the host, such as 127.0.0.1"
	}
	return listed(p.HostIPs)
}
