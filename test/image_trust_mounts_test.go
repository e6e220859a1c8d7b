package test

import (
	"net/http"
	"strings"
	"testing"

	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"caisson/authz/image/imagetest"
	"caisson/test/engine"
)

// TestImageTrustMountedIndex mounts an index that nobody signed, with a signed image in it. Its entries say of what platform the images are, and
// the images say otherwise, so that the Engine mounts another one than it names when it is asked.
func TestImageTrustMountedIndex(t *testing.T) {
	t.Parallel()
	x := newTrust(t, engine.Newest)
	app := x.pushSigned(t, "team/app", "1")
	good := x.push(t, "team/mixed", "good")
	x.sign(t, "team/mixed", good)
	evil := x.translated(t, "team/mixed", good, "arm64")
	evil.Platform = &ocispec.Platform{OS: "linux", Architecture: "amd64"}
	good.Platform = &ocispec.Platform{OS: "linux", Architecture: "arm64"}
	repo := x.repository(t, "team/mixed")
	index := imagetest.Index(t, repo, evil, good)
	repo.Tag(t, index, "1")
	for _, platform := range []string{"linux/amd64", "linux/arm64"} {
		x.command(t, "pull", "--platform", platform, x.name("team/mixed", ":1"))
	}
	x.enforce(t, trustPolicy{})

	for _, source := range []string{x.name("team/mixed", "@"+index.Digest.String()), index.Digest.String()} {
		r, err := x.Call("POST", "/v1.48/containers/create", map[string]any{
			"Image": x.name("team/app", "@"+app.Digest.String()), "Cmd": []string{"true"}, "HostConfig": map[string]any{
				"NetworkMode": "none", "Mounts": []any{map[string]any{"Type": "image", "Source": source, "Target": "/data"}},
			},
		})
		if err != nil {
			t.Fatal(err)
		}
		if r.Status != http.StatusForbidden || !strings.Contains(r.Message(), "(unsigned)") {
			t.Errorf("mount of %s is not refused as unsigned: %d %s", source, r.Status, r.Message())
		}
	}
	x.refuses(t, "unsigned", x.name("team/mixed", ":1"))
}
