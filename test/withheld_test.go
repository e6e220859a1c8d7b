package test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"caisson/test/engine"
)

// refusing refuses privileged containers and knows no other rule, so that a request whose body the plugin is not shown breaks none.
const refusing = "version = 1\nprofile = \"none\"\n[rules.privileged]\n"

// recording is the same, but lets them pass.
const recording = "mode = \"audit\"\n" + refusing

var (
	jsonType  = http.Header{"Content-Type": {"application/json"}}
	never     []engine.Version
	oldEngine = []engine.Version{engine.Oldest}
)

// withheld are creations of a privileged container, written so that some engine does not show the plugin the body.
var withheld = []struct {
	name   string
	works  []engine.Version // if no plugin refuses it
	target string           // what follows the name
	header http.Header
	size   int // of the body
}{
	{name: "plain", works: engine.Versions, header: jsonType},
	{name: "1MiB", works: engine.Versions, header: jsonType, size: 1 << 20},
	{name: "4MiB", works: oldEngine, header: jsonType, size: 4<<20 + 1},
	{name: "chunked", works: engine.Versions, header: with("Transfer-Encoding", "chunked")},
	{name: "chunked-1MiB", works: engine.Versions, header: with("Transfer-Encoding", "chunked"), size: 1 << 20},
	{name: "chunked-length-0", works: engine.Versions, header: with("Transfer-Encoding", "chunked", "Content-Length", "0")},
	{name: "auth", works: engine.Versions, target: "&x=/auth", header: jsonType},
	{name: "text", works: never, header: http.Header{"Content-Type": {"text/plain"}}},
	{name: "text-last", works: engine.Versions, header: http.Header{"Content-Type": {"application/json", "text/plain"}}},
	{name: "text-first", works: never, header: http.Header{"Content-Type": {"text/plain", "application/json"}}},
	{name: "parameter", works: engine.Versions, header: http.Header{"Content-Type": {"Application/JSON; charset=x"}}},
	{name: "fragment", works: never, target: "#%zz", header: jsonType},
	{name: "encoding", works: engine.Versions, header: with("Content-Encoding", "gzip")},
}

func with(pairs ...string) http.Header {
	header := jsonType.Clone()
	for i := 0; i < len(pairs); i += 2 {
		header[pairs[i]] = []string{pairs[i+1]}
	}
	return header
}

// TestWithheld sends each trick while Caisson only records, to see that it is one, and then while it refuses.
func TestWithheld(t *testing.T) {
	onEach(t, func(t *testing.T, version engine.Version) {
		e := guarded(t, version, recording)
		body, err := json.Marshal(privileged)
		if err != nil {
			t.Fatal(err)
		}
		for _, mode := range []string{"recorded", "enforced"} {
			if mode == "enforced" {
				setPolicy(t, e.Caisson, refusing)
			}
			for _, trick := range withheld {
				t.Run(mode+"/"+trick.name, func(t *testing.T) {
					name := mode + "-" + trick.name
					padded := append(slices.Clone(body), strings.Repeat(" ", max(0, trick.size-len(body)))...)
					answer, err := e.Do("POST", "/v1.41/containers/create?name="+name+trick.target, trick.header, padded)
					if err != nil {
						t.Fatal(err)
					}
					_, exists, err := e.Container(name)
					if want := mode == "recorded" && slices.Contains(trick.works, version); exists != want || err != nil {
						t.Errorf("container exists: %t, want %t; %v\n%d %s", exists, want, err, answer.Status, answer.Message())
					}
				})
			}
		}
	})
}

// hidden are forms behind a second Content-Type: the engine obeys the first one and takes parameters from the form, which outrank
// the query; the plugin is shown the last one and the query. Imports are not among them: theirs is a body that no plugin is shown,
// so whoever may import can do this too.
var hidden = map[string]struct {
	target, last, form string
	worked             func(e *engine.Engine, answer *engine.Response) bool
}{
	"pull": {
		"/images/create?fromImage=busybox&tag=1", "application/x-tar", "fromImage=&fromSrc=http%3A%2F%2F127.0.0.1%3A1%2Fevil",
		func(_ *engine.Engine, answer *engine.Response) bool { // the engine went to the form's address, where nobody is
			return strings.Contains(string(answer.Body), "127.0.0.1:1") && !strings.Contains(answer.Message(), "plugin caisson")
		},
	},
	"rename": {
		"/containers/victim/rename?name=good", "text/plain", "name=evil",
		func(e *engine.Engine, _ *engine.Response) bool {
			_, found, _ := e.Container("evil")
			return found
		},
	},
}

func TestHiddenForm(t *testing.T) {
	onEach(t, func(t *testing.T, version engine.Version) {
		for _, mode := range []string{"audit", "enforce"} {
			e := guarded(t, version, fmt.Sprintf("mode = %q\n", mode)+baseline)
			if result := e.Docker("create", "--name=victim", engine.Image); result.Code != 0 {
				t.Fatalf("%+v", result)
			}
			for name, trick := range hidden {
				t.Run(mode+"/"+name, func(t *testing.T) {
					header := http.Header{"Content-Type": {"application/x-www-form-urlencoded", trick.last}}
					answer, err := e.Do("POST", "/v1.41"+trick.target, header, []byte(trick.form))
					if err != nil {
						t.Fatal(err)
					}
					if worked := trick.worked(e, answer); worked != (mode == "audit") {
						t.Errorf("the engine took the form's parameters: %t\n%d %s", worked, answer.Status, answer.Body)
					}
				})
			}
		}
	})
}

// TestWithheldService creates a service with a fragment that only some parsers take: engines with the fix of CVE-2024-41110, which
// Debian's 20.10.24 has as well, then show no body and create the service nevertheless. The oldest one does so with any Content-Type.
func TestWithheldService(t *testing.T) {
	onEach(t, func(t *testing.T, version engine.Version) {
		e := guarded(t, version, recording)
		if result := e.Docker("swarm", "init", "--advertise-addr=127.0.0.1", "--listen-addr=127.0.0.1:2377"); result.Code != 0 {
			t.Fatalf("swarm init: %+v", result)
		}
		services := func() (names []string) {
			var list []struct{ Spec struct{ Name string } }
			answer, err := e.Call("GET", "/v1.41/services", nil)
			if err != nil || json.Unmarshal(answer.Body, &list) != nil {
				t.Fatalf("services: %+v, %v", answer, err)
			}
			for _, service := range list {
				names = append(names, service.Spec.Name)
			}
			return names
		}
		for _, mode := range []string{"recorded", "enforced"} {
			if mode == "enforced" {
				setPolicy(t, e.Caisson, refusing)
			}
			for name, trick := range map[string]struct {
				target string
				header http.Header
				works  []engine.Version
			}{
				"fragment": {"?#%zz", jsonType, engine.Versions},
				"text":     {"", http.Header{"Content-Type": {"text/plain"}}, oldEngine},
			} {
				t.Run(mode+"/"+name, func(t *testing.T) {
					body := fmt.Appendf(nil, `{"Name":"%s-%s","Mode":{"Replicated":{"Replicas":0}},"TaskTemplate":{"ContainerSpec":{"Image":%q,`+
						`"Mounts":[{"Type":"bind","Source":"/","Target":"/host"}]}}}`, mode, name, engine.Image)
					answer, err := e.Do("POST", "/v1.41/services/create"+trick.target, trick.header, body)
					if err != nil {
						t.Fatal(err)
					}
					want := mode == "recorded" && slices.Contains(trick.works, version)
					if exists := slices.Contains(services(), mode+"-"+name); exists != want {
						t.Errorf("service exists: %t, want %t\n%d %s", exists, want, answer.Status, answer.Message())
					}
				})
			}
		}
	})
}
