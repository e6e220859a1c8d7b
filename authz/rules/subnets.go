package rules

import (
	"net/netip"
	"slices"
)

// metadataAddresses are where clouds give a machine its credentials. A network that holds one answers in its place.
var metadataAddresses = []netip.Addr{netip.MustParseAddr("169.254.169.254"), netip.MustParseAddr("fd00:ec2::254")}

// badSubnet says what is wrong with a subnet, in words that follow its text; it is "" if nothing is. The host routes a subnet that
// the client chose to the new bridge, whatever it was routed to before.
func badSubnet(s string, within []netip.Prefix) string {
	if s == "" {
		return "" // the Engine's choice
	}
	p, err := netip.ParsePrefix(s)
	inside := func(n netip.Prefix) bool { return n.Contains(p.Addr()) && n.Bits() <= p.Bits() }
	switch {
	case err != nil || p.Addr().Is4In6(): // engines differ on what ::ffff:10.0.0.0/104 is
		return ", which is not a subnet such as 10.20.30.0/24"
	case p.Bits() < 8:
		return ", which takes much of the internet away from the host"
	case slices.ContainsFunc(metadataAddresses, p.Contains):
		return ", which holds the address of a cloud's metadata service"
	case len(within) > 0 && !slices.ContainsFunc(within, inside):
		return ", which lies outside the allowed networks"
	}
	return ""
}

func (n *NetworkDrivers) allowedSubnets() string {
	if len(n.Subnets) == 0 {
		return "a private subnet such as 10.20.30.0/24"
	}
	return "a subnet within " + listed(n.Subnets)
}
