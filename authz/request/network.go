package request

import (
	"strconv"
	"strings"

	"github.com/moby/moby/api/types/network"
)

// Port is one published port.
type Port struct {
	Field     string // HostConfig.PortBindings[80/tcp][0]
	Container string // 80/tcp, as given
	HostIP    string // "" is every address
	First     int    // first host port; 0 lets the Engine choose
	Last      int    // last host port of a range, else First
	Problem   string // why the host port could not be understood, if it was not
}

// newPort reads a port binding. HostPort may be a range, 8000-8100, of which the Engine takes a free port.
//
// Source: go-connections nat.ParsePortRange; moby daemon/libnetwork portmapper.
func newPort(field, container string, b portBinding) Port {
	p := Port{Field: field, Container: container, HostIP: b.HostIP}
	first, last, isRange := strings.Cut(b.HostPort, "-")
	if b.HostPort == "" {
		return p
	}
	f, err1 := strconv.ParseUint(first, 10, 16)
	l, err2 := f, error(nil)
	if isRange {
		l, err2 = strconv.ParseUint(last, 10, 16)
	}
	if err1 != nil || err2 != nil || l < f {
		p.Problem = "host port " + strconv.Quote(clip(b.HostPort)) + " is not a port or a range of ports"
	}
	p.First, p.Last = int(f), int(l)
	return p
}

// Endpoint is the workload's place on one network.
type Endpoint struct {
	Field      string // NetworkingConfig.EndpointsConfig[web]
	Name       string // network by name, ID or ID prefix
	NetworkID  string // overrides Name for user-defined networks (moby daemon/container_operations.go, getNetworkID)
	Links      []string
	DriverOpts map[string]string
}

func newEndpoint(field, name string, in *endpoint) Endpoint {
	e := Endpoint{Field: field, Name: name}
	if in == nil {
		return e
	}
	e.NetworkID, e.Links, e.DriverOpts = in.NetworkID, in.Links, in.DriverOpts
	return e
}

// Network is what a network create asks for.
type Network struct {
	Name        Value[string]
	Driver      Value[string] // "" is bridge
	Options     Value[map[string]string]
	IPAMDriver  Value[string] // "" is default
	IPAMOptions Value[map[string]string]
	Subnets     Value[[]string]
	Scope       Value[string]
	ConfigOnly  Value[bool]
	ConfigFrom  Value[string]
	Ingress     Value[bool]
	Attachable  Value[bool]
}

// networkBody is the body of network create. CheckDuplicate went with API 1.44 but is still sent.
type networkBody struct {
	network.CreateRequest
	IPAM           *ipamBody
	CheckDuplicate bool
}

// ipamBody keeps addresses as texts: clients leave them empty, and engines differ in what they accept.
type ipamBody struct {
	Driver  string
	Options map[string]string
	Config  []struct {
		Subnet, IPRange, Gateway string
		AuxAddress               map[string]string `json:"AuxiliaryAddresses"`
	}
}

func decodeNetworkCreate(r *Request, body []byte) error {
	b, unknown, err := networkFormat.decode(body)
	if err != nil {
		return err
	}
	r.Unknown = unknown
	n := &Network{
		Name:       Value[string]{"Name", b.Name},
		Driver:     Value[string]{"Driver", b.Driver},
		Options:    Value[map[string]string]{"Options", b.Options},
		IPAMDriver: Value[string]{Field: "IPAM.Driver"}, IPAMOptions: Value[map[string]string]{Field: "IPAM.Options"},
		Subnets:    Value[[]string]{Field: "IPAM.Config"},
		Scope:      Value[string]{"Scope", b.Scope},
		ConfigOnly: Value[bool]{"ConfigOnly", b.ConfigOnly},
		ConfigFrom: Value[string]{Field: "ConfigFrom.Network"},
		Ingress:    Value[bool]{"Ingress", b.Ingress},
		Attachable: Value[bool]{"Attachable", b.Attachable},
	}
	if b.ConfigFrom != nil {
		n.ConfigFrom.V = b.ConfigFrom.Network
	}
	if b.IPAM != nil {
		n.IPAMDriver.V, n.IPAMOptions.V = b.IPAM.Driver, b.IPAM.Options
		for _, c := range b.IPAM.Config {
			n.Subnets.V = append(n.Subnets.V, c.Subnet)
		}
	}
	r.Network = n
	return nil
}

// networkConnectBody is the body of network connect.
type networkConnectBody struct {
	Container      string
	EndpointConfig *endpoint
}

func decodeNetworkConnect(r *Request, body []byte) error {
	b, unknown, err := connectFormat.decode(body)
	if err != nil {
		return err
	}
	r.Unknown = unknown
	r.Workload = &Workload{Door: DoorConnect, Version: r.Version, Connects: b.Container, Exposure: Exposure{
		Endpoints: []Endpoint{newEndpoint("EndpointConfig", r.Vars.Get("id"), b.EndpointConfig)},
	}}
	return nil
}

// decodeNetworkDisconnect reads which container is taken from a network. It matters to nobody but those who say who may touch what.
func decodeNetworkDisconnect(r *Request, body []byte) error {
	b, unknown, err := disconnectFormat.decode(body)
	if err != nil {
		return err
	}
	r.Unknown, r.Disconnects = unknown, b.Container
	return nil
}
