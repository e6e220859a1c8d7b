package main

import (
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"go.uber.org/zap"

	"caisson/authz"
	"caisson/authz/cases"
	"caisson/authz/request"
	"caisson/config"
)

// recipe is the first policy below a heading of docs/recipes.md.
var recipe = regexp.MustCompile("(?ms)^## ([^\n]+)\n(.*?)^```toml\n(.*?)^```")

const (
	one = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
	two = "fedcba9876543210fedcba9876543210fedcba9876543210fedcba9876543210"
)

// TestRecipes sends what each recipe says that passes, and what it says is refused. Rules that have to ask an Engine for images are left out of what
// has to pass: here is none, and test/ has them.
func TestRecipes(t *testing.T) {
	text, err := os.ReadFile("../../docs/recipes.md")
	if err != nil {
		t.Fatal(err)
	}
	policies := make(map[string]*authz.Policy)
	for _, m := range recipe.FindAllSubmatch(text, -1) {
		f, err := (config.Reader{Files: anyFiles{t}}).Read("/etc/caisson/policy.toml", m[3], time.Date(2026, 11, 24, 0, 0, 0, 0, time.UTC))
		if err != nil {
			t.Fatal(err)
		}
		policies[string(m[1])] = f.Policy
	}
	const limits = `"Memory":1073741824,"NanoCpus":1000000000,"PidsLimit":200`
	const socket = `"Binds":["/var/run/docker.sock:/var/run/docker.sock"]`
	create := func(image, hostConfig string) request.Call {
		return post("/containers/create", `{"Image":"`+image+`","HostConfig":{`+hostConfig+`}}`)
	}
	// developer is the same from somebody with a certificate.
	developer := func(c request.Call) request.Call {
		file := c.Method + " " + c.Target + "\nCaisson-Certificate: cn=ann; ou=Development\n"
		parsed, err := cases.Parse("developer", []byte("-- request --\n"+file+"-- body.json --\n"+string(c.Body)+"\n"))
		if err != nil {
			t.Fatal(err)
		}
		return parsed.Call()
	}
	const hardened = limits + `,"NetworkMode":"app","ReadonlyRootfs":true,"SecurityOpt":["no-new-privileges"],"RestartPolicy":{"Name":"on-failure","MaximumRetryCount":5}`
	cis := func(hostConfig string) request.Call {
		return post("/containers/create", `{"Image":"app","Healthcheck":{"Test":["CMD-SHELL","true"]},"HostConfig":{`+hostConfig+`}}`)
	}
	tried := make(map[string]bool)
	for _, c := range []struct {
		recipe, name string
		call         request.Call
		rules        string // that refuse it
	}{
		{"CI host", "a job", create("golang", limits+`,"Binds":["/srv/ci/work/job1:/src"]`), ""},
		{"CI host", "push", post("/images/registry.example.com/ci/app/push", ""), ""},
		{"CI host", "no limits", create("golang", ""), "memory"},
		{"CI host", "too much", create("golang", `"Memory":17179869184`), "memory"},
		{"CI host", "home", create("golang", limits+`,"Binds":["/home:/x"]`), "bind-mounts"},
		{"CI host", "socket", create("golang", limits+","+socket), "bind-mounts"},
		{"CI host", "privileged", create("docker:dind", limits+`,"Privileged":true`), "privileged"},
		{"CI host", "push elsewhere", post("/images/evil.example.com/app/push", ""), "image-push"},

		{"Testcontainers", "ryuk", create("testcontainers/ryuk@sha256:"+one, socket), ""},
		{"Testcontainers", "a test", create("postgres", limits), ""},
		{"Testcontainers", "ryuk by tag", create("testcontainers/ryuk:0.11.0", socket), "bind-mounts memory"},
		{"Testcontainers", "another digest", create("testcontainers/ryuk@sha256:"+two, socket), "bind-mounts memory"},
		{"Testcontainers", "host-pid", create("testcontainers/ryuk@sha256:"+one, socket+`,"PidMode":"host"`), "host-pid"},

		{"Sandbox for AI agents", "python", create("python:3.13", limits+`,"Binds":["/srv/agents/project:/work"]`), ""},
		{"Sandbox for AI agents", "port", create("python:3.13", limits+`,"PortBindings":{"80/tcp":[{"HostIp":"127.0.0.1","HostPort":"8080"}]}`), ""},
		{"Sandbox for AI agents", "below", create("python:3.13", limits+`,"Binds":["/srv/agents/project/a:/work"]`), "bind-mounts"},
		{"Sandbox for AI agents", "socket", create("python:3.13", limits+","+socket), "bind-mounts"},
		{"Sandbox for AI agents", "other image", create("evil.example.com/x", limits), "image-reference"},
		{"Sandbox for AI agents", "exec", post("/containers/c/exec", `{"Cmd":["sh"],"Privileged":true}`), "privileged"},
		{"Sandbox for AI agents", "devices", create("python:3.13", limits+`,"PidMode":"host","Devices":[{"PathOnHost":"/dev/sda","PathInContainer":"/dev/sda","CgroupPermissions":"rwm"}]`), "devices host-pid"},
		{"Sandbox for AI agents", "all ports", create("python:3.13", limits+`,"PortBindings":{"80/tcp":[{"HostPort":"8080"}]}`), "published-ports"},
		{"Sandbox for AI agents", "build", post("/build", ""), "build"},
		{"Sandbox for AI agents", "push", post("/images/python/push", ""), "image-push"},

		{"Shared build server", "build", developer(post("/build?networkmode=default&t=app", "")), ""},
		{"Shared build server", "push", developer(post("/images/registry.example.com/team/app/push", "")), ""},
		{"Shared build server", "run", developer(post("/containers/create?name=dev-ann-1", `{"Image":"app","HostConfig":{"Memory":1073741824}}`)), ""},
		{"Shared build server", "list", developer(request.Call{Method: "GET", Target: "/v1.41/containers/json"}), ""},
		{"Shared build server", "other name", developer(post("/containers/create?name=db", `{"Image":"app","HostConfig":{"Memory":1073741824}}`)), "access"},
		{"Shared build server", "volume", developer(post("/volumes/create", `{"Name":"x"}`)), "access"},
		{"Shared build server", "prune", developer(post("/containers/prune", "")), "access"},
		{"Shared build server", "push elsewhere", developer(post("/images/evil.example.com/app/push", "")), "image-push"},
		{"Shared build server", "base", developer(post("/images/app/tag?repo=registry.example.com/base/go&tag=1", "")), "protected-images"},
		{"Shared build server", "local", post("/volumes/create", `{"Name":"x"}`), ""},

		{"Portainer, Watchtower", "portainer", create("portainer/portainer-ce@sha256:"+one, `"Binds":["/var/run/docker.sock:/var/run/docker.sock","portainer_data:/data"]`), ""},
		{"Portainer, Watchtower", "watchtower", create("containrrr/watchtower@sha256:"+two, socket), ""},
		{"Portainer, Watchtower", "by tag", create("portainer/portainer-ce", socket), "bind-mounts"},
		{"Portainer, Watchtower", "made in it", create("alpine", `"Privileged":true`), "privileged"},
		{"Portainer, Watchtower", "agent", create("portainer/portainer-ce@sha256:"+one, `"Binds":["/var/lib/docker/volumes:/var/lib/docker/volumes","/:/host"]`), "self-protection"},

		{"GPU host", "gpus", create("pytorch", limits+`,"ShmSize":8589934592,"DeviceRequests":[{"Driver":"","Count":-1,"Capabilities":[["gpu"]]}]`), ""},
		{"GPU host", "node", create("pytorch", limits+`,"Devices":[{"PathOnHost":"/dev/nvidia0","PathInContainer":"/dev/nvidia0","CgroupPermissions":"rwm"}]`), "devices"},
		{"GPU host", "ipc", create("pytorch", limits+`,"IpcMode":"host"`), "host-ipc"},
		{"GPU host", "cdi", create("pytorch", limits+`,"DeviceRequests":[{"Driver":"cdi","DeviceIDs":["nvidia.com/gpu=0"]}]`), "device-requests"},

		{"CIS host", "all of it", cis(hardened + `,"PortBindings":{"80/tcp":[{"HostIp":"192.0.2.10","HostPort":"8080"}]}`), ""},
		{"CIS host", "plain", create("app", ""), "cpu healthcheck memory networks no-new-privileges pids read-only-rootfs"},
		{"CIS host", "always", cis(strings.Replace(hardened, `"on-failure","MaximumRetryCount":5`, `"always"`, 1)), "restart-policy"},
		{"CIS host", "low port", cis(hardened + `,"PortBindings":{"80/tcp":[{"HostIp":"192.0.2.10","HostPort":"80"}]}`), "published-ports"},
		{"CIS host", "all addresses", cis(hardened + `,"PortBindings":{"80/tcp":[{"HostPort":"8080"}]}`), "published-ports"},

		{"Regulated server", "build", post("/build", ""), "build protected-images"},
		{"Regulated server", "load", post("/images/load", ""), "image-import protected-images"},
		{"Regulated server", "push", post("/images/registry.example.com/app/push", ""), "image-push"},
		{"Regulated server", "pull elsewhere", post("/images/create?fromImage=alpine&tag=1", ""), "image-pull"},

		{"Hosts with old containers", "made anew", create("alpine", `"Privileged":true`), "privileged"},
	} {
		p := policies[c.recipe]
		if p == nil {
			t.Fatalf("there is no recipe %q", c.recipe)
		}
		tried[c.recipe] = true
		a := &authz.Authorizer{Policy: func() *authz.Policy { return p }, Log: zap.NewNop(), Now: func() time.Time { return time.Date(2026, 11, 24, 0, 0, 0, 0, time.UTC) }}
		d := a.Authorize(t.Context(), c.call)
		var rules []string
		for _, v := range d.Violations {
			if id := string(v.Rule); !slices.Contains(rules, id) {
				rules = append(rules, id)
			}
		}
		if got := strings.Join(rules, " "); d.Err != nil || got != c.rules {
			t.Errorf("%s, %s: refused by %q, want %q; %v\n%s", c.recipe, c.name, got, c.rules, d.Err, d.Message())
		}
	}
	for name := range policies {
		if !tried[name] {
			t.Errorf("nothing of the recipe %q is tried", name)
		}
	}
}

func post(target, body string) request.Call {
	c := request.Call{Method: "POST", Target: "/v1.41" + target, Headers: map[string]string{}}
	if body != "" {
		c.Body, c.Headers["Content-Type"] = []byte(body), "application/json"
	}
	return c
}
