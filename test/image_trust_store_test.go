package test

import (
	"fmt"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"caisson/authz/image/imagetest"
	"caisson/test/engine"
)

// TestImageTrustForgedDigest has containerd's store take an image under a name whose digest is that of another, signed one. The Engine
// then lists that digest as the image's own.
func TestImageTrustForgedDigest(t *testing.T) {
	t.Parallel()
	x := newTrust(t, engine.Newest)
	signed := x.pushSigned(t, "team/app", "1")
	good := x.name("team/app", "@"+signed.Digest.String())
	evil := x.loadForged(t, good)
	x.enforce(t, trustPolicy{})

	x.refuses(t, "unbound", evil)
	x.refuses(t, "unbound", "evil:1")
	x.runs(t, good)
	x.makes(t, signed.Digest.String(), good)
	x.command(t, "rmi", "-f", signed.Digest.String()) // now there is only the forged one
	x.refuses(t, "unbound", evil)
	if r := x.Docker("create", "--pull", "never", good); r.Code == 0 || !strings.Contains(r.Stderr, "No such image") {
		t.Errorf("the forged name stands for something: %+v", r)
	}
}

// loadForged loads an image that nobody signed under a name that claims a digest, and gives its ID.
func (x *trust) loadForged(t *testing.T, name string) string {
	t.Helper()
	saved, forged := filepath.Join(x.folder, "saved.tar"), filepath.Join(x.folder, "forged.tar")
	x.variant(t, "evil:1")
	x.command(t, "save", "-o", saved, "evil:1")
	renamed(t, saved, forged, name)
	x.command(t, "load", "-i", forged)
	if digests := x.command(t, "image", "inspect", "--format", "{{.RepoDigests}}", "evil:1"); !strings.Contains(digests, name) {
		t.Fatalf("the forged digest does not show, so there is nothing to test: %s", digests)
	}
	return x.id(t, "evil:1")
}

// makes creates a container, and looks in the engine's own files of which image.
func (x *trust) makes(t *testing.T, id string, args ...string) {
	t.Helper()
	made := x.command(t, slices.Concat([]string{"create", "--network", "none"}, args)...)
	if c, ok, err := x.Container(made); err != nil || !ok || c.Image != id {
		t.Errorf("docker create %q has made a container of %q, not %s: %v", args, c.Image, id, err)
	}
	x.command(t, "rm", made)
}

// TestImageTrustForgedException asks for what an exception by digest grants, for an image that was loaded under the name with the digest.
func TestImageTrustForgedException(t *testing.T) {
	t.Parallel()
	x := newTrust(t, engine.Newest)
	tool := x.push(t, "team/tool", "1")
	name := x.name("team/tool", "@"+tool.Digest.String())
	evil := x.loadForged(t, name)
	setPolicy(t, x.Caisson, baseline+fmt.Sprintf(`
[[exceptions]]
name = "tool"
rules = ["bind-mounts"]
image = %q
expires = 2999-01-01
owner = "ci"
reason = "needs the host's files"
`, name))
	mount := []string{"-v", "/srv:/srv"}
	x.makes(t, tool.Digest.String(), append(mount, name)...)
	for _, other := range []string{evil, "evil:1", x.name("team/tool", "@"+evil)} {
		if r := x.Docker(slices.Concat([]string{"create"}, mount, []string{other})...); r.Code == 0 || !strings.Contains(r.Stderr, "[bind-mounts]") {
			t.Errorf("%s has got the exception of %s: %+v", other, name, r)
		}
	}
	x.command(t, "rmi", "-f", tool.Digest.String())
	if r := x.Docker(slices.Concat([]string{"create", "--pull", "never"}, mount, []string{name})...); r.Code == 0 || !strings.Contains(r.Stderr, "No such image") {
		t.Errorf("the forged name stands for something: %+v", r)
	}
}

// TestImageTrustPlatforms takes apart indexes, of which containerd's store keeps several platforms under one ID.
func TestImageTrustPlatforms(t *testing.T) {
	t.Parallel()
	x := newTrust(t, engine.Newest)
	for _, repository := range []string{"team/part", "team/whole", "team/none"} {
		repo := x.repository(t, repository)
		amd := x.push(t, repository, "amd64")
		amd.Platform = &ocispec.Platform{OS: "linux", Architecture: "amd64"}
		arm := x.translated(t, repository, amd, "arm64")
		index := imagetest.Index(t, repo, amd, arm)
		repo.Tag(t, index, "1")
		switch repository {
		case "team/part":
			x.sign(t, repository, amd)
		case "team/whole":
			x.sign(t, repository, index)
		}
		x.command(t, "rmi", x.name(repository, ":amd64"))
		for _, platform := range []string{"linux/amd64", "linux/arm64"} {
			x.command(t, "pull", "--platform", platform, x.name(repository, ":1"))
		}
	}
	x.enforce(t, trustPolicy{})

	x.runs(t, x.name("team/part", ":1"))
	x.runs(t, x.name("team/part", ":1"), "--platform", "linux/amd64")
	x.refuses(t, "unsigned", x.name("team/part", ":1"), "--platform", "linux/arm64")
	x.refuses(t, "unsigned", x.id(t, x.name("team/part", ":1")), "--platform", "linux/arm64")
	x.runs(t, x.name("team/whole", ":1"))
	x.runs(t, x.name("team/whole", ":1"), "--platform", "linux/arm64")
	x.refuses(t, "unsigned", x.name("team/none", ":1"))
	x.refuses(t, "unsigned", x.name("team/none", ":1"), "--platform", "linux/arm64")
}

// TestImageTrustIndexOfOldest pulls indexes with the engine that keeps one platform of them: what is signed may be the index or the manifest.
func TestImageTrustIndexOfOldest(t *testing.T) {
	t.Parallel()
	x := newTrust(t, engine.Oldest)
	for _, repository := range []string{"team/part", "team/whole", "team/other"} {
		repo := x.repository(t, repository)
		amd := x.push(t, repository, "amd64")
		amd.Platform = &ocispec.Platform{OS: "linux", Architecture: "amd64"}
		arm := x.translated(t, repository, amd, "arm64")
		index := imagetest.Index(t, repo, amd, arm)
		repo.Tag(t, index, "1")
		x.sign(t, repository, map[string]ocispec.Descriptor{"team/part": amd, "team/whole": index, "team/other": arm}[repository])
		x.command(t, "rmi", x.name(repository, ":amd64"))
		x.command(t, "pull", x.name(repository, ":1"))
	}
	x.enforce(t, trustPolicy{})
	x.runs(t, x.name("team/part", ":1"))
	x.runs(t, x.name("team/whole", ":1"))
	x.refuses(t, "unsigned", x.name("team/other", ":1"))
}

// TestImageTrustMounts mounts images into a container of a signed one.
func TestImageTrustMounts(t *testing.T) {
	t.Parallel()
	x := newTrust(t, engine.Newest)
	signed := x.pushSigned(t, "team/app", "1")
	data := x.pushSigned(t, "team/data", "1")
	other := x.push(t, "team/other", "1")
	absent := x.pushSigned(t, "team/absent", "1")
	x.command(t, "rmi", x.name("team/absent", ":1"))
	x.enforce(t, trustPolicy{})

	image := x.name("team/app", "@"+signed.Digest.String())
	for _, tt := range []struct{ source, reason string }{
		{x.name("team/data", "@"+data.Digest.String()), ""},
		{x.id(t, x.name("team/data", ":1")), ""},
		{x.name("team/absent", "@"+absent.Digest.String()), ""},
		{x.name("team/data", ":1"), "mutable"},
		{x.name("team/other", "@"+other.Digest.String()), "unsigned"},
		{x.id(t, x.name("team/other", ":1")), "unsigned"},
		{x.name("team/other", ":1"), "mutable"},
	} {
		before := x.ids(t)
		body := map[string]any{"Image": image, "Cmd": []string{"true"}, "HostConfig": map[string]any{
			"NetworkMode": "none", "Mounts": []any{map[string]any{"Type": "image", "Source": tt.source, "Target": "/data"}},
		}}
		r, err := x.Call("POST", "/v1.48/containers/create", body)
		if err != nil {
			t.Fatal(err)
		}
		left := slices.DeleteFunc(x.ids(t), func(id string) bool { return slices.Contains(before, id) })
		switch refused := r.Status == http.StatusForbidden; {
		case tt.reason == "" && refused: // whether the Engine has the image is its own affair
			t.Errorf("mount of %s: %s", tt.source, r.Message())
		case tt.reason != "" && (!refused || !strings.Contains(r.Message(), "("+tt.reason+")") || len(left) > 0):
			t.Errorf("mount of %s is not refused as %s: %d %s, containers left: %q", tt.source, tt.reason, r.Status, r.Message(), left)
		}
		t.Logf("mount of %s: %d", tt.source, r.Status)
	}
}
