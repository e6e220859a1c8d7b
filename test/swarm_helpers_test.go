package test

import (
	"encoding/json"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"caisson/test/engine"
)

// taskTime bounds the wait for a container of a service: the node first tries to pull the image.
const taskTime = 90 * time.Second

// service is a specification of one task, which ends at once when it is told to.
func service(name string, container map[string]any) map[string]any {
	spec := map[string]any{"Image": engine.Image, "Command": []string{"sh", "-c", "trap exit TERM; while :; do sleep 1; done"}, "StopGracePeriod": time.Second}
	maps.Copy(spec, container)
	return map[string]any{
		"Name": name, "TaskTemplate": map[string]any{"ContainerSpec": spec, "Resources": map[string]any{"Limits": map[string]any{"MemoryBytes": 64 << 20}}},
	}
}

func target(network string) []any { return []any{map[string]any{"Target": network}} }

// created sends a request that has to pass.
func (s *swarmHost) created(t *testing.T, status int, path string, body any) {
	t.Helper()
	answer, err := s.Call("POST", s.version+path, body)
	if err != nil {
		t.Fatal(err)
	}
	if answer.Status != status {
		t.Fatalf("%s: %d %s", path, answer.Status, answer.Message())
	}
}

// refused sends a request that a rule has to refuse.
func (s *swarmHost) refused(t *testing.T, method, path string, body any, rule string) {
	t.Helper()
	answer, err := s.Call(method, s.version+path, body)
	if err != nil {
		t.Fatal(err)
	}
	if answer.Status != http.StatusForbidden || !strings.Contains(answer.Message(), "["+rule+"]") {
		t.Errorf("%s %s: not refused by %s: %d %s", method, path, rule, answer.Status, answer.Message())
	}
}

func (s *swarmHost) read(t *testing.T, path string, into any) {
	t.Helper()
	answer, err := s.Call("GET", path, nil)
	if err != nil || answer.Status != http.StatusOK {
		t.Fatalf("%s: %v %v", path, answer, err)
	}
	if err := json.Unmarshal(answer.Body, into); err != nil {
		t.Fatal(err)
	}
}

// network gives the ID of a network.
func (s *swarmHost) network(t *testing.T, name string) string {
	t.Helper()
	var n struct{ ID string }
	s.read(t, s.version+"/networks/"+name, &n)
	return n.ID
}

// names lists the services.
func (s *swarmHost) names(t *testing.T) (names []string) {
	t.Helper()
	var list []struct{ Spec struct{ Name string } }
	s.read(t, s.version+"/services", &list)
	for _, service := range list {
		names = append(names, service.Spec.Name)
	}
	slices.Sort(names)
	return names
}

// task waits until the container of a service runs, and gives what the engine made it with.
func (s *swarmHost) task(t *testing.T, service string) (hostConfig string) {
	t.Helper()
	for deadline := time.Now().Add(taskTime); time.Now().Before(deadline); time.Sleep(200 * time.Millisecond) {
		list, err := s.Containers()
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range list {
			if c.Running && strings.HasPrefix(c.Name, service+".1.") {
				return string(c.HostConfig)
			}
		}
	}
	answer, err := s.Call("GET", s.version+"/tasks", nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Fatalf("no container of %s runs: %s", service, answer.Body)
	return ""
}
