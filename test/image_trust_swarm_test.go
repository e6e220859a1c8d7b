package test

import (
	"net/http"
	"strings"
	"testing"

	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"caisson/authz/image/imagetest"
	"caisson/test/engine"
)

// TestImageTrustServices makes services, whose tasks other hosts pull: only what a digest names can be vouched for. The engine has a network of
// its own here, so it is Caisson alone that asks the registry.
func TestImageTrustServices(t *testing.T) {
	onEach(t, func(t *testing.T, version engine.Version) {
		s := &swarmHost{guarded(t, version, permissive), "/v1.44"}
		if version == engine.Oldest {
			s.version = "/v1.41"
		}
		s.created(t, http.StatusOK, "/swarm/init", map[string]any{"ListenAddr": "127.0.0.1:2377", "AdvertiseAddr": "127.0.0.1"})
		x := trustOf(t, s.Engine, newFront(t, startHub(t)), imagetest.NewPKI(t, imagetest.PKIOptions{}))
		images := map[string]ocispec.Descriptor{}
		for _, name := range []string{"app", "other"} {
			images[name] = imagetest.Image(t, x.repository(t, "team/"+name), name)
			x.repository(t, "team/"+name).Tag(t, images[name], "1")
		}
		x.sign(t, "team/app", images["app"])
		setPolicy(t, s.Caisson, x.policy(trustPolicy{rules: "[rules.swarm]\nservices = true"}))

		signed := x.name("team/app", ":1@"+images["app"].Digest.String())
		for _, tt := range []struct{ name, image, reason string }{
			{"by-tag", x.name("team/app", ":1"), "mutable"},
			{"by-digest", signed, ""},
			{"unsigned", x.name("team/other", "@"+images["other"].Digest.String()), "unsigned"},
			{"elsewhere", "docker.io/library/busybox@" + images["app"].Digest.String(), "no-statement"},
			{"local", engine.Image, "mutable"},
		} {
			x.service(t, s, "/services/create", tt.reason, service(tt.name, map[string]any{"Image": tt.image}))
		}
		if names := s.names(t); len(names) != 1 || names[0] != "by-digest" {
			t.Errorf("services %q", names)
		}
		mount := map[string]any{"Type": "image", "Source": x.name("team/other", ":1"), "Target": "/data"}
		mounted := service("mounted", map[string]any{"Image": signed, "Mounts": []any{mount}})
		x.service(t, s, "/services/create", "mutable", mounted)
	})
}

func (x *trust) service(t *testing.T, s *swarmHost, path, reason string, body any) {
	t.Helper()
	r, err := s.Call("POST", s.version+path, body)
	if err != nil {
		t.Fatal(err)
	}
	refused := r.Status == http.StatusForbidden && strings.Contains(r.Message(), "[image-signature]") && strings.Contains(r.Message(), "("+reason+")")
	if reason == "" && r.Status != http.StatusCreated || reason != "" && !refused {
		t.Errorf("%v: not refused as %q: %d %s", body, reason, r.Status, r.Message())
	}
}
