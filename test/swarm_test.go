package test

import (
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"

	"caisson/test/engine"
)

// withServices is the default policy of a host whose operator wants services.
const withServices = baseline + "[rules.swarm]\nservices = true\n"

// watching refuses nothing at all.
const watching = "version = 1\nprofile = \"none\"\nmode = \"audit\"\n"

// swarmHost is an engine that is a swarm of its own.
type swarmHost struct {
	*engine.Engine
	version string // of the API: the newest with all of services that the engine knows
}

// TestSwarm takes an engine that was made a swarm before the policy was: what the default policy closes, what one that wants services
// lets through, and that neither an ID nor a missing type leads around it.
func TestSwarm(t *testing.T) {
	onEach(t, func(t *testing.T, version engine.Version) {
		s := &swarmHost{guarded(t, version, watching), "/v1.44"}
		if version == engine.Oldest {
			s.version = "/v1.41"
		}
		s.created(t, http.StatusOK, "/swarm/init", map[string]any{"ListenAddr": "127.0.0.1:2377", "AdvertiseAddr": "127.0.0.1"})
		s.created(t, http.StatusCreated, "/networks/create", map[string]any{"Name": "web", "Driver": "overlay"})
		s.proof(t)
		setPolicy(t, s.Caisson, baseline)
		t.Run("closed", s.closed)
		setPolicy(t, s.Caisson, withServices)
		t.Run("services", s.services)
	})
}

// proof shows that the Engine does what the policy is to prevent: the host's root by a mount without a type, and its network by the
// beginning of an ID.
func (s *swarmHost) proof(t *testing.T) {
	t.Helper()
	spec := service("proof", map[string]any{"Mounts": []any{map[string]any{"Source": "/", "Target": "/host"}}})
	spec["TaskTemplate"].(map[string]any)["Networks"] = target(s.network(t, "host?scope=swarm")[:10])
	s.created(t, http.StatusCreated, "/services/create", spec)
	text := s.task(t, "proof")
	for _, want := range []string{`"NetworkMode":"host"`, `"Type":"bind","Source":"/"`} {
		if !strings.Contains(text, want) {
			t.Errorf("the engine made something else of it: %s lacks %s", text, want)
		}
	}
	if answer, err := s.Call("DELETE", s.version+"/services/proof", nil); err != nil || answer.Status != http.StatusOK {
		t.Fatalf("%+v, %v", answer, err)
	}
}

// closed sends whatever changes a swarm.
func (s *swarmHost) closed(t *testing.T) {
	for target, body := range map[string]any{
		"POST /swarm/init": map[string]any{"ForceNewCluster": true, "ListenAddr": "127.0.0.1:2377", "AdvertiseAddr": "127.0.0.1"},
		"POST /swarm/join": map[string]any{"RemoteAddrs": []string{"127.0.0.1:1"}, "JoinToken": "x"}, "POST /swarm/leave?force=1": nil,
		"POST /swarm/update?version=1": map[string]any{"Name": "default"}, "POST /swarm/unlock": map[string]any{"UnlockKey": "x"},
		"POST /services/create": service("closed", nil), "POST /services/x/update?version=1": service("closed", nil), "DELETE /services/x": nil,
		"POST /nodes/x/update?version=1": map[string]any{"Role": "manager"}, "DELETE /nodes/x": nil,
		"POST /secrets/create": map[string]any{"Name": "closed"}, "POST /secrets/x/update?version=1": map[string]any{"Name": "y"}, "DELETE /secrets/x": nil,
		"POST /configs/create": map[string]any{"Name": "closed"}, "POST /configs/x/update?version=1": map[string]any{"Name": "y"}, "DELETE /configs/x": nil,
	} {
		method, path, _ := strings.Cut(target, " ")
		s.refused(t, method, path, body, "swarm")
	}
	var info struct {
		Swarm struct{ LocalNodeState string }
	}
	if s.read(t, "/info", &info); info.Swarm.LocalNodeState != "active" {
		t.Errorf("the swarm is %s", info.Swarm.LocalNodeState)
	}
	if names := s.names(t); len(names) > 0 {
		t.Errorf("there are services: %v", names)
	}
}

// services runs one, and sends what is forbidden by each way to the host.
func (s *swarmHost) services(t *testing.T) {
	s.created(t, http.StatusCreated, "/secrets/create", map[string]any{"Name": "s", "Data": "eA=="})
	s.created(t, http.StatusCreated, "/services/create", service("plain", map[string]any{
		"Mounts": []any{map[string]any{"Type": "volume", "Source": "data", "Target": "/d"}}, "CapabilityDrop": []string{"NET_RAW"},
	}))
	s.task(t, "plain")
	for i, name := range []string{"web", s.network(t, "web"), s.network(t, "web")[:10]} {
		spec := service(fmt.Sprintf("networked-%d", i), nil)
		spec["TaskTemplate"].(map[string]any)["Networks"] = target(name)
		s.created(t, http.StatusCreated, "/services/create", spec)
	}
	before := s.names(t)

	var plain struct {
		Version struct{ Index int }
		Spec    map[string]any
	}
	s.read(t, s.version+"/services/plain", &plain)
	update := fmt.Sprintf("/services/plain/update?version=%d", plain.Version.Index)
	s.refused(t, "POST", update+"&rollback=previous", plain.Spec, "swarm")

	bind := func(m map[string]any) map[string]any { return map[string]any{"Mounts": []any{m}} }
	for name, tt := range map[string]struct {
		rule      string
		container map[string]any
		task      map[string]any
	}{
		"no type":                     {rule: "bind-mounts", container: bind(map[string]any{"Source": "/", "Target": "/h"})},
		"type folds":                  {rule: "bind-mounts", container: bind(map[string]any{"Type": "bınd", "Source": "/", "Target": "/h"})},
		"template":                    {rule: "service-templates", container: bind(map[string]any{"Type": "volume", "Source": "{{.Service.Name}}", "Target": "/h"})},
		"template in env":             {rule: "service-templates", container: map[string]any{"Env": []string{"A={{.Node.Hostname}}"}}},
		"capability":                  {rule: "capabilities", container: map[string]any{"CapabilityAdd": []string{"CAP_SYS_ADMIN"}}},
		"seccomp":                     {rule: "seccomp", container: map[string]any{"Privileges": map[string]any{"Seccomp": map[string]any{"Mode": "unconfined"}}}},
		"host":                        {rule: "host-network", task: map[string]any{"Networks": target("host")}},
		"host by local ID":            {rule: "host-network", task: map[string]any{"Networks": target(s.network(t, "host"))}},
		"host by local ID, cut short": {rule: "host-network", task: map[string]any{"Networks": target(s.network(t, "host")[:6])}},
		"host by ID":                  {rule: "host-network", task: map[string]any{"Networks": target(s.network(t, "host?scope=swarm"))}},
		"host by ID, cut short":       {rule: "host-network", task: map[string]any{"Networks": target(s.network(t, "host?scope=swarm")[:6])}},
		"no such network":             {rule: "host-network", task: map[string]any{"Networks": target("nothere")}},
		"plugin": {rule: "swarm", task: map[string]any{
			"Runtime": "plugin", "PluginSpec": map[string]any{"name": "x", "remote": "127.0.0.1:1/x"}, "ContainerSpec": nil,
		}},
	} {
		t.Run(name, func(t *testing.T) {
			spec := service("refused", tt.container)
			maps.Copy(spec["TaskTemplate"].(map[string]any), tt.task)
			s.refused(t, "POST", "/services/create", spec, tt.rule)
			spec["Name"] = "plain"
			s.refused(t, "POST", update, spec, tt.rule)
		})
	}
	if after := s.names(t); !slices.Equal(before, after) {
		t.Errorf("services before: %v, after: %v", before, after)
	}
	version := plain.Version
	if s.read(t, s.version+"/services/plain", &plain); plain.Version != version {
		t.Errorf("a refused update changed the service")
	}
	s.work(t)
}

// work does what people do with services. Clients send a service back as an inspect shows it.
func (s *swarmHost) work(t *testing.T) {
	t.Helper()
	for _, command := range []string{
		"service create --detach --no-resolve-image --name cli --limit-memory 64m --replicas 2 --publish 8080:80 --secret s --network web --env A=b " + engine.Image + " sleep 600",
		"service update --detach --no-resolve-image --env-add C=d --limit-memory 32m cli", "service scale --detach cli=1",
		"service update --detach --no-resolve-image --force networked-1", "service ls", "service rm cli", "secret rm s",
	} {
		if r := s.Docker(strings.Fields(command)...); r.Code != 0 {
			t.Errorf("docker %s: %s%s", command, r.Stdout, r.Stderr)
		}
	}
	if r := s.Docker("service", "rollback", "--detach", "networked-1"); r.Code == 0 || !strings.Contains(r.Stderr, "[swarm]") {
		t.Errorf("docker service rollback: %s%s", r.Stdout, r.Stderr)
	}
}

// TestWatchTasks has tasks that nobody asks about when they start: of a service that is older than the policy. The one that is forbidden is
// stopped, and so is what the swarm puts in its place; the other is left alone.
func TestWatchTasks(t *testing.T) {
	onEach(t, func(t *testing.T, version engine.Version) {
		s := &swarmHost{guarded(t, version, watching), "/v1.41"}
		s.created(t, http.StatusOK, "/swarm/init", map[string]any{"ListenAddr": "127.0.0.1:2377", "AdvertiseAddr": "127.0.0.1"})
		s.created(t, http.StatusCreated, "/services/create", service("plain", nil))
		s.created(t, http.StatusCreated, "/services/create", service("forbidden", map[string]any{"Mounts": []any{map[string]any{"Type": "bind", "Source": "/", "Target": "/host"}}}))
		s.task(t, "plain")
		s.task(t, "forbidden")

		setPolicy(t, s.Caisson, "version = 1\nprofile = \"none\"\n[rules.bind-mounts]\n[existing_containers]\nwatch = \"enforce\"\n")
		must(t, s.Engine, "ps")
		stopped := func() int {
			list := map[string]bool{}
			for _, r := range events(t, s.Engine) {
				if r.Verdict != "deny" || r.Passed || r.Violations[0].Rule != "bind-mounts" {
					t.Errorf("%+v", r)
				}
				list[r.Object] = true
			}
			return len(list)
		}
		if !engine.Eventually(func() bool { return stopped() > 1 }) {
			t.Errorf("stopped %d tasks:\n%s", stopped(), s.Caisson.Log())
		}
		list, err := s.Containers()
		if err != nil {
			t.Fatal(err)
		}
		plain := slices.IndexFunc(list, func(c engine.Container) bool { return strings.HasPrefix(c.Name, "plain.1.") })
		if plain < 0 || !list[plain].Running {
			t.Errorf("the plain task was stopped too: %+v", list)
		}
	})
}
