package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"caisson/test/engine"
)

// enginePolicy is restricted, but that the image of these creates has no digest.
const enginePolicy = policy + "\n[rules.image-reference]\nmode = \"off\"\n"

// host stands in for the test that package engine wants.
type host struct {
	testing.TB
	cleanups []func()
	failed   bool
}

type giveUp struct{ why string }

func (h *host) Helper()                 {}
func (h *host) Cleanup(f func())        { h.cleanups = append(h.cleanups, f) }
func (h *host) Failed() bool            { return h.failed }
func (h *host) Logf(f string, a ...any) { fmt.Fprintf(os.Stderr, f+"\n", a...) }
func (h *host) Errorf(f string, a ...any) {
	h.failed = true
	h.Logf(f, a...)
}
func (h *host) Fatal(a ...any) { panic(giveUp{fmt.Sprint(a...)}) }
func (h *host) Skip(a ...any)  { panic(giveUp{fmt.Sprint(a...)}) }

// enginesTable measures requests through dockerd with each plugin, on both engines.
func enginesTable(b *programs, permitted []byte, o options) (text string, err error) {
	t := newTable("engine", "request", "none", "null-sdk", "floor", "caisson", "caisson : null-sdk")
	for _, version := range engine.Versions {
		if err := throughEngine(t, b, version, permitted, o); err != nil {
			return "", err
		}
	}
	return t.String(), nil
}

// A docker is a request to dockerd that is measured.
type docker struct {
	name    string
	message []byte
	status  int
	undo    func(*dockerClient, []byte) error // of what it made, untimed
}

func throughEngine(t *table, b *programs, version engine.Version, permitted []byte, o options) (err error) {
	h := &host{}
	defer func() {
		for _, f := range slices.Backward(h.cleanups) {
			f()
		}
		if why, ok := recover().(giveUp); ok {
			err = errors.Join(err, errors.New(why.why))
		}
	}()
	e := engine.Start(h, engine.Options{Version: version})
	plugins, err := b.all(filepath.Join(e.Dir, "plugins"))
	if err != nil {
		return err
	}
	caisson, err := b.newCaisson("caisson", filepath.Join(e.Dir, "plugins"), enginePolicy, "unix://"+e.Socket)
	if err != nil {
		return err
	}
	plugins[2] = caisson
	defer stopPlugins(plugins)
	if err := startAll(plugins); err != nil {
		return err
	}
	requests := dockerRequests(permitted)
	names := []string{"none", "null-sdk", "floor", "caisson"}
	p50 := make(map[string][]float64)
	for round := range o.rounds {
		for i := range names {
			name := names[(i+round)%len(names)]
			if err := usePlugin(e, name); err != nil {
				return err
			}
			for _, r := range requests {
				v, err := r.measure(e.Socket, o.duration)
				if err != nil {
					return fmt.Errorf("%s engine, %s, %s: %w", version, name, r.name, err)
				}
				p50[name+r.name] = append(p50[name+r.name], v)
			}
		}
		fmt.Fprintf(os.Stderr, "%s engine: round %d of %d\n", version, round+1, o.rounds)
	}
	for _, r := range requests {
		cells := []string{string(version), r.name}
		for _, name := range names {
			cells = append(cells, fmt.Sprintf("%.0f", median(p50[name+r.name])))
		}
		t.row(append(cells, ratio(p50["caisson"+r.name], p50["null-sdk"+r.name]))...)
	}
	return nil
}

// usePlugin makes dockerd use one plugin, or none, and waits until it does.
func usePlugin(e *engine.Engine, name string) error {
	list := []string{}
	if name != "none" {
		list = append(list, name)
	}
	const reloaded = "Reloaded configuration"
	before := strings.Count(e.Log(), reloaded)
	if err := e.WriteConfig(map[string]any{"authorization-plugins": list}); err != nil {
		return err
	}
	if err := e.ReloadDaemon(); err != nil {
		return err
	}
	if !engine.Eventually(func() bool { return strings.Count(e.Log(), reloaded) > before }) {
		return fmt.Errorf("dockerd does not reload its configuration: %s", e.Log())
	}
	return nil
}

func dockerRequests(permitted []byte) []docker {
	request := func(method, target string, body []byte) []byte {
		contentType := ""
		if body != nil {
			contentType = "Content-Type: application/json\r\nContent-Length: " + strconv.Itoa(len(body)) + "\r\n"
		}
		return append([]byte(method+" "+target+" HTTP/1.1\r\nHost: docker\r\n"+contentType+"\r\n"), body...)
	}
	body := withImage(permitted)
	remove := func(c *dockerClient, answer []byte) error {
		var created struct{ Id string }
		if err := json.Unmarshal(answer, &created); err != nil {
			return err
		}
		_, _, err := c.roundTrip(request("DELETE", "/v1.41/containers/"+created.Id+"?force=1&v=1", nil))
		return err
	}
	return []docker{
		{"ping", request("GET", "/_ping", nil), http.StatusOK, nil},
		{"list", request("GET", "/v1.41/containers/json?all=1", nil), http.StatusOK, nil},
		{"inspect", request("GET", "/v1.41/images/"+engine.Image+"/json", nil), http.StatusOK, nil},
		{"create, image missing", request("POST", "/v1.41/containers/create", bytes.ReplaceAll(body, []byte(engine.Image), []byte("absent:1"))), http.StatusNotFound, nil},
		{"create", request("POST", "/v1.41/containers/create", body), http.StatusCreated, remove},
	}
}

// withImage makes the permitted create one that the test's engines can carry out.
func withImage(permitted []byte) []byte {
	var body map[string]any
	if err := json.Unmarshal(permitted, &body); err != nil {
		panic(err) // a file of this repository
	}
	body["Image"] = engine.Image
	body["HostConfig"].(map[string]any)["Mounts"] = []any{}
	text, err := json.Marshal(body)
	if err != nil {
		panic(err)
	}
	return text
}

// measure sends the request again and again, and returns the median time in microseconds.
func (d *docker) measure(socket string, duration time.Duration) (float64, error) {
	c, err := dialDocker(socket)
	if err != nil {
		return 0, err
	}
	defer c.conn.Close()
	var times []float64
	for end := time.Now().Add(duration); len(times) < 6 || time.Now().Before(end); {
		begin := time.Now()
		status, body, err := c.roundTrip(d.message)
		if err != nil {
			return 0, err
		}
		if times = append(times, microseconds(time.Since(begin))); status != d.status {
			return 0, fmt.Errorf("status %d: %s", status, body)
		}
		if d.undo != nil {
			if err := d.undo(c, body); err != nil {
				return 0, err
			}
		}
	}
	return median(times[min(3, len(times)/2):]), nil // the first ones open connections
}

type dockerClient struct {
	conn   net.Conn
	reader *bufio.Reader
}

func dialDocker(socket string) (*dockerClient, error) {
	conn, err := net.Dial("unix", socket)
	if err != nil {
		return nil, err
	}
	return &dockerClient{conn, bufio.NewReader(conn)}, nil
}

func (c *dockerClient) roundTrip(message []byte) (int, []byte, error) {
	if _, err := c.conn.Write(message); err != nil {
		return 0, nil, err
	}
	answer, err := http.ReadResponse(c.reader, nil)
	if err != nil {
		return 0, nil, err
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	return answer.StatusCode, body, err
}
