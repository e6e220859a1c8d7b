package test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"caisson/test/engine"
)

// imagesPolicy protects the image of the tests, lets nothing out or in, and lets build what %t says.
const imagesPolicy = `
version = 1
profile = "none"
[rules.image-pull]
registries = ["docker.io/caisson-test/*"]
[rules.image-push]
registries = []
[rules.image-import]
import = %[1]t
load = %[1]t
[rules.protected-images]
names = ["docker.io/caisson-test/*"]
allow_load = %[1]t
allow_build = %[1]t
[rules.build]
classic = %[1]t
buildkit = %[1]t
`

// imageTest is an engine with a trusted image, one of the user's own, and a server that nobody is to reach.
type imageTest struct {
	e       *engine.Engine
	server  string
	reached atomic.Int32
	trusted string // ID
	folder  string
}

// TestImages tries every way to an image's name and to the world outside. What the engine has afterwards is the proof.
func TestImages(t *testing.T) {
	onEach(t, func(t *testing.T, version engine.Version) {
		x := &imageTest{folder: t.TempDir()}
		server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { x.reached.Add(1) }))
		defer server.Close()
		x.server = strings.TrimPrefix(server.URL, "http://")
		x.e = engine.Start(t, engine.Options{Version: version, HostNetwork: true, Caisson: &engine.CaissonOptions{Policy: permissive}})
		x.arrange(t)

		setPolicy(t, x.e.Caisson, fmt.Sprintf(imagesPolicy, false))
		x.closed(t)
		x.hidden(t)
		if n := x.reached.Load(); n != 0 {
			t.Errorf("the daemon has reached the server %d times", n)
		}
		setPolicy(t, x.e.Caisson, fmt.Sprintf(imagesPolicy, true))
		x.opened(t)
	})
}

// arrange makes an image of the user's own, archives, and a folder to build from.
func (x *imageTest) arrange(t *testing.T) {
	t.Helper()
	x.trusted = x.id(t, engine.Image)
	must(t, x.e, "create", "--name", "box", engine.Image, "true")
	must(t, x.e, "commit", "--change", "LABEL mine=1", "box", "mine/img:1")
	must(t, x.e, "tag", "mine/img:1", x.server+"/mine:1")
	must(t, x.e, "save", "-o", x.path("load.tar"), "mine/img:1")
	must(t, x.e, "export", "-o", x.path("import.tar"), "box")
	if err := os.Mkdir(x.path("context"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(x.path("context/Dockerfile"), []byte("FROM "+engine.Image+"\nLABEL built=1\n"), 0o600); err != nil {
		t.Fatal(err)
	}
}

func (x *imageTest) path(name string) string { return filepath.Join(x.folder, name) }

// id asks the engine what a name means; "" is nothing.
func (x *imageTest) id(t *testing.T, name string) string {
	t.Helper()
	r := x.e.Docker("image", "inspect", "--format", "{{.Id}}", name)
	if r.Code != 0 && !strings.Contains(r.Stderr, "No such image") {
		t.Fatalf("inspect %s: %+v", name, r)
	}
	return strings.TrimSpace(r.Stdout)
}

// docker runs a command with the classic builder.
func (x *imageTest) docker(args ...string) engine.Result {
	return x.e.Run(exec.Command("env", append([]string{"DOCKER_BUILDKIT=0", "docker"}, args...)...))
}

func (x *imageTest) closed(t *testing.T) {
	t.Helper()
	for _, tt := range []struct{ rule, command string }{
		{"protected-images", "tag mine/img:1 " + engine.Image},
		{"protected-images", "tag mine/img:1 docker.io/caisson-test/new"},
		{"protected-images", "commit box " + engine.Image},
		{"protected-images", "import " + x.path("import.tar") + " " + engine.Image},
		{"image-import", "import " + x.path("import.tar") + " mine/imported"},
		{"image-import", "import http://" + x.server + "/a.tar mine/imported"},
		{"image-import", "load -i " + x.path("load.tar")},
		{"image-push", "push " + x.server + "/mine:1"},
		{"image-pull", "pull " + x.server + "/other:1"},
		{"protected-images", "rmi -f " + engine.Image},
		{"protected-images", "rmi -f " + x.trusted},
		{"protected-images", "image prune -a -f"},
		{"build", "build -t mine/built " + x.path("context")},
		{"build", "build -t " + engine.Image + " " + x.path("context")},
		{"build", "build --network host -t mine/built " + x.path("context")},
	} {
		if r := x.docker(strings.Fields(tt.command)...); r.Code == 0 || !strings.Contains(r.Stderr+r.Stdout, "["+tt.rule+"]") {
			t.Errorf("docker %s: exit %d\n%s%s", tt.command, r.Code, r.Stdout, r.Stderr)
		}
		x.unchanged(t, tt.command)
	}
	for _, target := range []string{
		"/session", "/grpc", "/v1.41/build?version=2&remote=client-session", "/v1.41/build?t=mine%2Fbuilt&remote=http%3A%2F%2F" + x.server + "%2Fcontext.tar",
	} {
		header := http.Header{"Upgrade": {"h2c"}, "Connection": {"Upgrade"}, "Content-Length": {"0"}}
		if r, err := x.e.Begin("POST", target, header, nil); err != nil || r.Status != http.StatusForbidden || !strings.Contains(r.Message(), "[build]") {
			t.Errorf("POST %s: %+v, %v", target, r, err)
		}
	}
}

// hidden sends parameters where they do not show.
func (x *imageTest) hidden(t *testing.T) {
	t.Helper()
	for _, tt := range []struct{ target, body string }{
		{"/v1.41/images/mine/img:1/tag?repo=mine%2Fimg&tag=2", "repo=caisson-test%2Fbusybox&tag=1"},
		{"/v1.41/commit?container=box&repo=mine%2Fcommitted", "repo=caisson-test%2Fbusybox&tag=1"},
		{"/v1.41/containers/box/rename?name=crate", "name=hidden"},
		{"/v1.41/images/create?fromImage=caisson-test%2Fbusybox&tag=1", "fromImage=" + x.server + "%2Fother"},
		{"/v1.41/images/" + x.server + "/mine/push?tag=1", "tag=1"},
	} {
		header := http.Header{"Content-Type": {"application/x-www-form-urlencoded", "application/x-tar"}}
		r, err := x.e.Do("POST", tt.target, header, []byte(tt.body))
		if err != nil || r.Status != http.StatusInternalServerError || !strings.Contains(r.Message(), "cannot be judged") {
			t.Errorf("POST %s: %+v, %v", tt.target, r, err)
		}
		x.unchanged(t, tt.target)
	}
	if c, found, err := x.e.Container("hidden"); found || err != nil {
		t.Errorf("the container was renamed: %+v, %v", c, err)
	}
}

func (x *imageTest) unchanged(t *testing.T, after string) {
	t.Helper()
	if got := x.id(t, engine.Image); got != x.trusted {
		t.Fatalf("after %s the trusted name means %q", after, got)
	}
	for _, name := range []string{"caisson-test/new", "mine/imported", "mine/built", "mine/committed", "mine/img:2"} {
		if got := x.id(t, name); got != "" {
			t.Fatalf("after %s there is an image %s", after, name)
		}
	}
}

// opened does what the other policy permits, and tries what it still forbids.
func (x *imageTest) opened(t *testing.T) {
	t.Helper()
	for _, command := range []string{
		"tag mine/img:1 mine/img:2", "rmi mine/img:2", "commit box mine/committed", "load -i " + x.path("load.tar"),
		"build --network none -t mine/built " + x.path("context"),
	} {
		if r := x.docker(strings.Fields(command)...); r.Code != 0 {
			t.Errorf("docker %s: exit %d\n%s%s", command, r.Code, r.Stdout, r.Stderr)
		}
	}
	for _, name := range []string{"mine/committed", "mine/built", "mine/img:1"} {
		if x.id(t, name) == "" {
			t.Errorf("there is no image %s", name)
		}
	}
	for _, tt := range []struct{ rule, command string }{
		{"protected-images", "build --network none -t " + engine.Image + " " + x.path("context")},
		{"build", "build --network host -t mine/network " + x.path("context")},
		{"image-pull", "import " + x.path("import.tar") + " mine/imported"}, // may be a pull, as its body is not shown
	} {
		if r := x.docker(strings.Fields(tt.command)...); r.Code == 0 || !strings.Contains(r.Stderr+r.Stdout, "["+tt.rule+"]") {
			t.Errorf("docker %s: exit %d\n%s%s", tt.command, r.Code, r.Stdout, r.Stderr)
		}
	}
	if got := x.id(t, engine.Image); got != x.trusted {
		t.Errorf("the trusted name means %q", got)
	}
}
