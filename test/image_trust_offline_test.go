package test

import (
	"encoding/json"
	"path/filepath"
	"strings"
	"testing"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"caisson/authz/image/imagetest"
	"caisson/test/engine"
)

// state is the folder in which the engine's Caisson keeps what it knows.
func (x *trust) state() string { return filepath.Join(x.Dir, "state") }

// caisson runs a command of Caisson's.
func (x *trust) caisson(t *testing.T, args ...string) engine.Result {
	t.Helper()
	return caisson(t, x.Engine, args...)
}

// verify asks about images as the plugin does.
func (x *trust) verify(t *testing.T, args ...string) engine.Result {
	t.Helper()
	flags := []string{"image", "verify", "--policy", x.Caisson.PolicyFile, "--state-dir", x.state(), "--engine", "unix://" + x.Socket}
	return x.caisson(t, append(flags, args...)...)
}

// evidence runs a command about evidence, which has to work.
func (x *trust) evidence(t *testing.T, args ...string) string {
	t.Helper()
	r := x.caisson(t, append([]string{"image", "evidence", "--state-dir", x.state()}, args...)...)
	if r.Code != 0 {
		t.Fatalf("caisson image evidence %q: %+v", args, r)
	}
	return r.Stdout + r.Stderr
}

// TestImageTrustOffline takes the registry away: what was proved once runs, after a restart too, and nothing else.
func TestImageTrustOffline(t *testing.T) {
	onEach(t, func(t *testing.T, version engine.Version) {
		x := newTrust(t, version)
		x.pushSigned(t, "team/app", "1")
		x.pushSigned(t, "team/later", "1")
		app, later := x.name("team/app", ":1"), x.name("team/later", ":1")
		x.command(t, "create", "--name", "later", "--network", "none", later, "true")
		x.enforce(t, trustPolicy{top: `deadline = "4s"`})
		x.command(t, "create", "--name", "app", "--network", "none", app, "true")

		x.down(t)
		x.runs(t, app)
		if err := x.Caisson.Restart(); err != nil {
			t.Fatal(err)
		}
		x.runs(t, app)
		x.runs(t, x.id(t, app))
		x.command(t, "start", "-a", "app")
		x.refuses(t, "registry-unavailable", later)
		if r := x.Docker("start", "later"); r.Code == 0 || !strings.Contains(r.Stderr, "(registry-unavailable)") {
			t.Errorf("start without evidence: %+v", r)
		}
		x.up(t)
		if !engine.Eventually(func() bool { return x.Docker("start", "later").Code == 0 }) {
			t.Error("nothing works after the registry does")
		}
	})
}

// TestImageTrustVerify asks on the command line what the plugin would say.
func TestImageTrustVerify(t *testing.T) {
	onEach(t, func(t *testing.T, version engine.Version) {
		x := newTrust(t, version)
		d := x.pushSigned(t, "team/app", "1")
		x.push(t, "team/other", "1")
		app, other := x.name("team/app", ":1"), x.name("team/other", ":1")
		x.enforce(t, trustPolicy{})

		for _, tt := range []struct {
			args, want string
			code       int
		}{
			{app, app + ": vouched for: it is signed by CN=release,O=Caisson,ST=Berlin,C=DE\n", 0},
			{app, "bound to    " + x.name("team/app", "@"+d.Digest.String()), 0},
			{app, "signer      CN=release,O=Caisson", 0},
			{app + " " + other, other + ": nobody vouches for it: it ", 1},
			{other, "(unsigned)", 1},
			{x.name("team/none", ":1"), "(absent)", 1},
			{"--remote " + x.name("team/app", "@"+d.Digest.String()), ": vouched for: it is signed by", 0},
			{"--engine unix:///nowhere.sock --remote " + x.name("team/app", "@"+d.Digest.String()), ": vouched for: it is signed by", 0},
			{"--remote " + app, "(mutable)", 1},
			{"--engine unix:///nowhere.sock " + app, "", 2},
			{"--policy /nowhere.toml " + app, "", 2},
		} {
			if r := x.verify(t, strings.Fields(tt.args)...); r.Code != tt.code || !strings.Contains(r.Stdout, tt.want) {
				t.Errorf("verify %s: exit %d, lacks %q\n%s%s", tt.args, r.Code, tt.want, r.Stdout, r.Stderr)
			}
		}
		x.verifyJSON(t, app, other)
	})
}

func (x *trust) verifyJSON(t *testing.T, app, other string) {
	t.Helper()
	r := x.verify(t, "--json", app, other)
	lines := strings.Split(strings.TrimSpace(r.Stdout), "\n")
	if r.Code != 1 || len(lines) != 2 {
		t.Fatalf("%+v", r)
	}
	for i, want := range []struct {
		Ref, Reason, ID string
		Verified        bool
	}{{app, "verified", x.id(t, app), true}, {other, "unsigned", x.id(t, other), false}} {
		got := want
		got.Ref, got.Reason, got.ID, got.Verified = "", "", "", !want.Verified
		if err := json.Unmarshal([]byte(lines[i]), &got); err != nil || got != want {
			t.Errorf("%s: %+v, not %+v: %v", lines[i], got, want, err)
		}
	}
}

// TestImageTrustAirGap carries evidence to a host that has no registry.
func TestImageTrustAirGap(t *testing.T) {
	onEach(t, func(t *testing.T, version engine.Version) {
		x := newTrust(t, version)
		d := x.pushSigned(t, "team/app", "1")
		app := x.name("team/app", ":1")
		x.enforce(t, trustPolicy{})
		x.runs(t, app)
		if list := x.evidence(t, "list"); !strings.Contains(list, d.Digest.String()) || !strings.Contains(list, x.name("team/app", "")) {
			t.Errorf("the evidence does not show: %s", list)
		}

		y := joinTrust(t, version, x.front, x.pki)
		y.command(t, "pull", app)
		x.down(t)
		y.enforce(t, trustPolicy{})
		y.refuses(t, "registry-unavailable", app)
		if added := y.evidence(t, "add", filepath.Join(x.state(), "evidence")); !strings.Contains(added, "added "+d.Digest.String()) {
			t.Errorf("added: %s", added)
		}
		if !engine.Eventually(func() bool { return y.Docker("create", "--network", "none", app).Code == 0 }) {
			t.Error("the evidence does not count")
		}
		y.runs(t, app)

		if removed := y.evidence(t, "prune", "--forget", d.Digest.String()); !strings.Contains(removed, "removed "+d.Digest.String()) {
			t.Errorf("removed: %s", removed)
		}
		if list := y.evidence(t, "list", "--json"); strings.TrimSpace(list) != "" {
			t.Errorf("evidence is left: %s", list)
		}
		if err := y.Caisson.Restart(); err != nil {
			t.Fatal(err)
		}
		y.refuses(t, "registry-unavailable", app)
	})
}

// TestImageTrustLocal signs the ID of an image that no registry has.
func TestImageTrustLocal(t *testing.T) {
	onEach(t, func(t *testing.T, version engine.Version) {
		x := newTrust(t, version)
		names := map[string]string{"built": x.name("team/built", ":1"), "foreign": "built/elsewhere:1", "stranger": "built/stranger:1", "other": "built/other:1"}
		signers := map[string]*imagetest.PKI{"built": x.pki, "foreign": x.pki, "stranger": x.stranger(t)}
		for _, name := range names {
			x.variant(t, name)
		}
		mediaType := map[engine.Version]string{
			engine.Oldest: "application/vnd.docker.container.image.v1+json", engine.Newest: ocispec.MediaTypeImageManifest,
		}[version]
		envelope := func(what, of string) string {
			file := filepath.Join(x.folder, what+".jws")
			subject := ocispec.Descriptor{MediaType: mediaType, Digest: digest.Digest(x.id(t, of)), Size: 1}
			write(t, file, string(imagetest.Envelope(t, subject, imagetest.SignOptions{PKI: signers[what]})))
			return file
		}
		for what := range signers {
			x.evidence(t, "add", "--id", x.id(t, names[what]), envelope(what, names[what]))
		}
		x.evidence(t, "add", "--id", x.id(t, names["other"]), envelope("built", names["built"])) // of another image
		x.enforce(t, trustPolicy{})

		x.runs(t, names["built"])
		x.runs(t, names["foreign"])
		x.refuses(t, "untrusted-signer", names["stranger"])
		x.refuses(t, "bad-signature", names["other"])
	})
}
