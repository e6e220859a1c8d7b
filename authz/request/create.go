package request

import (
	"reflect"

	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/api/types/network"
)

// createBody is the body of container create: the Engine's newest type, with the fields and forms that older supported
// engines still accept laid over it (a shallower field hides the embedded one of the same name).
//
// Source: moby api/types/container CreateRequest; v20.10.24 runconfig ContainerConfigWrapper.
type createBody struct {
	container.Config
	Cmd, Entrypoint, Shell strSlice
	ExposedPorts           map[string]struct{}
	MacAddress             string // up to API 1.51, moved to the endpoint

	HostConfig       *hostConfig
	NetworkingConfig *networkingConfig
}

type hostConfig struct {
	container.HostConfig
	CapAdd, CapDrop strSlice
	// Texts stay texts where engines differ in how they normalise them, so that no entry hides another.
	PortBindings    map[string][]portBinding
	DNS             []string `json:"Dns"`
	KernelMemory    int64    // up to 20.10, and still accepted by runc
	KernelMemoryTCP int64
}

type portBinding struct {
	HostIP   string `json:"HostIp"`
	HostPort string
}

type networkingConfig struct {
	EndpointsConfig map[string]*endpoint
}

type endpoint struct {
	network.EndpointSettings
	IPAMConfig *endpointIPAM
	// Operational data: clients send back what an inspect gave them, in any form; the Engine ignores it at create.
	Gateway, IPAddress, IPv6Gateway, GlobalIPv6Address string
	MacAddress                                         string
}

type endpointIPAM struct {
	IPv4Address, IPv6Address string
	LinkLocalIPs             []string
}

// createShape is the shape of createBody. Engines up to 26.1 also read every HostConfig field at the top level: all of them
// if HostConfig is missing, some if it is there (v26.1.4 runconfig/config_unix.go, getHostConfig). A value there is refused.
func createShape() *shape {
	s := shapeOf(reflect.TypeFor[createBody]())
	s.flat = shapeOf(reflect.TypeFor[struct {
		hostConfigFlat
		Cpuset string
	}]())
	return s
}

type hostConfigFlat = hostConfig

func decodeCreate(r *Request, body []byte) error {
	b, unknown, err := createFormat.decode(body)
	if err != nil {
		return err
	}
	if b.HostConfig == nil {
		b.HostConfig = new(hostConfig)
	}
	if b.NetworkingConfig == nil {
		b.NetworkingConfig = new(networkingConfig)
	}
	r.Unknown = unknown
	r.Workload = newCreateWorkload(r.Version, b)
	r.Workload.Platform = r.Query.Get("platform")
	return nil
}
