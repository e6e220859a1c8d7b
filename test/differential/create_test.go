// Package differential compares Caisson's view of container create with what the decoder of Engine 20.10.24 makes of the same bytes:
// the same meaning, or refused. The newest engines' decoder is compared in authz/request, where its types are at hand.
package differential

import (
	"bytes"
	"encoding/json"
	"testing"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/network"
	"github.com/docker/docker/pkg/sysinfo"
	"github.com/docker/docker/runconfig"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"caisson/authz/request"
)

// seeds are bodies on which readers differ, and those that only old engines read.
var seeds = []string{
	`{"Image":"x","HostConfig":{"Privileged":true}}`,
	`{"Image":"x","Privileged":true,"Binds":["/:/h"]}`,
	`{"Image":"x","HostConfig":null,"PidMode":"host"}`,
	`{"Image":"x","HostConfig":{},"Memory":1,"MemorySwap":-1,"CpusetCpus":"0","VolumeDriver":"v","CpuShares":2}`,
	`{"Image":"x","Cpuset":"0","HostConfig":{}}`,
	`{"HostConfig":{"Privileged":true},"hostconfig":{"Memory":1}}`,
	`{"Image":"x","HostConfig":{"CapAdd":"ALL","KernelMemory":5}}garbage`,
	`{"Image":"x","HostConfig":{"Mounts":[{"Type":"bind","Source":"/","Target":"/h"}],"Binds":["a:/b:ro"],"Tmpfs":{"/t":"size=1m"}}}`,
	`{"Image":"x","HostConfig":{"PortBindings":{"80/TCP":[{"HostIp":"0.0.0.0","HostPort":"1-2"}]},"Dns":["1.1.1.1"],"MaskedPaths":[]}}`,
	`{"Image":"x","NetworkingConfig":{"EndpointsConfig":{"n":{"NetworkID":"y"}}}}`,
	`{"image":"x","ho\u017ftconfig":{"ip\u0063mode":"host","PidMode":"container:x"}}`,
}

// oldest decodes as Engine 20.10.24 does and writes plainly what it understood. Some bodies make that decoder panic, which
// ends the request there.
func oldest(body []byte) (plain []byte, ok bool) {
	defer func() {
		if recover() != nil {
			plain, ok = nil, false
		}
	}()
	var d runconfig.ContainerDecoder
	d.GetSysInfo = func() *sysinfo.SysInfo { return &sysinfo.SysInfo{} }
	config, host, networks, err := d.DecodeConfig(bytes.NewReader(body))
	if err != nil || config == nil {
		return nil, false
	}
	out, err := json.Marshal(struct {
		*container.Config
		HostConfig       *container.HostConfig
		NetworkingConfig *network.NetworkingConfig
	}{config, host, networks})
	return out, err == nil
}

func FuzzCreateAgainstOldest(f *testing.F) {
	for _, s := range seeds {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, body []byte) { compare(t, body) })
}

// compare holds our view of a body to that of Engine 20.10.24.
func compare(t *testing.T, body []byte) {
	t.Helper()
	ours, err := parse(body)
	if err != nil || len(ours.Unknown) > 0 {
		return // refused
	}
	plain, ok := oldest(body)
	if !ok {
		return // the Engine refuses
	}
	engine, err := parse(plain)
	if err != nil {
		t.Fatalf("the Engine's own view is refused: %v\n%s", err, plain)
	}
	if diff := cmp.Diff(normal(engine.Workload), normal(ours.Workload), cmpopts.EquateEmpty(), cmpopts.IgnoreFields(request.Namespace{}, "Raw")); diff != "" {
		t.Fatalf("Engine 20.10.24 understands something else (-engine +ours):\n%s\nbody: %s", diff, body)
	}
	if e, o := engine.Workload, ours.Workload; (e.MaskedPaths.V == nil) != (o.MaskedPaths.V == nil) || (e.ReadonlyPaths.V == nil) != (o.ReadonlyPaths.V == nil) {
		t.Fatalf("an empty list of paths is not a missing one\nbody: %s", body)
	}
}

// TestOldestReadsTheFlatForm makes sure that the oracle is what it is meant to be.
func TestOldestReadsTheFlatForm(t *testing.T) {
	plain, ok := oldest([]byte(`{"Image":"x","Privileged":true}`))
	if !ok || !bytes.Contains(plain, []byte(`"Privileged":true`)) {
		t.Fatalf("the decoder of 20.10.24 does not read the flat form: %s", plain)
	}
	if r, err := parse([]byte(`{"Image":"x","Privileged":true}`)); err == nil {
		t.Fatalf("we accept it: %+v", r)
	}
}

func parse(body []byte) (*request.Request, error) {
	return request.Parse(request.Call{
		Method: "POST", Target: "/v1.41/containers/create", Body: body, Headers: map[string]string{"Content-Type": "application/json"},
	})
}

// normal leaves out free texts, which lose bytes that are not UTF-8 when written down again.
func normal(w *request.Workload) *request.Workload {
	n := *w
	n.Env, n.Labels, n.Healthcheck = request.Value[[]string]{}, request.Value[map[string]string]{}, request.Value[*request.Healthcheck]{}
	return &n
}
