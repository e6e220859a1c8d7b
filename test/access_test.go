package test

import (
	"bytes"
	"crypto/tls"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"caisson/test/engine"
)

// accessPolicy lets operators do everything, and others less. Caisson's own look-ups come from the local socket.
const accessPolicy = `
version = 1
profile = "none"

[[access]]
name       = "operators"
effect     = "allow"
principals = ["ou:Ops"]
operations = ["*"]

[[access]]
name       = "the socket"
effect     = "allow"
principals = ["local"]
operations = ["read", "sensitive"]

[[access]]
name       = "bob looks"
effect     = "read-only"
principals = ["cn:bob"]

[[access]]
name       = "ci has its own"
effect     = "allow"
principals = ["cn:ci"]
operations = ["Container*", "Exec*"]
objects    = ["ci-*"]

[rules.memory]
max = "64MiB"

[[overrides]]
name       = "ci gets more"
principals = ["cn:ci"]
[overrides.rules.memory]
max = "128MiB"
`

// tlsEngine is an engine that listens on TCP as well, and asks for certificates.
type tlsEngine struct {
	*engine.Engine
	pki     *pki
	address string
}

func newTLSEngine(t *testing.T, version engine.Version, policy string) *tlsEngine {
	t.Helper()
	p := newPKI(t)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := listener.Addr().String()
	if err := listener.Close(); err != nil { // for dockerd to take
		t.Fatal(err)
	}
	e := engine.Start(t, engine.Options{
		Version: version, HostNetwork: true, Caisson: &engine.CaissonOptions{Policy: policy},
		Args: []string{
			"--host=tcp://" + address, "--tlsverify", "--tlscacert=" + p.path("ca.pem"), "--tlscert=" + p.path("server.pem"), "--tlskey=" + p.path("server-key.pem"),
		},
	})
	return &tlsEngine{e, p, address}
}

// asker sends requests with one client certificate.
type asker struct {
	e      *tlsEngine
	client *http.Client
}

func (e *tlsEngine) as(t *testing.T, name string, units ...string) *asker {
	t.Helper()
	transport := &http.Transport{TLSClientConfig: e.pki.client(t, name, units...)}
	t.Cleanup(transport.CloseIdleConnections)
	return &asker{e, &http.Client{Transport: transport, Timeout: time.Minute}}
}

// ask sends a request and compares the answer's status, and its message with a text.
func (a *asker) ask(t *testing.T, method, target string, body any, status int, text string) (answer struct{ ID, Message string }) {
	t.Helper()
	var encoded []byte
	if body != nil {
		var err error
		if encoded, err = json.Marshal(body); err != nil {
			t.Fatal(err)
		}
	}
	r, err := http.NewRequestWithContext(t.Context(), method, "https://"+a.e.address+"/v1.41"+target, bytes.NewReader(encoded))
	if err != nil {
		t.Fatal(err)
	}
	if body != nil {
		r.Header.Set("Content-Type", "application/json")
	}
	for _, header := range []string{"X-User", "X-Forwarded-User", "X-Remote-User", "Caisson-User"} {
		r.Header.Set(header, "alice") // means nothing
	}
	res, err := a.client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	content, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	_ = json.Unmarshal(content, &answer) // a list is no object
	if res.StatusCode != status || !strings.Contains(string(content), text) {
		t.Errorf("%s %s: %d %s, want %d with %q", method, target, res.StatusCode, content, status, text)
	}
	return answer
}

// limited is a container that the policy's rules let pass for everyone, or for ci alone.
func limited(mebibytes int) map[string]any {
	return map[string]any{"Image": engine.Image, "Cmd": []string{"sleep", "60"}, "HostConfig": map[string]any{"Memory": mebibytes << 20}}
}

func TestAccess(t *testing.T) {
	onEach(t, func(t *testing.T, version engine.Version) {
		e := newTLSEngine(t, version, accessPolicy)
		alice, bob, ci, mallory := e.as(t, "alice", "Dev", "Ops"), e.as(t, "bob", "Dev"), e.as(t, "ci"), e.as(t, "ou:Ops", "ops")

		t.Run("operators may do everything that the rules let pass", func(t *testing.T) {
			alice.ask(t, "POST", "/containers/create?name=prod", limited(32), http.StatusCreated, "")
			alice.ask(t, "POST", "/containers/create?name=large", limited(128), http.StatusForbidden, "HostConfig.Memory is 128MiB")
			absent(t, e.Engine, "large")
		})
		t.Run("bob may only read", func(t *testing.T) {
			bob.ask(t, "GET", "/containers/json?all=1", nil, http.StatusOK, "/prod")
			bob.ask(t, "GET", "/containers/prod/json", nil, http.StatusForbidden, `who by the access statement \"bob looks\" may only read; allowed: operations of class read`)
			bob.ask(t, "POST", "/containers/create?name=bobs", limited(32), http.StatusForbidden, `ContainerCreate is asked for by \"bob\" (CN)`)
			bob.ask(t, "DELETE", "/containers/prod", nil, http.StatusForbidden, `\"bob\" (CN)`)
			absent(t, e.Engine, "bobs")
		})
		t.Run("the socket is nobody in particular", func(t *testing.T) {
			if r := e.Docker("ps", "--all"); r.Code != 0 || !strings.Contains(r.Stdout, "prod") {
				t.Errorf("%+v", r)
			}
			r := e.Docker("rm", "prod")
			if want := "ContainerDelete is asked for by the local socket, and no access statement allows it"; r.Code == 0 || !strings.Contains(r.Stderr, want) {
				t.Errorf("%+v", r)
			}
		})
		t.Run("others may ping", func(t *testing.T) {
			mallory.ask(t, "GET", "/_ping", nil, http.StatusOK, "OK")
			mallory.ask(t, "GET", "/version", nil, http.StatusOK, "ApiVersion")
			mallory.ask(t, "GET", "/containers/json", nil, http.StatusForbidden, `is asked for by \"ou:Ops\" (CN), and no access statement allows it; allowed: nothing`)
		})
		t.Run("ci has containers of its own", func(t *testing.T) {
			const none = `\"ci\" (CN), and no access statement allows it`
			own := ci.ask(t, "POST", "/containers/create?name=ci-1", limited(128), http.StatusCreated, "").ID
			ci.ask(t, "POST", "/containers/create?name=mine", limited(32), http.StatusForbidden, none+` on \"mine\"`)
			ci.ask(t, "POST", "/containers/create", limited(32), http.StatusForbidden, none+" on something without a name")
			ci.ask(t, "POST", "/containers/ci-1/rename?name=prod-2", nil, http.StatusForbidden, none)
			prod, found, err := e.Container("prod")
			if err != nil || !found {
				t.Fatal(found, err)
			}
			for _, ref := range []string{"prod", prod.ID, prod.ID[:12], prod.ID[:4]} {
				ci.ask(t, "DELETE", "/containers/"+ref, nil, http.StatusForbidden, none)
				ci.ask(t, "GET", "/containers/"+ref+"/json", nil, http.StatusForbidden, none)
			}
			ci.ask(t, "POST", "/containers/"+own[:12]+"/rename?name=ci-2", nil, http.StatusNoContent, "")
			ci.ask(t, "DELETE", "/containers/ci-2", nil, http.StatusNoContent, "")
			ci.ask(t, "DELETE", "/containers/ci-2", nil, http.StatusNotFound, "No such container")
		})
		t.Run("the docker command", func(t *testing.T) {
			docker := func(name string, args ...string) engine.Result {
				flags := []string{
					"--host=tcp://" + e.address, "--tlsverify", "--tlscacert=" + e.pki.path("ca.pem"), "--tlscert=" + e.pki.path(name+".pem"), "--tlskey=" + e.pki.path(name+"-key.pem"),
				}
				return e.Docker(append(flags, args...)...)
			}
			if r := docker("alice", "rm", "prod"); r.Code != 0 {
				t.Errorf("%+v", r)
			}
			if r := docker("bob", "ps"); r.Code != 0 {
				t.Errorf("%+v", r)
			}
			if r := docker("bob", "create", engine.Image); r.Code == 0 || !strings.Contains(r.Stderr, `"bob" (CN), who by the access statement "bob looks" may only read`) {
				t.Errorf("%+v", r)
			}
		})
		t.Run("recorded", func(t *testing.T) {
			records, err := e.Caisson.Audit()
			if err != nil {
				t.Fatal(err)
			}
			overridden := 0
			for _, r := range records {
				if r["user"] == "ci" && r["verdict"] == "allow" && r["override"] == "ci gets more" {
					overridden++
				}
				if r["override"] != nil && r["user"] != "ci" {
					t.Errorf("overridden for others: %v", r)
				}
			}
			if overridden == 0 {
				t.Error("no record names the override")
			}
		})
		t.Run("without a certificate", func(t *testing.T) {
			client := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: e.pki.pool}}, Timeout: time.Minute}
			if res, err := client.Get("https://" + e.address + "/_ping"); err == nil {
				_ = res.Body.Close()
				t.Errorf("dockerd let it in: %d", res.StatusCode)
			}
		})
	})
}
