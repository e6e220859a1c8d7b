package test

import (
	"cmp"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"caisson/authz/image/imagetest"
	"caisson/test/engine"
)

// trust is an engine behind Caisson, a registry that both reach, and a signer whom the policy names.
type trust struct {
	*engine.Engine
	*front
	pki    *imagetest.PKI
	ca     string // folder of the authorities' certificates
	folder string
}

// newTrust starts an engine that refuses nothing yet, and a registry.
func newTrust(tb testing.TB, version engine.Version) *trust {
	tb.Helper()
	return joinTrust(tb, version, newFront(tb, startHub(tb)), imagetest.NewPKI(tb, imagetest.PKIOptions{}))
}

// joinTrust starts an engine for a registry and a signer that others use as well.
func joinTrust(tb testing.TB, version engine.Version, f *front, pki *imagetest.PKI) *trust {
	tb.Helper()
	e := engine.Start(tb, engine.Options{Version: version, HostNetwork: true, Caisson: &engine.CaissonOptions{Policy: permissive}})
	x := trustOf(tb, e, f, pki)
	x.command(tb, "create", "--name", "box", engine.Image, "true")
	return x
}

func trustOf(tb testing.TB, e *engine.Engine, f *front, pki *imagetest.PKI) *trust {
	tb.Helper()
	x := &trust{Engine: e, front: f, pki: pki, folder: tb.TempDir()}
	x.ca = filepath.Join(x.folder, "ca")
	if err := os.Mkdir(x.ca, 0o700); err != nil {
		tb.Fatal(err)
	}
	x.trusts(tb, "release.pem", x.pki)
	return x
}

// trusts writes an authority's certificate where the policy looks for them.
func (x *trust) trusts(tb testing.TB, file string, pki *imagetest.PKI) {
	tb.Helper()
	write(tb, filepath.Join(x.ca, file), string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: pki.Root.Raw})))
}

// via is the same engine in front of another door to the registry.
func (x *trust) via(f *front) *trust {
	y := *x
	y.front = f
	return &y
}

// command runs docker, which has to do it.
func (x *trust) command(tb testing.TB, args ...string) string {
	tb.Helper()
	r := x.Docker(args...)
	if r.Code != 0 {
		tb.Fatalf("docker %s: exit %d\n%s", strings.Join(args, " "), r.Code, r.Stderr)
	}
	return strings.TrimSpace(r.Stdout)
}

// name is what an image of the registry is called.
func (x *trust) name(repository, suffix string) string { return x.host + "/" + repository + suffix }

// variant makes an image that differs from all others, under a name.
func (x *trust) variant(tb testing.TB, name string) {
	tb.Helper()
	x.command(tb, "commit", "--change", "LABEL variant="+name, "box", name)
}

// push makes an image, pushes it, and describes its manifest in the registry.
func (x *trust) push(tb testing.TB, repository, tag string) ocispec.Descriptor {
	tb.Helper()
	name := x.name(repository, ":"+tag)
	x.variant(tb, name)
	x.command(tb, "push", name)
	d, _ := x.manifest(tb, repository, tag)
	return d
}

// sign puts a signature of the policy's signer beside an image.
func (x *trust) sign(tb testing.TB, repository string, d ocispec.Descriptor) {
	tb.Helper()
	imagetest.Sign(tb, x.repository(tb, repository), d, imagetest.SignOptions{PKI: x.pki})
}

// pushSigned is push and sign.
func (x *trust) pushSigned(tb testing.TB, repository, tag string) ocispec.Descriptor {
	tb.Helper()
	d := x.push(tb, repository, tag)
	x.sign(tb, repository, d)
	return d
}

// id asks the engine what a name stands for.
func (x *trust) id(tb testing.TB, name string) string {
	tb.Helper()
	return x.command(tb, "image", "inspect", "--format", "{{.Id}}", name)
}

// trustPolicy is what a policy has beside the usual.
type trustPolicy struct {
	rules     string   // keys of the rule, and further rules
	top       string   // keys of [image_trust]
	hosts     []string // registries
	verifier  string   // keys of the statement in place of notation's
	statement string   // keys of the statement
	tables    string   // further tables
}

// policy vouches for what the signer has signed at the fronts.
func (x *trust) policy(p trustPolicy) string {
	hosts := append([]string{x.host}, p.hosts...)
	var b strings.Builder
	fmt.Fprintf(&b, "version = 1\nprofile = \"none\"\n[rules.image-signature]\n%s\n[image_trust]\n%s\n", p.rules, p.top)
	for _, h := range hosts {
		fmt.Fprintf(&b, "[[image_trust.registries]]\nhost = %q\nplain_http = true\n", h)
	}
	verifier := cmp.Or(p.verifier, x.notation())
	fmt.Fprintf(&b, "[[image_trust.statements]]\nname = \"release\"\nrepositories = [\"%s\"]\n%s\n%s\n%s\n",
		strings.Join(hosts, `", "`), verifier, p.statement, p.tables)
	return b.String()
}

// notation is what a statement says of the signer.
func (x *trust) notation() string {
	return fmt.Sprintf("certificates = [%q]\nidentities = [%q]", x.ca, imagetest.Identity)
}

// enforce puts a policy in force.
func (x *trust) enforce(t *testing.T, p trustPolicy) {
	t.Helper()
	setPolicy(t, x.Caisson, x.policy(p))
}

// ids lists the engine's containers, by its own files.
func (x *trust) ids(tb testing.TB) []string {
	tb.Helper()
	list, err := x.Containers()
	if err != nil {
		tb.Fatal(err)
	}
	var ids []string
	for _, c := range list {
		ids = append(ids, c.ID)
	}
	slices.Sort(ids)
	return ids
}

// runs starts a container, which has to work.
func (x *trust) runs(tb testing.TB, image string, flags ...string) {
	tb.Helper()
	args := slices.Concat([]string{"run", "--rm", "--network", "none"}, flags, []string{image, "echo", "it runs"})
	if r := x.Docker(args...); r.Code != 0 || r.Stdout != "it runs\n" {
		tb.Errorf("docker %s: exit %d\n%s%s", strings.Join(args, " "), r.Code, r.Stdout, r.Stderr)
	}
}

// refuses starts a container, which must not work, for a reason, and must leave nothing.
func (x *trust) refuses(tb testing.TB, reason, image string, flags ...string) {
	tb.Helper()
	x.refusesTo(tb, reason, slices.Concat([]string{"run", "--rm", "--network", "none"}, flags, []string{image, "echo", "it runs"})...)
}

// refusesTo runs a docker command that makes a container, which must not work.
func (x *trust) refusesTo(tb testing.TB, reason string, args ...string) {
	tb.Helper()
	before := x.ids(tb)
	r := x.Docker(args...)
	if r.Code == 0 || strings.Contains(r.Stdout, "it runs") || !strings.Contains(r.Stderr, "[image-signature]") || !strings.Contains(r.Stderr, "("+reason+")") {
		tb.Errorf("docker %s: not refused as %s: exit %d\n%s%s", strings.Join(args, " "), reason, r.Code, r.Stdout, r.Stderr)
	}
	if after := x.ids(tb); !slices.Equal(before, after) {
		tb.Errorf("docker %s: the containers were %q and are %q", strings.Join(args, " "), before, after)
	}
}

// classic runs docker with the builder of old.
func (x *trust) classic(tb testing.TB, args ...string) {
	tb.Helper()
	if r := x.Run(exec.Command("env", append([]string{"DOCKER_BUILDKIT=0", "docker"}, args...)...)); r.Code != 0 {
		tb.Fatalf("docker %s: exit %d\n%s%s", strings.Join(args, " "), r.Code, r.Stdout, r.Stderr)
	}
}

// stranger is a signer under the same authority whom the policy does not name.
func (x *trust) stranger(tb testing.TB) *imagetest.PKI {
	tb.Helper()
	return x.pki.Issue(tb, imagetest.PKIOptions{Subject: pkix.Name{
		Country: []string{"DE"}, Province: []string{"Berlin"}, Organization: []string{"Somebody else"}, CommonName: "release",
	}})
}

// TestImageTrust takes a signed image through all of its names, and one that is not signed.
func TestImageTrust(t *testing.T) {
	onEach(t, func(t *testing.T, version engine.Version) {
		x := newTrust(t, version)
		d := x.pushSigned(t, "team/app", "1")
		x.push(t, "team/unsigned", "1")
		x.enforce(t, trustPolicy{})

		id := x.id(t, x.name("team/app", ":1"))
		for _, name := range []string{x.name("team/app", ":1"), x.name("team/app", "@"+d.Digest.String()), x.name("team/app", ":1@"+d.Digest.String()), id, id[7:19]} {
			x.runs(t, name)
		}
		x.refuses(t, "unsigned", x.name("team/unsigned", ":1"))
		x.refuses(t, "unsigned", x.id(t, x.name("team/unsigned", ":1")))

		x.enforce(t, trustPolicy{top: fmt.Sprintf("allow_digests = [%q]\ndeny_digests = [%q]", x.id(t, x.name("team/unsigned", ":1")), d.Digest)})
		x.runs(t, x.name("team/unsigned", ":1"))
		x.refuses(t, "digest-denied", x.name("team/app", ":1"))
		x.refuses(t, "digest-denied", id)
	})
}
