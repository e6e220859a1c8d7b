package rules

import (
	"net/netip"
	"slices"
)

// metadataAddresses are where clouds give a machine its credentials. A network that holds one answers in its place.
var metadataAddresses = []netip.Addr{netip.MustParseAddr("169.254.169.254"), netip.MustParseAddr("fd00:ec2::254")}

// subnet says what is wrong with a subnet, in words that follow its text, and what would be allowed. The Engine routes a subnet
// that the client chose to the new bridge, whatever it was routed to before.
func (n *NetworkDrivers) subnet(s string) (problem, allowed string) {
	const anything = "a private subnet"
	if s == "" {
		return "", "" // the Engine's choice
	}
	p, err := netip.ParsePrefix(s)
	switch {
	case err != nil || p.Addr().Is4In6():
		return ", which is not a subnet such as 10.20.30.0/24", anything
	case p.Bits() < 8:
		return ", which takes much of the internet away from the host", anything
	case slices.ContainsFunc(metadataAddresses, p.Contains):
		return ", which holds the address of a cloud's metadata service", anything
	case len(n.nets) > 0 && !slices.ContainsFunc(n.nets, func(net netip.Prefix) bool { return net.Contains(p.Addr()) && net.Bits() <= p.Bits() }):
		return "", ""
	}
	return "", ""
}
