package authz_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"

	"go.uber.org/zap"

	"caisson/authz"
	"caisson/authz/image"
	"caisson/authz/request"
	"caisson/authz/rules"
	"caisson/authz/state"
	"caisson/config"
)

// countingView counts what it is asked and answers from a fixed view, or with an error.
type countingView struct {
	state.View
	asked int
	err   error
}

func (v *countingView) Container(ctx context.Context, name string) (*request.Stored, error) {
	if v.asked++; v.err != nil {
		return nil, v.err
	}
	return v.View.Container(ctx, name)
}

func (v *countingView) ContainerIDs(ctx context.Context, prefix string) ([]string, error) {
	if v.asked++; v.err != nil {
		return nil, v.err
	}
	return v.View.ContainerIDs(ctx, prefix)
}

func (v *countingView) Exec(ctx context.Context, id string) (*state.Exec, error) {
	if v.asked++; v.err != nil {
		return nil, v.err
	}
	return v.View.Exec(ctx, id)
}

func (v *countingView) Volume(ctx context.Context, name string) (*state.Volume, error) {
	if v.asked++; v.err != nil {
		return nil, v.err
	}
	return v.View.Volume(ctx, name)
}

func stored(id, hostConfig string) json.RawMessage {
	return json.RawMessage(fmt.Sprintf(`{"Id":%q,"Name":"/%s","Config":{"Image":"x"},"HostConfig":%s,"NetworkSettings":{}}`, id, id, hostConfig))
}

func gate(v state.View) *authz.Authorizer {
	p := config.Default(rules.Baseline)
	return &authz.Authorizer{Policy: func() *authz.Policy { return p }, State: v, Log: zap.NewNop()}
}

func do(a *authz.Authorizer, method, target, body string) *authz.Decision {
	headers := map[string]string{"Content-Length": fmt.Sprint(len(body)), "Content-Type": "application/json"}
	return a.Authorize(context.Background(), request.Call{Method: method, Target: target, Body: []byte(body), Headers: headers})
}

// TestLookUpsDoNotRecurse sends every request that package state/docker makes: none of them may lead to a look-up, because each
// look-up comes back as such a request.
func TestLookUpsDoNotRecurse(t *testing.T) {
	for _, target := range []string{"/v1.41/containers/x/json", "/containers/p/alias/json", "/exec/x/json", "/v1.41/volumes/x", "/v1.41/networks/x", "/networks/host?scope=swarm", "/v1.41/images/registry.example.com/a/b:1/json?platform=x", "/v1.41/info", "/_ping", "/v1.41/version"} {
		for _, method := range []string{"GET", "HEAD"} {
			v := &countingView{err: errors.New("asked")}
			d := do(gate(v), method, target, "")
			if v.asked > 0 || method == "GET" && !d.Passes() {
				t.Errorf("%s %s: asked %d times, %v: %s", method, target, v.asked, d.Verdict, d.Message())
			}
		}
	}
}

func TestExistingContainers(t *testing.T) {
	v := state.Fixed{
		Containers: map[string]json.RawMessage{
			"good":     stored("good", `{"NetworkMode":"default","Runtime":"runc"}`),
			"bad":      stored("bad", `{"Privileged":true}`),
			"via":      stored("via", `{"PidMode":"container:bad"}`),
			"loop":     stored("loop", `{"IpcMode":"container:loop"}`),
			"lost":     stored("lost", `{"NetworkMode":"container:gone"}`),
			"fade":     json.RawMessage(`{"Id":"0123","Name":"/fade","Config":{},"HostConfig":{},"NetworkSettings":{}}`),
			"fade4567": stored("fade4567", `{"Privileged":true}`), // ID and name in one
			"vol":      stored("vol", `{"Binds":["data:/d"]}`),
		},
		Execs:   map[string]*state.Exec{"e1": {Container: "good"}, "e2": {Container: "bad"}, "e3": {Container: "good", Privileged: true}},
		Volumes: map[string]*state.Volume{"data": {Driver: "local", Options: map[string]string{"type": "none", "o": "bind", "device": "/"}}},
		Daemon:  request.Defaults{Runtime: "runc"},
	}
	for _, tt := range []struct{ method, target, body, want string }{
		{"POST", "/containers/good/start", "", ""},
		{"POST", "/containers/bad/start", "", "container bad: HostConfig.Privileged is true"},
		{"POST", "/containers/bad/restart", "", "container bad: HostConfig.Privileged"},
		{"POST", "/containers/bad/unpause", "", "container bad: HostConfig.Privileged"},
		{"POST", "/containers/bad/attach", "", "container bad: HostConfig.Privileged"},
		{"POST", "/containers/bad/exec", `{"Cmd":["id"]}`, "container bad: HostConfig.Privileged"},
		{"POST", "/containers/bad/rename?name=x", "", "container bad: HostConfig.Privileged"},
		{"GET", "/containers/bad/archive?path=/etc", "", "container bad: HostConfig.Privileged"},
		{"GET", "/containers/bad/export", "", "container bad: HostConfig.Privileged"},
		{"POST", "/commit?container=bad", "", "container bad: HostConfig.Privileged"},
		{"POST", "/networks/n/connect", `{"Container":"bad"}`, "container bad: HostConfig.Privileged"},
		{"POST", "/containers/fade/start", "", "container fade4567: HostConfig.Privileged"}, // when fade goes away, this is it
		{"POST", "/containers/0123/start", "", ""},
		{"POST", "/exec/e1/start", `{}`, ""},
		{"POST", "/exec/e2/start", `{}`, "container bad: HostConfig.Privileged"},
		{"POST", "/exec/e3/start", `{}`, "exec: Privileged is true"},
		{"POST", "/containers/via/start", "", "container bad: HostConfig.Privileged"},
		{"POST", "/containers/loop/start", "", ""},
		{"POST", "/containers/lost/start", "", "container lost: HostConfig.NetworkMode"},
		{"POST", "/containers/vol/start", "", "container vol: HostConfig.Binds[0] makes the volume a bind"},
		{"POST", "/containers/none/start", "", ""}, // the Engine says that there is none
		{"POST", "/containers/%20bad/rename?name=x", "", "its name holds characters that no name has"},
		{"POST", "/containers/bad/update", `{"Memory":1}`, "container bad: HostConfig.Privileged"},
		{"POST", "/containers/good/update", `{"CpuRealtimeRuntime":5}`, "container good: CpuRealtimeRuntime is 5"},
		{"POST", "/containers/good/update", `{"Memory":5000000,"Devices":[{}],"RestartPolicy":{"Name":"always"}}`, ""},
		{"PUT", "/containers/good/archive?path=/", "", ""},
		{"PUT", "/containers/bad/archive?path=/", "", "container bad: HostConfig.Privileged"},
		{"GET", "/containers/bad/attach/ws", "", "container bad: HostConfig.Privileged"},
		{"POST", "/containers/bad/stop", "", ""},
		{"GET", "/containers/bad/json", "", ""},
		{"POST", "/containers/create", `{"Image":"x","HostConfig":{"PidMode":"container:good"}}`, ""},
		{"POST", "/containers/create", `{"Image":"x","HostConfig":{"PidMode":"container:bad"}}`, "container bad: HostConfig.Privileged"},
		{"POST", "/containers/create", `{"Image":"x","HostConfig":{"PidMode":"container:via"}}`, "container bad: HostConfig.Privileged"},
		{"POST", "/containers/create", `{"Image":"x","HostConfig":{"PidMode":"container:gone"}}`, "HostConfig.PidMode joins the container"},
		{"POST", "/containers/create", `{"Image":"x","HostConfig":{"VolumesFrom":["vol:ro"]}}`, "container vol: HostConfig.Binds[0]"},
		{"POST", "/containers/create", `{"Image":"x","HostConfig":{"Links":["bad:alias"]}}`, "container bad: HostConfig.Privileged"},
		{"POST", "/containers/create", `{"Image":"x","HostConfig":{"Binds":["data:/d"]}}`, "HostConfig.Binds[0] makes the volume a bind mount of"},
		{"POST", "/containers/create", `{"Image":"x","HostConfig":{"Mounts":[{"Type":"volume","Source":"data","Target":"/d"}]}}`, "HostConfig.Mounts[0] makes the volume a bind mount of"},
	} {
		d := do(gate(v), tt.method, tt.target, tt.body)
		if got := d.Message(); tt.want == "" && got != "" || !strings.Contains(got, tt.want) {
			t.Errorf("%s %s %s:\ngot  %q\nwant %q", tt.method, tt.target, tt.body, got, tt.want)
		}
	}
}

// TestUnreachableEngineIsUndecided makes sure that what cannot be looked at is refused.
func TestUnreachableEngineIsUndecided(t *testing.T) {
	a := gate(&countingView{err: errors.New("connection refused")})
	for _, target := range []string{"/containers/x/start", "/containers/x/exec", "/exec/x/start", "/containers/create"} {
		if d := do(a, "POST", target, `{"HostConfig":{"Binds":["v:/d"]}}`); d.Verdict != authz.Undecided && target != "/containers/x/start" || d.Passes() {
			t.Errorf("%s: %v", target, d.Verdict)
		}
	}
}

func TestExistingModes(t *testing.T) {
	v := &countingView{View: state.Fixed{Containers: map[string]json.RawMessage{"evil": stored("evil", `{"Privileged":true}`)}}}
	a := gate(v)
	for mode, want := range map[authz.Mode]int{authz.Enforce: 1, authz.Audit: 1, authz.Off: 0} {
		a.Policy().Existing, v.asked = mode, 0
		d := do(a, "POST", "/containers/evil/start", "")
		if d.Passes() != (mode != authz.Enforce) || v.asked != want || (len(d.Audited) > 0) != (mode == authz.Audit) {
			t.Errorf("%v: passes %v, asked %d, audited %v", mode, d.Passes(), v.asked, d.Audited)
		}
	}
}

// TestChainsEnd gives a request a chain of containers without end.
func TestChainsEnd(t *testing.T) {
	v := state.Fixed{Containers: map[string]json.RawMessage{}}
	for i := range 200 {
		v.Containers[fmt.Sprintf("c%d", i)] = stored(fmt.Sprintf("c%d", i), fmt.Sprintf(`{"PidMode":"container:c%d"}`, i+1))
	}
	if d := do(gate(v), "POST", "/containers/c0/start", ""); d.Verdict != authz.Undecided || !strings.Contains(d.Message(), "more than 64 containers") {
		t.Errorf("got %v: %s", d.Verdict, d.Message())
	}
}

// TestExceptionsAreNotInherited joins a container that an exception covers: the newcomer gets the host's processes as well, and nobody
// has made an exception for it. The excepted container itself may be started and entered.
func TestExceptionsAreNotInherited(t *testing.T) {
	const image = "quay.io/a/b@sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
	exporter := json.RawMessage(`{"Id":"e","Name":"/exporter","Config":{"Image":"` + image + `"},"HostConfig":{"PidMode":"host"}}`)
	a := gate(state.Fixed{Containers: map[string]json.RawMessage{"exporter": exporter, "joined": stored("joined", `{"PidMode":"container:exporter"}`)}})
	p, err := config.Parse("policy.toml", []byte("version = 1\n[[exceptions]]\nname = \"e\"\nrules = [\"host-pid\"]\nimage = \""+image+"\"\nexpires = 2999-01-01\nowner = \"o\"\nreason = \"r\"\n"), caseTime)
	if err != nil {
		t.Fatal(err)
	}
	a.Policy = func() *authz.Policy { return p }
	for _, tt := range []struct{ target, body, want string }{
		{"/containers/create", `{"Image":"` + image + `","HostConfig":{"PidMode":"host"}}`, ""},
		{"/containers/exporter/start", "", ""},
		{"/containers/exporter/exec", `{}`, ""},
		{"/containers/create", `{"Image":"x","HostConfig":{"PidMode":"container:exporter"}}`, "container exporter: HostConfig.PidMode"},
		{"/containers/joined/start", "", "container exporter: HostConfig.PidMode"},
	} {
		if got := do(a, "POST", tt.target, tt.body).Message(); tt.want == "" && got != "" || !strings.Contains(got, tt.want) {
			t.Errorf("%s %s:\ngot  %q\nwant %q", tt.target, tt.body, got, tt.want)
		}
	}
}

// id is a full ID that begins with some digits.
func id(prefix string) string { return prefix + strings.Repeat("0", 64-len(prefix)) }

func inspect(id, name, hostConfig, mounts string) json.RawMessage {
	return json.RawMessage(fmt.Sprintf(`{"Id":%q,"Name":"/%s","Config":{"Image":"x"},"HostConfig":%s,"NetworkSettings":{},"Mounts":%s}`, id, name, hostConfig, mounts))
}

// TestDonorsThatAreGone judges containers by what they got from others, which stays when the other is removed and its name, or even its
// ID, is given to a harmless container.
func TestDonorsThatAreGone(t *testing.T) {
	const hostRoot = `[{"Type":"bind","Source":"/","Destination":"/host","RW":true,"Propagation":"rprivate"}]`
	a := gate(state.Fixed{Containers: map[string]json.RawMessage{
		"donor":  inspect(id("1"), "donor", `{}`, `[]`), // made after the real one was removed
		"victim": inspect(id("2"), "victim", `{"VolumesFrom":["donor"]}`, hostRoot),
		"app":    inspect(id("3"), "app", `{"VolumesFrom":["removed"]}`, `[{"Type":"volume","Name":"data","Source":"/var/lib/docker/volumes/data/_data","Destination":"/d","Driver":"local","RW":true}]`),
		// The Engine keeps what was taken over where the container or its image asks for an anonymous volume, and below a tmpfs.
		"hidden": json.RawMessage(`{"Id":"` + id("8") + `","Name":"/hidden","Config":{"Image":"x","Volumes":{"/host":{}}},"HostConfig":{"VolumesFrom":["removed"]},"Mounts":` + hostRoot + `}`),
		"below":  inspect(id("9"), "below", `{"VolumesFrom":["removed"],"Tmpfs":{"/host":""}}`, hostRoot),
		"image":  json.RawMessage(`{"Id":"` + id("a") + `","Name":"/image","Config":{"Image":"x","Volumes":{"/d":{}}},"HostConfig":{"VolumesFrom":["removed"]},"Mounts":[{"Type":"volume","Name":"root","Source":"/var/lib/docker/volumes/root/_data","Destination":"/d","Driver":"local","RW":true}]}`),
		"own":    json.RawMessage(`{"Id":"` + id("b") + `","Name":"/own","Config":{"Image":"x","Volumes":{"/d":{},"/etc/localtime":{}}},"HostConfig":{"VolumesFrom":["removed"],"Binds":["data:/d","/etc/localtime:/etc/localtime:ro"]},"Mounts":[{"Type":"volume","Name":"data","Destination":"/d","Driver":"local","RW":true},{"Type":"bind","Source":"/etc/localtime","Destination":"/etc/localtime"}]}`),
		id("4"):  inspect(id("5"), id("4"), `{}`, `[]`), // bears the ID of a removed container as its name
		"joined": inspect(id("6"), "joined", `{"PidMode":"container:`+id("4")+`"}`, `[]`),
		"named":  inspect(id("7"), "named", `{"PidMode":"container:donor"}`, `[]`),
	}, Volumes: map[string]*state.Volume{"root": {Name: "root", Driver: "local", Options: map[string]string{"type": "none", "o": "bind", "device": "/"}}}})
	for _, tt := range []struct{ target, body, want string }{
		{"/containers/victim/start", "", `container victim: Mounts[/host] mounts the host's "/"`},
		{"/containers/victim/exec", `{}`, "container victim: Mounts[/host]"},
		{"/containers/create", `{"HostConfig":{"VolumesFrom":["victim"]},"Image":"x"}`, "container victim: Mounts[/host]"},
		{"/containers/app/exec", `{}`, ""},
		{"/containers/hidden/start", "", `container hidden: Mounts[/host] mounts the host's "/"`},
		{"/containers/create", `{"HostConfig":{"VolumesFrom":["hidden"]},"Image":"x"}`, "container hidden: Mounts[/host]"},
		{"/containers/below/start", "", `container below: Mounts[/host] mounts the host's "/"`},
		{"/containers/image/start", "", `container image: Mounts[/d]`},
		{"/containers/own/start", "", ""},
		{"/containers/joined/start", "", "container joined: HostConfig.PidMode joins the container"},
		{"/containers/named/start", "", "container named: HostConfig.PidMode joins the container"},
	} {
		if got := do(a, "POST", tt.target, tt.body).Message(); tt.want == "" && got != "" || !strings.Contains(got, tt.want) {
			t.Errorf("%s %s:\ngot  %q\nwant %q", tt.target, tt.body, got, tt.want)
		}
	}
}

// TestNamesLikeIDs gives names that begin IDs: of another container, of the container's own, and of two at once.
func TestNamesLikeIDs(t *testing.T) {
	forbidden := inspect(id("c3f"), "forbidden", `{"Privileged":true}`, `[]`)
	for name, containers := range map[string]map[string]json.RawMessage{
		"of another":      {"c3": inspect(id("1"), "c3", `{}`, `[]`)},
		"of its own":      {"c3": inspect(id("c30"), "c3", `{}`, `[]`)},
		"of two, no name": {},
	} {
		containers[id("c3f")] = forbidden
		a := gate(state.Fixed{Containers: containers})
		if got := do(a, "POST", "/containers/c3/start", "").Message(); !strings.Contains(got, "container forbidden: HostConfig.Privileged") {
			t.Errorf("%s: %q", name, got)
		}
	}
}

// TestUpdateWithNamesake makes sure that the update is applied to the container it is meant for.
func TestUpdateWithNamesake(t *testing.T) {
	a := gate(state.Fixed{Containers: map[string]json.RawMessage{
		"c3":      inspect(id("1"), "c3", `{"CpuQuota":100000,"CpuPeriod":100000}`, `[]`),
		id("c3f"): inspect(id("c3f"), "other", `{"CpuQuota":10000,"CpuPeriod":100000}`, `[]`),
	}})
	p, err := config.Parse("policy.toml", []byte("version = 1\nprofile = \"none\"\n[rules.cpu]\nmax = 1\n"), caseTime)
	if err != nil {
		t.Fatal(err)
	}
	a.Policy = func() *authz.Policy { return p }
	if d := do(a, "POST", "/containers/c3/update", `{"CpuPeriod":10000}`); d.Passes() || !strings.Contains(d.Message(), "container c3: HostConfig.CpuQuota is 10 CPUs") {
		t.Errorf("got %v: %s", d.Verdict, d.Message())
	}
}

// TestLooksAreBounded asks for thousands of objects.
func TestLooksAreBounded(t *testing.T) {
	v := &countingView{View: state.None}
	body := `{"Image":"x","HostConfig":{"Binds":["` + strings.Repeat(`v:/d","`, 9000) + `w:/d"]}}`
	if d := do(gate(v), "POST", "/containers/create", body); d.Verdict != authz.Undecided || v.asked > 256 {
		t.Errorf("got %v after %d look-ups", d.Verdict, v.asked)
	}
}

// countingFiles counts looks at paths of the host.
type countingFiles struct{ looks int }

func (f *countingFiles) Follow(_ context.Context, path string) (resolved, link string, err error) {
	f.looks++
	return path, "", nil
}

// TestPathsAreBounded mounts thousands of paths of the host, and then as many as may be looked at.
func TestPathsAreBounded(t *testing.T) {
	p, err := config.Parse("policy.toml", []byte("version = 1\nprofile = \"none\"\n"), caseTime)
	if err != nil {
		t.Fatal(err)
	}
	for mounts, want := range map[int]authz.Verdict{9000: authz.Undecided, 257: authz.Undecided, 256: authz.Allow} {
		a, files := gate(state.None), new(countingFiles)
		a.Policy, a.Files = func() *authz.Policy { return p }, files
		body := `{"Image":"x","HostConfig":{"Binds":["` + strings.Repeat(`/srv/a:/d","`, mounts-1) + `/srv/a:/d"]}}`
		if d := do(a, "POST", "/containers/create", body); d.Verdict != want || files.looks > 256 {
			t.Errorf("%d mounts: %v after %d looks: %s", mounts, d.Verdict, files.looks, d.Message())
		}
	}
}

// TestRecreatedFromInspect sends back what an inspect gives, as tools that update containers do.
func TestRecreatedFromInspect(t *testing.T) {
	a := gate(state.Fixed{Daemon: request.Defaults{Runtime: "runc", HostCgroupns: true}})
	for body, want := range map[string]string{
		`{"Image":"x","HostConfig":{"Runtime":"runc"}}`:  "",
		`{"Image":"x","HostConfig":{"Runtime":"other"}}`: "HostConfig.Runtime",
	} {
		if got := do(a, "POST", "/containers/create", body).Message(); want == "" && got != "" || !strings.Contains(got, want) {
			t.Errorf("%s: %q", body, got)
		}
	}
}

// blindImages cannot tell anything about images, and counts how often it is asked.
type blindImages struct{ asked []string }

func (b *blindImages) Facts(_ context.Context, _ *image.Policy, _ state.View, q image.Question) (*request.ImageFacts, error) {
	b.asked = append(b.asked, q.Ref)
	return nil, errors.New("the Engine is on fire")
}

// TestImagesThatCannotBeAssessed leaves requests undecided that have images, and does not ask for those that have none, nor if no rule wants to
// know.
func TestImagesThatCannotBeAssessed(t *testing.T) {
	asking, err := config.Parse("policy.toml", []byte("version = 1\nprofile = \"none\"\n[rules.image-signature]\n"), caseTime)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		target, body, image string
		want                authz.Verdict
	}{
		{"/v1.41/containers/create", `{"Image": "app"}`, "app", authz.Undecided},
		{"/v1.41/services/create", `{"TaskTemplate": {"ContainerSpec": {"Image": "app"}}}`, "app", authz.Undecided},
		{"/v1.41/containers/a/start", "", "x", authz.Undecided},
		{"/v1.41/volumes/create", `{"Name": "v"}`, "", authz.Allow},
	} {
		for _, asks := range []bool{true, false} {
			images := &blindImages{}
			a := gate(state.Fixed{Containers: map[string]json.RawMessage{"a": stored("a", "{}")}})
			if a.Images = images; asks {
				a.Policy = func() *authz.Policy { return asking }
			}
			d := do(a, "POST", c.target, c.body)
			if !asks {
				if len(images.asked) > 0 {
					t.Errorf("%s: asked for %q, and nobody wants to know", c.target, images.asked)
				}
				continue
			}
			if d.Verdict != c.want || c.image != "" && (len(images.asked) != 1 || images.asked[0] != c.image) || c.image == "" && len(images.asked) > 0 {
				t.Errorf("%s: %s (%v), asked for %q", c.target, d.Verdict, d.Err, images.asked)
			}
		}
	}
}
