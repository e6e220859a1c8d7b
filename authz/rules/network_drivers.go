package rules

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"caisson/authz/request"
)

// NetworkDrivers says what networks may be made of.
type NetworkDrivers struct {
	Allow       []string `toml:"allow" comment:"network drivers, by exact name; a network that names none is a bridge"`
	Options     []string `toml:"options" comment:"driver options that pass: a name with any value, or name=value"`
	IPAMDrivers []string `toml:"ipam_drivers" comment:"drivers that give out addresses, by exact name"`
	IPAMOptions []string `toml:"ipam_options" comment:"options of those drivers that pass"`
	Subnets     []string `toml:"subnets" comment:"networks that subnets must lie in; none allows all but metadata services and huge ones"`
	Attachable  bool     `toml:"attachable" comment:"allow attachable networks; matters in a swarm only, and docker-compose 1 always asks for it"`
	ConfigOnly  bool     `toml:"config_only" comment:"allow networks that are templates for others (config-only), and those made from one (config-from)"`
	Swarm       bool     `toml:"swarm" comment:"allow networks of a swarm: other scopes than local, and ingress networks"`

	nets []netip.Prefix // Subnets, parsed
}

var _ = register(&Spec{
	ID:    "network-drivers",
	Title: "Networks are plain bridges",
	Why: "Other drivers put containers on the host's own network, and an unknown driver's name makes the Engine look for a program to trust. " +
		"Options of a bridge can attach it to one of the host, or open ports that nobody published.",
	Fix:    "drop the driver or option (driver_opts in a compose file), or have the operator add it to rules.network-drivers",
	Ops:    []request.Operation{request.NetworkCreate},
	Fields: []string{"Driver", "Options", "IPAM", "Scope", "ConfigOnly", "ConfigFrom", "Ingress", "Attachable"},

	Profiles: Profiles{
		Baseline: Default, Standard: Default, CIS: Default,
		// A subnet of public addresses takes those away from the host: its name servers, its registries.
		Restricted: With(func(n *NetworkDrivers) {
			n.Subnets = []string{"10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7"}
		}),
	},
	New: func() Rule {
		return &NetworkDrivers{
			Allow: []string{"bridge"}, Options: safeNetworkOptions(), IPAMDrivers: []string{"default"}, Attachable: true,
		}
	},
})

// safeNetworkOptions stay within the new network. Not among them are the name of an existing bridge, other default addresses for
// published ports than the loopback one, gateway modes that open every port, and interfaces that may pass the firewall.
//
// Source: moby daemon/libnetwork/drivers/bridge/labels.go, netlabel/labels.go.
func safeNetworkOptions() []string {
	const bridge = "com.docker.network.bridge."
	return []string{
		"com.docker.network.driver.mtu", "com.docker.network.enable_ipv4", "com.docker.network.enable_ipv6",
		bridge + "enable_icc", bridge + "enable_ip_masquerade", bridge + "inhibit_ipv4", bridge + "host_binding_ipv4=127.0.0.1",
		bridge + "gateway_mode_ipv4=nat", bridge + "gateway_mode_ipv4=isolated",
		bridge + "gateway_mode_ipv6=nat", bridge + "gateway_mode_ipv6=isolated",
	}
}

// Prepare implements [Preparer].
func (n *NetworkDrivers) Prepare() (err error) {
	if err := checkDriverNames("allow", n.Allow); err != nil {
		return err
	}
	if err := checkDriverNames("ipam_drivers", n.IPAMDrivers); err != nil {
		return err
	}
	n.nets, err = parsePrefixes("subnets", n.Subnets)
	return err
}

// checkDriverNames is what Prepare does with an option that holds names of drivers. A name is joined to the paths of sockets and
// specifications (moby pkg/plugins/discovery.go), so that one with a slash can be any file of the host.
func checkDriverNames(option string, names []string) error {
	for _, name := range names {
		if !driverName.MatchString(name) {
			return fmt.Errorf("%s: %q is not a plain driver name; install a managed plugin under an alias and list that", option, name)
		}
	}
	return nil
}

// Check implements [Rule].
func (n *NetworkDrivers) Check(r *request.Request, out *Findings) {
	net := r.Network
	switch d := net.Driver; {
	case d.V == "" && !slices.Contains(n.Allow, "bridge"):
		out.Add(d.Field, "is not set, which is bridge", listed(n.Allow))
	case d.V != "" && !slices.Contains(n.Allow, d.V):
		out.Add(d.Field, "is "+quote(d.V), listed(n.Allow))
	}
	for _, key := range request.Keys(net.Options.V) {
		if value := net.Options.V[key]; !slices.Contains(n.Options, key) && !slices.Contains(n.Options, key+"="+value) {
			got, allowed := "is set", "not set" // the value of an option that is not listed may be a secret
			if values := n.allowedValues(key); len(values) > 0 {
				got, allowed = "is "+quote(value), listed(values)
			}
			out.Add(net.Options.Key(key), got, allowed)
		}
	}
	if d := net.IPAMDriver; d.V != "" && !slices.Contains(n.IPAMDrivers, d.V) {
		out.Add(d.Field, "is "+quote(d.V), listed(n.IPAMDrivers))
	}
	for _, key := range request.Keys(net.IPAMOptions.V) {
		if !slices.Contains(n.IPAMOptions, key) {
			out.Add(net.IPAMOptions.Key(key), "is set", listed(n.IPAMOptions))
		}
	}
	for i, s := range net.Subnets.V {
		if problem := badSubnet(s, n.nets); problem != "" {
			out.AddFix(net.Subnets.At(i)+".Subnet", "is "+quote(s)+problem, n.allowedSubnets(), "leave the choice to the Engine (no --subnet)")
		}
	}
	n.checkKind(net, out)
}

// checkKind judges what a network is besides a driver and its options.
func (n *NetworkDrivers) checkKind(net *request.Network, out *Findings) {
	const fix = "make an ordinary network, or have the operator allow this kind in rules.network-drivers"
	if s := net.Scope; s.V != "" && s.V != "local" && !n.Swarm {
		out.AddFix(s.Field, "is "+quote(s.V), "local", fix)
	}
	if c := net.ConfigFrom; c.V != "" && !n.ConfigOnly {
		out.AddFix(c.Field, "is "+quote(c.V), "not set", fix) // the options of that one may be from before Caisson
	}
	for _, flag := range []struct {
		request.Value[bool]
		allowed bool
	}{{net.ConfigOnly, n.ConfigOnly}, {net.Ingress, n.Swarm}, {net.Attachable, n.Attachable}} {
		if flag.V && !flag.allowed {
			out.AddFix(flag.Field, "is true", "false", fix)
		}
	}
}

// allowedValues lists the values that an option may have.
func (n *NetworkDrivers) allowedValues(key string) []string {
	var values []string
	for _, o := range n.Options {
		if name, value, ok := strings.Cut(o, "="); ok && name == key {
			values = append(values, value)
		}
	}
	return values
}
