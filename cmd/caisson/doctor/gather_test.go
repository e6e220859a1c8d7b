package doctor

import (
	"encoding/json"
	"errors"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"

	"caisson/cmd/caisson/host"
)

// While Caisson is gone, dockerd takes 15 seconds for each answer: the doctor asks no more than it must.
func TestFewQuestionsWhilePluginIsGone(t *testing.T) {
	const gone = `plugin caisson failed with error: Post "http://plugin.moby.localhost/AuthZPlugin.AuthZReq": dial unix /run/docker/plugins/caisson.sock`
	for name, c := range map[string]struct {
		socket string // of the plugin
		status int
		answer string
		most   int32
	}{
		"no socket":             {"", http.StatusInternalServerError, gone, 2},
		"nobody at the socket":  {"/run/docker/plugins/caisson.sock", http.StatusInternalServerError, gone, 1},
		"a managed one refuses": {"", http.StatusForbidden, "authorization denied by plugin caisson: no", 100},
	} {
		t.Run(name, func(t *testing.T) {
			var asked atomic.Int32
			socket := serve(t, func(w http.ResponseWriter, _ *http.Request) {
				asked.Add(1)
				w.Header().Set("Content-Type", "application/json")
				w.WriteHeader(c.status)
				_, _ = w.Write([]byte(`{"message": ` + quoted(c.answer) + `}`))
			})
			f := &Facts{Plugin: "caisson", PluginSocket: c.socket, PluginErr: errors.New("gone")}
			f.engine(t.Context(), &host.Engine{Socket: socket})
			if f.Guard != host.Guarded || f.EngineErr != nil {
				t.Errorf("guard %v, error %v", f.Guard, f.EngineErr)
			}
			if n := asked.Load(); n > c.most {
				t.Errorf("%d questions, want at most %d", n, c.most)
			}
			if managed := c.most == 100; managed != (len(f.Outcomes) > 0) {
				t.Errorf("outcomes of attacks: %v", f.Outcomes)
			}
		})
	}
}

// serve answers on a socket, as an Engine does.
func serve(t *testing.T, handle http.HandlerFunc) string {
	t.Helper()
	dir, err := os.MkdirTemp("/tmp", "caisson-") //nolint:usetesting // a socket's path must be short
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	socket := filepath.Join(dir, "docker.sock")
	l, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{Handler: handle}
	go server.Serve(l)
	t.Cleanup(func() { _ = server.Close() })
	return socket
}

func quoted(s string) string {
	text, _ := json.Marshal(s)
	return string(text)
}
