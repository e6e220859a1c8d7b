package test

import (
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"caisson/authz/cases"
	"caisson/test/engine"
)

// A fixture gives an engine what the cases name, so that a request that is let through has an effect.
type fixture struct {
	e          *engine.Engine
	networks   []string
	containers map[string]string // IDs by name
	world      world
}

// hardened passes under every policy of the cases, so that those about an exec are decided by the exec alone.
var hardened = map[string]any{
	"Image": engine.Image, "Cmd": []string{"sh", "-c", "trap exit TERM; while :; do sleep 1; done"}, "User": "65534:65534",
	"HostConfig": map[string]any{
		"Memory": 64 << 20, "MemorySwap": 64 << 20, "PidsLimit": 32, "NanoCPUs": 100e6, "ReadonlyRootfs": true,
		"CapDrop": []string{"ALL"}, "SecurityOpt": []string{"no-new-privileges"}, "NetworkMode": "none",
		"LogConfig": map[string]any{"Type": "json-file", "Config": map[string]string{"max-size": "1m"}},
	},
}

var execTarget = regexp.MustCompile(`^/v[0-9.]+/containers/([a-z0-9]+)/exec$`)

// named is where requests name things.
type named struct {
	Image, Driver    string
	IPAM             struct{ Driver string }
	NetworkingConfig struct{ EndpointsConfig map[string]any }
	HostConfig       struct {
		NetworkMode, VolumeDriver string
		LogConfig                 struct{ Type string }
		Mounts                    []struct {
			VolumeOptions struct{ DriverConfig struct{ Name string } }
		}
	}
}

func namedBy(c *cases.Case) (n named) {
	_ = json.Unmarshal(c.Body, &n) // what cannot be read names nothing
	return n
}

func (n named) drivers() []string {
	list := []string{n.Driver, n.IPAM.Driver, n.HostConfig.VolumeDriver, n.HostConfig.LogConfig.Type}
	for _, mount := range n.HostConfig.Mounts {
		list = append(list, mount.VolumeOptions.DriverConfig.Name)
	}
	return list
}

func newFixture(t *testing.T, e *engine.Engine, list []*cases.Case) *fixture {
	t.Helper()
	f := &fixture{e: e, containers: map[string]string{}}
	images := map[string]bool{}
	for _, c := range list {
		body := namedBy(c)
		images[body.Image] = true
		for _, name := range body.drivers() {
			f.driver(t, name)
		}
		f.network(body.HostConfig.NetworkMode)
		for name := range body.NetworkingConfig.EndpointsConfig {
			f.network(name)
		}
		if match := execTarget.FindStringSubmatch(c.Target); match != nil && len(match[1]) < 64 {
			f.containers[match[1]] = ""
		}
	}
	for name := range images {
		e.Docker("tag", engine.Image, name) // digests, IDs and nonsense fail
	}
	for name := range f.containers {
		f.containers[name] = f.run(t, name, hardened)
	}
	f.restore(t)
	return f
}

// network adds a network that can be created. Those that are there from the start, and containers, cannot.
func (f *fixture) network(name string) {
	if strings.Trim(name, "abcdefghijklmnopqrstuvwxyz0123456789_-") == "" && !slices.Contains(f.networks, name) &&
		!slices.Contains([]string{"", "default", "bridge", "host", "none"}, name) {
		f.networks = append(f.networks, name)
	}
}

var driverName = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9-]*$`)

// driver serves a plugin that agrees to everything. The engine would look 15 seconds for one that is not there.
func (f *fixture) driver(t *testing.T, name string) {
	t.Helper()
	socket := filepath.Join(f.e.Dir, "plugins", name+".sock")
	if _, err := os.Stat(socket); err == nil || !driverName.MatchString(name) {
		return
	}
	listener, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, request *http.Request) {
		if request.URL.Path == "/VolumeDriver.Get" {
			fmt.Fprint(w, `{"Err":"no such volume"}`)
			return
		}
		fmt.Fprint(w, `{"Implements":["VolumeDriver","LogDriver","NetworkDriver","IpamDriver"],"Scope":"local",`+
			`"PoolID":"1","Pool":"10.99.0.0/24","Address":"10.99.0.1/24"}`)
	})}
	go func() { _ = server.Serve(listener) }()
	t.Cleanup(func() { _ = server.Close() })
}

// run creates and starts a container.
func (f *fixture) run(t *testing.T, name string, body any) (id string) {
	t.Helper()
	answer, err := f.e.Call("POST", "/v1.44/containers/create?name="+name, body)
	if err == nil && answer.Status == http.StatusBadRequest { // the oldest engine
		answer, err = f.e.Call("POST", "/v1.41/containers/create?name="+name, body)
	}
	if err != nil || answer.Status != http.StatusCreated {
		t.Fatalf("container %s: %+v, %v", name, answer, err)
	}
	var created struct{ ID string }
	if err := json.Unmarshal(answer.Body, &created); err != nil {
		t.Fatal(err)
	}
	if answer, err := f.e.Call("POST", "/containers/"+created.ID+"/start", nil); err != nil || answer.Status != http.StatusNoContent {
		t.Fatalf("start of %s: %+v, %v", name, answer, err)
	}
	return created.ID
}

// restore undoes what cases have done. It needs a policy that lets it.
func (f *fixture) restore(t *testing.T) {
	t.Helper()
	own := make(map[string]bool)
	for name, id := range f.containers {
		own[id] = true
		_, _ = f.e.Call("POST", "/containers/"+id+"/rename?name="+name, nil) // an error says that it has the name
	}
	now := worldOf(t, f.e)
	for id := range strings.FieldsSeq(now.containers) {
		if !own[id] {
			f.remove(t, "/containers/"+id+"?force=1&v=1")
		}
	}
	for name := range strings.FieldsSeq(worldOf(t, f.e).volumes) {
		f.remove(t, "/volumes/"+name)
	}
	if now.networks != f.world.networks {
		f.restoreNetworks(t)
	}
	f.world = worldOf(t, f.e)
}

func (f *fixture) restoreNetworks(t *testing.T) {
	t.Helper()
	var list []struct{ ID, Name string }
	answer, err := f.e.Call("GET", "/networks", nil)
	if err != nil || json.Unmarshal(answer.Body, &list) != nil {
		t.Fatalf("networks: %+v, %v", answer, err)
	}
	var there []string
	for _, n := range list {
		if slices.Contains([]string{"bridge", "host", "none"}, n.Name) || slices.Contains(f.networks, n.Name) && !slices.Contains(there, n.Name) {
			there = append(there, n.Name)
		} else {
			f.remove(t, "/networks/"+n.ID)
		}
	}
	for _, name := range f.networks {
		if slices.Contains(there, name) {
			continue
		}
		answer, err := f.e.Call("POST", "/networks/create", map[string]any{"Name": name, "Driver": "bridge"})
		if err != nil || answer.Status != http.StatusCreated {
			t.Fatalf("network %s: %+v, %v", name, answer, err)
		}
	}
}

func (f *fixture) remove(t *testing.T, target string) {
	t.Helper()
	answer, err := f.e.Call("DELETE", target, nil)
	if err != nil || answer.Status >= 400 && answer.Status != http.StatusNotFound {
		t.Errorf("DELETE %s: %+v, %v", target, answer, err)
	}
}

// execs counts the commands that have been prepared in the fixture's containers.
func (f *fixture) execs(t *testing.T) (n int) {
	t.Helper()
	for _, id := range f.containers {
		var inspected struct{ ExecIDs []string }
		if err := f.e.Inspect(id, &inspected); err != nil {
			t.Error(err)
		}
		n += len(inspected.ExecIDs)
	}
	return n
}
