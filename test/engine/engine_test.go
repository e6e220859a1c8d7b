package engine

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

func TestMain(m *testing.M) { Main(m) }

// recorder is an authorization plugin that permits everything, or nothing, and remembers what it was asked.
type recorder struct {
	mu      sync.Mutex
	refuse  bool
	targets []string
	bodies  []string
}

func (r *recorder) ServeHTTP(w http.ResponseWriter, request *http.Request) {
	r.mu.Lock()
	defer r.mu.Unlock()
	switch request.URL.Path {
	case "/Plugin.Activate":
		fmt.Fprint(w, `{"Implements":["authz"]}`)
	case "/AuthZPlugin.AuthZReq":
		var question struct {
			RequestURI  string `json:"RequestUri"`
			RequestBody []byte
		}
		_ = json.NewDecoder(request.Body).Decode(&question)
		r.targets = append(r.targets, question.RequestURI)
		r.bodies = append(r.bodies, string(question.RequestBody))
		fmt.Fprintf(w, `{"Allow":%t,"Msg":"no"}`, !r.refuse)
	default:
		fmt.Fprint(w, `{"Allow":true}`)
	}
}

func (r *recorder) setRefuse(refuse bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.refuse = refuse
}

func (r *recorder) last() (target, body string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	n := len(r.targets)
	return r.targets[n-1], r.bodies[n-1]
}

func TestEngine(t *testing.T) {
	for _, version := range Versions {
		t.Run(string(version), func(t *testing.T) {
			t.Parallel()
			plugin := &recorder{}
			e := Start(t, Options{Version: version, Plugin: plugin})

			t.Run("runs a container", func(t *testing.T) {
				result := e.Docker("run", "--name=ran", "--memory=64m", Image, "echo", "hello")
				if result.Code != 0 || result.Stdout != "hello\n" {
					t.Fatalf("%+v", result)
				}
				var inspected struct{ HostConfig struct{ Memory int64 } }
				if err := e.Inspect("ran", &inspected); err != nil || inspected.HostConfig.Memory != 64<<20 {
					t.Errorf("inspected: %+v, %v", inspected, err)
				}
			})

			t.Run("sends the target and headers as they are", func(t *testing.T) {
				const target = "/v1.41/containers/%6Ason?all=1&&x=%zz"
				header := http.Header{"Content-Type": {"application/json"}, "Transfer-Encoding": {"chunked"}}
				if _, err := e.Do("GET", target, header, []byte(`{"a":1}`)); err != nil {
					t.Fatal(err)
				}
				if got, _ := plugin.last(); got != target {
					t.Errorf("the plugin was shown %q", got)
				}
			})

			t.Run("shows the plugin a body", func(t *testing.T) {
				answer, err := e.Call("POST", "/v1.41/containers/create?name=plain", map[string]any{"Image": Image})
				if err != nil || answer.Status != http.StatusCreated {
					t.Fatalf("%+v, %v", answer, err)
				}
				if _, body := plugin.last(); body != `{"Image":"`+Image+`"}` {
					t.Errorf("the plugin was shown %q", body)
				}
			})

			t.Run("finds containers without asking the plugin", func(t *testing.T) {
				plugin.setRefuse(true)
				defer plugin.setRefuse(false)
				answer, err := e.Call("POST", "/v1.41/containers/create?name=refused", map[string]any{"Image": Image})
				if err != nil || answer.Status != http.StatusForbidden {
					t.Fatalf("%+v, %v", answer, err)
				}
				if !strings.HasSuffix(answer.Message(), "authorization denied by plugin test: no") {
					t.Errorf("message %q", answer.Message())
				}
				if _, found, err := e.Container("refused"); found || err != nil {
					t.Errorf("the refused container exists, or %v", err)
				}
				plain, found, err := e.Container("plain")
				if !found || err != nil || !strings.Contains(string(plain.Config), Image) {
					t.Errorf("the permitted container: %+v, %v, %v", plain, found, err)
				}
			})

			t.Run("restarts with its containers", func(t *testing.T) {
				if err := e.StopDaemon(); err != nil {
					t.Fatal(err)
				}
				if e.Running() {
					t.Error("stopped, but running")
				}
				if err := e.StartDaemon(); err != nil {
					t.Fatal(err)
				}
				if result := e.Docker("start", "--attach", "ran"); result.Stdout != "hello\n" {
					t.Errorf("%+v", result)
				}
			})
		})
	}
}

func TestHostNetwork(t *testing.T) {
	for _, version := range Versions {
		t.Run(string(version), func(t *testing.T) {
			t.Parallel()
			e := Start(t, Options{Version: version, HostNetwork: true})
			if result := e.Docker("run", "--rm", "--network=host", Image, "true"); result.Code != 0 {
				t.Errorf("%+v", result)
			}
		})
	}
}

func TestNoTraces(t *testing.T) {
	for _, version := range Versions {
		t.Run(string(version), func(t *testing.T) {
			var dir string
			t.Run("engine", func(t *testing.T) {
				e := Start(t, Options{Version: version})
				dir = e.Dir
				// Killed while it runs, with a mount, a bridge and a process of its own.
				if result := e.Docker("run", "--detach", "--volume=/:/host", Image, "sleep", "1000"); result.Code != 0 {
					t.Errorf("%+v", result)
				}
			})
			if dir == "" {
				t.Skip("no engine")
			}
			mounts, err := os.ReadFile("/proc/self/mountinfo")
			if err != nil || strings.Contains(string(mounts), dir) {
				t.Errorf("a mount is left, or %v", err)
			}
			links, err := filepath.Glob("/sys/class/net/docker*")
			if err != nil || (len(links) > 0 && exec.Command("pidof", "dockerd").Run() != nil) {
				t.Errorf("a bridge is left: %v", links)
			}
			for _, pattern := range []string{"/sys/fs/cgroup/*/", "/sys/fs/cgroup/"} {
				if left, _ := filepath.Glob(pattern + filepath.Base(dir)); len(left) > 0 {
					t.Errorf("cgroups are left: %v", left)
				}
			}
			if processes := mentioning(t, dir); len(processes) > 0 {
				t.Errorf("processes are left: %q", processes)
			}
			if _, err := os.Stat(dir); !os.IsNotExist(err) {
				t.Errorf("%s is left, or %v", dir, err)
			}
		})
	}
}

// mentioning lists the command lines that contain text.
func mentioning(t *testing.T, text string) (found []string) {
	t.Helper()
	files, err := filepath.Glob("/proc/[0-9]*/cmdline")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		line, _ := os.ReadFile(file) // the process may have ended
		if strings.Contains(string(line), text) {
			found = append(found, strings.ReplaceAll(string(line), "\x00", " "))
		}
	}
	return found
}
