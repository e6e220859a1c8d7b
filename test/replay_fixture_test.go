package test

import (
	"encoding/json"
	"fmt"
	"maps"
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
	e                    *engine.Engine
	containers, networks []string          // names of those that there are to be
	ids                  map[string]string // of containers
	world                world             // as restore left it
	execs                int
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

// newFixture makes the images and drivers that cases name. What else there is to be is up to arrange.
func newFixture(t *testing.T, e *engine.Engine, list []*cases.Case) *fixture {
	t.Helper()
	f := &fixture{e: e, ids: make(map[string]string)}
	images := map[string]bool{"": true}
	for _, c := range list {
		n := namedBy(c)
		if !images[n.Image] {
			images[n.Image] = true
			e.Docker("tag", engine.Image, n.Image) // digests, IDs and nonsense fail
		}
		for _, name := range n.drivers() {
			f.driver(t, name)
		}
	}
	return f
}

var (
	container    = regexp.MustCompile(`^/v[0-9.]+/containers/([a-z0-9]{1,20})/exec$`)
	network      = regexp.MustCompile(`^[a-z0-9_-]+$`)
	fromTheStart = []string{"bridge", "host", "none"}
)

// arrange makes the containers and networks that cases name. It needs a policy that lets it, as does restore.
func (f *fixture) arrange(t *testing.T, list []*cases.Case) {
	t.Helper()
	f.containers, f.networks = nil, nil
	for _, c := range list {
		if match := container.FindStringSubmatch(c.Target); match != nil && !slices.Contains(f.containers, match[1]) {
			f.containers = append(f.containers, match[1])
		}
		n := namedBy(c)
		for _, name := range append(slices.Collect(maps.Keys(n.NetworkingConfig.EndpointsConfig)), n.HostConfig.NetworkMode) {
			if network.MatchString(name) && name != "default" && !slices.Contains(append(fromTheStart, f.networks...), name) {
				f.networks = append(f.networks, name)
			}
		}
	}
	f.restore(t)
}

// contains tells whether a request is about a container of the fixture.
func (f *fixture) contains(c *cases.Case) bool {
	return slices.ContainsFunc(f.containers, func(name string) bool {
		rest, ok := strings.CutPrefix(c.Target, "/v1.41/containers/"+name)
		return ok && (rest == "" || strings.ContainsAny(rest[:1], "/?"))
	})
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

// create makes a container.
func (f *fixture) create(t *testing.T, name string) (id string) {
	t.Helper()
	answer, err := f.e.Call("POST", "/v1.41/containers/create?name="+name, hardened)
	var created struct{ ID string }
	if err != nil || answer.Status != http.StatusCreated || json.Unmarshal(answer.Body, &created) != nil {
		t.Fatalf("container %s: %+v, %v", name, answer, err)
	}
	return created.ID
}

// restore undoes what cases have done.
func (f *fixture) restore(t *testing.T) {
	t.Helper()
	now := worldOf(t, f.e)
	own := make(map[string]bool)
	for _, name := range f.containers {
		id := f.ids[name]
		if !slices.Contains(strings.Fields(now.containers), id) {
			id = f.create(t, name)
		}
		f.ids[name], own[id] = id, true
		// Errors say that it is so already.
		_, _ = f.e.Call("POST", "/containers/"+id+"/rename?name="+name, nil)
		_, _ = f.e.Call("POST", "/containers/"+id+"/start", nil)
	}
	for id := range strings.FieldsSeq(now.containers) {
		if !own[id] {
			f.remove(t, "/containers/"+id+"?force=1&v=1")
		}
	}
	for name := range strings.FieldsSeq(worldOf(t, f.e).volumes) {
		f.remove(t, "/volumes/"+name)
	}
	f.restoreNetworks(t)
	f.world = worldOf(t, f.e)
	f.execs = f.countExecs(t)
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
		if slices.Contains(append(fromTheStart, f.networks...), n.Name) && !slices.Contains(there, n.Name) {
			there = append(there, n.Name)
		} else {
			f.remove(t, "/networks/"+n.ID)
		}
	}
	for _, name := range f.networks {
		if !slices.Contains(there, name) {
			answer, err := f.e.Call("POST", "/networks/create", map[string]any{"Name": name, "Driver": "bridge"})
			if err != nil || answer.Status != http.StatusCreated {
				t.Fatalf("network %s: %+v, %v", name, answer, err)
			}
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

// countExecs counts the commands that have been prepared in the fixture's containers.
func (f *fixture) countExecs(t *testing.T) (n int) {
	t.Helper()
	for _, name := range f.containers {
		var inspected struct{ ExecIDs []string }
		if err := f.e.Inspect(f.ids[name], &inspected); err != nil {
			t.Error(err)
		}
		n += len(inspected.ExecIDs)
	}
	return n
}
