package request

import (
	"bytes"
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/moby/moby/api/types/swarm"
)

// engineService is what the newest engines decode a service into.
//
// Source: moby daemon/server/router/swarm/cluster_routes.go, serviceWithLegacy.
type engineService struct {
	swarm.ServiceSpec
	Networks []swarm.NetworkAttachmentConfig `json:",omitempty"`
}

// FuzzServiceAgainstEngine holds our view of a service to the Engine's, as FuzzCreateAgainstEngine does for a container.
func FuzzServiceAgainstEngine(f *testing.F) {
	for _, s := range []string{
		`{"Name":"web","TaskTemplate":{"ContainerSpec":{"Image":"x","Mounts":[{"Source":"/","Target":"/h"}]},"Networks":[{"Target":"host"}]}}`,
		`{"taskTemplate":{"containerſpec":{"MOUNTS":[{"Type":"bınd","Source":"/a"}],"Privileges":{"Seccomp":{"Mode":"custom","Profile":"e30="}}}}}`,
		`{"TaskTemplate":{"ContainerSpec":{"CapabilityAdd":["all"],"Ulimits":[null,{"Name":"nofile"}],"DNSConfig":{"Nameservers":["1.1.1.1"]}},"Runtime":"plugin","PluginSpec":{}}}`,
		`{"TaskTemplate":{"Resources":{"Limits":{"MemoryBytes":1,"Pids":-1},"SwapBytes":9223372036854775807},"RestartPolicy":{"MaxAttempts":18446744073709551615,"Window":1}}}`,
		`{"Networks":[{"Target":"x"}],"Mode":{"Replicated":{"Replicas":3}},"EndpointSpec":{"Ports":[{"PublishedPort":4294967295,"PublishMode":"HOST"}]}}`,
		`{"TaskTemplate":{"ContainerSpec":{"Mounts":[{"Type":"volume","VolumeOptions":{"Labels":{"a":"{{"},"DriverConfig":{"Options":{"o":"{{1}}"}}}}],"Hosts":["a b","c"]}}}`,
		`{"TaskTemplate":{"ContainerSpec":null},"TaskTemplate":{"ContainerSpec":{}}}`, `{}}`, `null`, `{"Mode":[]}`,
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		ours, err := Parse(serviceCall("/v1.56", string(body)))
		if err != nil {
			return // refused
		}
		var spec engineService
		dec := json.NewDecoder(bytes.NewReader(body))
		if dec.Decode(&spec) != nil || dec.More() {
			return // the Engine refuses
		}
		plain, err := json.Marshal(spec)
		if err != nil {
			return
		}
		engine, err := Parse(serviceCall("/v1.56", string(plain)))
		if err != nil {
			t.Fatalf("the Engine's own view is refused: %v\n%s", err, plain)
		}
		if diff := cmp.Diff(engine.Workload, ours.Workload, equateEmpty); diff != "" {
			t.Fatalf("the Engine understands something else (-engine +ours):\n%s\nbody: %s", diff, body)
		}
		if diff := cmp.Diff(engine.Service, ours.Service); diff != "" {
			t.Fatalf("the Engine understands something else (-engine +ours):\n%s\nbody: %s", diff, body)
		}
	})
}
