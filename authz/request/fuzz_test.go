package request

import (
	"bytes"
	"encoding/json"
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/moby/moby/api/types/container"
)

// seeds are bodies on which readers of JSON differ.
var seeds = []string{
	`{"Image":"x","HostConfig":{"Privileged":true}}`,
	`{"HostConfig":{"Privileged":true},"HostConfig":{"Memory":1}}`,
	`{"hoſtconfig":{"PRIVILEGED":true,"privileged":false}}`,
	`{"HostConfig":{"Binds":["/:/h"],"binds":[null]}}`,
	`{"HostConfig":{"Mounts":[{"Type":"bind","Source":"/","Target":"/h"}],"mounts":[{"Target":"/ok"}]}}`,
	`{"HostConfig":{"CapAdd":"ALL","CapDrop":["\u017fys_admin"]}}`,
	`{"Host\u0043onfig":{"PidMode":"host\u0000","IpcMode":"container:x"}}`,
	`{"HostConfig":{"Privileged":true,"Privileged":null},"Labels":{"a":"1","a":"2"}}`,
	`{"HostConfig":{"PortBindings":{"80/TCP":[{"HostPort":"1"}],"80/tcp":null,"80":[{}]},"Dns":[""],"Ulimits":[null,{"Name":"nofile","Soft":1}]}}`,
	`{"Image":"x","ExposedPorts":{"80/tcp":{}},"Volumes":{"/a":{}},"NetworkingConfig":{"EndpointsConfig":{"n":null,"m":{"NetworkID":"y","IPAMConfig":{"IPv4Address":""}}}}}`,
	`{"Privileged":true}`, `{}}`, `{}[]`, `null`, `{"HostConfig":[]}`, "{\"Env\":[\"\xff\"],\"HostConfig\":{\"Runtime\":\"\xff\"}}",
	`{"HostConfig":{"Memory":-0,"MemorySwap":1e3,"NanoCpus":1.0,"ConsoleSize":[1,2,3],"OomKillDisable":null}}`,
}

// engineView decodes as the newest engines do, and gives what they understood as plain JSON.
//
// Source: moby daemon/internal/runconfig/config.go, loadJSON.
func engineView(body []byte) ([]byte, bool) {
	var w container.CreateRequest
	dec := json.NewDecoder(bytes.NewReader(body))
	if dec.Decode(&w) != nil || dec.More() || w.Config == nil {
		return nil, false
	}
	out, err := json.Marshal(w)
	return out, err == nil
}

// FuzzCreateAgainstEngine holds our view of a body to the Engine's: what the Engine understood, written down plainly and read
// again, must give the same Workload as the body itself, unless the body is refused.
func FuzzCreateAgainstEngine(f *testing.F) {
	for _, s := range seeds {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		ours, err := Parse(create(string(body)))
		if err != nil || len(ours.Unknown) > 0 {
			return // refused
		}
		plain, ok := engineView(body)
		if !ok {
			return // the Engine refuses
		}
		engine, err := Parse(create(string(plain)))
		if err != nil {
			t.Fatalf("the Engine's own view is refused: %v\n%s", err, plain)
		}
		// Ports and addresses are texts here and parsed values there, so that only their number can be compared; free texts lose bytes.
		for _, w := range []*Workload{ours.Workload, engine.Workload} {
			w.Ports, w.Endpoints = nil, nil
			w.Env, w.Labels, w.Healthcheck = Value[[]string]{}, Value[map[string]string]{}, Value[*Healthcheck]{}
			w.KernelMemory, w.KernelMemoryTCP = Value[int64]{}, Value[int64]{}
		}
		if diff := cmp.Diff(engine.Workload, ours.Workload, equateEmpty); diff != "" {
			t.Fatalf("the Engine understands something else (-engine +ours):\n%s\nbody: %s", diff, body)
		}
	})
}

// equateEmpty makes nil and empty alike, except where the difference unmasks paths: those are compared by encoding/json, which
// keeps it.
var equateEmpty = cmp.FilterPath(func(p cmp.Path) bool {
	name := p.GoString()
	return !bytes.Contains([]byte(name), []byte("MaskedPaths")) && !bytes.Contains([]byte(name), []byte("ReadonlyPaths"))
}, cmp.FilterValues(bothEmpty, cmp.Ignore()))

func bothEmpty(a, b any) bool {
	empty := func(v any) bool {
		switch v := v.(type) {
		case []string:
			return len(v) == 0
		case map[string]string:
			return len(v) == 0
		case []Mount:
			return len(v) == 0
		case []SecurityOpt:
			return len(v) == 0
		case []Device:
			return len(v) == 0
		case []DeviceRequest:
			return len(v) == 0
		case []Ulimit:
			return len(v) == 0
		case [][]string:
			return len(v) == 0
		}
		return false
	}
	return empty(a) && empty(b)
}

// FuzzParse holds Parse to its contract: it never panics, an error is an *Error, and a create without an error has a Workload.
func FuzzParse(f *testing.F) {
	for _, s := range seeds {
		f.Add("POST", "/v1.41/containers/create", "application/json", []byte(s))
	}
	f.Add("POST", "/v1.41/containers/x/exec", "application/json", []byte(`{"Privileged":true}`))
	f.Add("POST", "/v1.41/volumes/create", "application/json", []byte(`{"DriverOpts":{"device":"/"}}`))
	f.Add("POST", "/v1.41/networks/create", "application/json", []byte(`{"Name":"n","IPAM":{"Config":[{"Subnet":""}]}}`))
	f.Add("POST", "/v1.41/networks/n/connect", "application/json", []byte(`{"Container":"c","EndpointConfig":{}}`))
	f.Fuzz(func(t *testing.T, method, target, contentType string, body []byte) {
		r, err := Parse(Call{Method: method, Target: target, Headers: map[string]string{"Content-Type": contentType}, Body: body})
		if err != nil {
			if e := (*Error)(nil); !errors.As(err, &e) {
				t.Fatalf("%T is no *Error: %v", err, err)
			}
			return
		}
		if r.Operation == ContainerCreate && r.Workload == nil {
			t.Fatal("a container create without a workload")
		}
		_ = r.Object()
	})
}
