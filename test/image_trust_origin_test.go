package test

import (
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"caisson/authz/image/imagetest"
	"caisson/test/engine"
)

// TestImageTrustSignatures refuses images whose signatures do not count, each for its own reason.
func TestImageTrustSignatures(t *testing.T) {
	onEach(t, func(t *testing.T, version engine.Version) {
		x := newTrust(t, version)
		now := time.Now()
		issue := func(from, to time.Duration) *imagetest.PKI {
			return x.pki.Issue(t, imagetest.PKIOptions{NotBefore: now.Add(from), NotAfter: now.Add(to)})
		}
		authority := func(name string, ocsp, crl imagetest.Answer) *imagetest.PKI {
			r := imagetest.NewResponder(t)
			r.Set(ocsp, crl)
			var o imagetest.PKIOptions
			if strings.Contains(name, "ocsp") {
				o.OCSP = r.OCSP()
			} else {
				o.CRL = r.CRL()
			}
			pki := imagetest.NewPKI(t, o)
			r.Serve(pki)
			x.trusts(t, name+".pem", pki)
			return pki
		}

		for name, o := range map[string]imagetest.SignOptions{
			"stranger": {PKI: x.stranger(t)},
			"unknown":  {PKI: imagetest.NewPKI(t, imagetest.PKIOptions{})},
			"expired":  {PKI: x.pki, SigningTime: now.Add(-2 * time.Hour), Expiry: now.Add(-time.Hour)},
			"lapsed":   {PKI: issue(-48*time.Hour, -24*time.Hour), SigningTime: now.Add(-36 * time.Hour)},
			"early":    {PKI: issue(time.Hour, 2*time.Hour), SigningTime: now.Add(90 * time.Minute)},
			"other":    {PKI: x.pki, Payload: &ocispec.Descriptor{MediaType: ocispec.MediaTypeImageManifest, Digest: "sha256:" + zeros, Size: 1}},
			"ocsp":     {PKI: authority("ocsp", imagetest.Revoked, imagetest.Good)}, "crl": {PKI: authority("crl", imagetest.Good, imagetest.Revoked)},
			"good-ocsp": {PKI: authority("good-ocsp", imagetest.Good, imagetest.Good)}, "good-crl": {PKI: authority("good-crl", imagetest.Good, imagetest.Good)},
			"mute-ocsp": {PKI: authority("mute-ocsp", imagetest.Refuse, imagetest.Refuse)}, "mute-crl": {PKI: authority("mute-crl", imagetest.Refuse, imagetest.Refuse)},
		} {
			imagetest.Sign(t, x.repository(t, "team/"+name), x.push(t, "team/"+name, "1"), o)
		}
		x.enforce(t, trustPolicy{statement: `revocation = "require"`})

		x.runs(t, x.name("team/good-ocsp", ":1"))
		x.runs(t, x.name("team/good-crl", ":1"))
		for name, reason := range map[string]string{
			"stranger": "untrusted-signer", "unknown": "untrusted-signer", "expired": "expired", "lapsed": "expired", "early": "not-yet-valid",
			"other": "bad-signature", "ocsp": "revoked", "crl": "revoked", "mute-ocsp": "revocation-unknown", "mute-crl": "revocation-unknown",
		} {
			x.refuses(t, reason, x.name("team/"+name, ":1"))
		}
	})
}

// zeros is the digest of nothing that there is.
const zeros = "0000000000000000000000000000000000000000000000000000000000000000"

// TestImageTrustOrigins brings images in by every way but a pull, under the name of one that is signed.
func TestImageTrustOrigins(t *testing.T) {
	onEach(t, func(t *testing.T, version engine.Version) {
		x := newTrust(t, version)
		x.pushSigned(t, "team/app", "1")
		x.pushSigned(t, "team/moved", "1")
		x.variant(t, "evil:1")
		x.push(t, "team/evil", "1")
		signed, moved := x.name("team/app", ":1"), x.name("team/moved", ":1")

		x.command(t, "tag", "evil:1", moved)                            // re-tagged: built here
		x.command(t, "tag", x.name("team/evil", ":1"), moved+"-pushed") // re-tagged: pushed under another name
		loaded := filepath.Join(x.folder, "loaded.tar")
		x.variant(t, x.name("team/app", ":loaded"))
		x.command(t, "save", "-o", loaded, x.name("team/app", ":loaded"))
		x.command(t, "rmi", x.name("team/app", ":loaded"))
		x.command(t, "load", "-i", loaded)
		imported := filepath.Join(x.folder, "imported.tar")
		x.command(t, "create", "--name", "crate", "--network", "none", signed, "true")
		x.command(t, "export", "-o", imported, "crate")
		x.command(t, "import", "--change", "ENV PATH=/bin", imported, x.name("team/app", ":imported"))
		x.command(t, "commit", "crate", x.name("team/app", ":committed"))
		x.command(t, "rm", "crate")
		write(t, filepath.Join(x.folder, "Dockerfile"), "FROM "+signed+"\nLABEL built=1\n")
		x.classic(t, "build", "--network", "none", "-t", x.name("team/app", ":built"), x.folder)
		x.command(t, "tag", "evil:1", "docker.io/library/elsewhere:1")

		x.enforce(t, trustPolicy{})
		x.runs(t, signed)
		local := map[engine.Version]string{engine.Oldest: "unbound", engine.Newest: "unsigned"}[version] // containerd's store has digests of all
		for _, tag := range []string{":loaded", ":imported", ":committed", ":built"} {
			x.refuses(t, local, x.name("team/app", tag))
			x.refuses(t, local, x.id(t, x.name("team/app", tag)))
		}
		x.refuses(t, local, moved)
		x.refuses(t, "unsigned", moved+"-pushed")
		x.refuses(t, local, "elsewhere:1")
		x.emptyImage(t)
		x.broughtBack(t, signed)
	})
}

// broughtBack takes a signed image away, and loads it from an archive. Where the store then knows no digest of it, evidence does.
func (x *trust) broughtBack(t *testing.T, image string) {
	t.Helper()
	saved, id := filepath.Join(x.folder, "signed.tar"), x.id(t, image)
	x.command(t, "save", "-o", saved, image)
	x.command(t, "rmi", "-f", image, x.name("team/app", ":built"))
	x.command(t, "load", "-i", saved)
	if got := x.id(t, image); got != id {
		t.Errorf("%s was loaded as %s", id, got)
	}
	if err := x.Caisson.Restart(); err != nil { // it forgets
		t.Fatal(err)
	}
	x.runs(t, image)
}

// emptyImage makes containers of no image, which engines do.
func (x *trust) emptyImage(t *testing.T) {
	t.Helper()
	before := x.ids(t)
	for _, body := range []map[string]any{{"Cmd": []string{"true"}}, {"Image": "", "Cmd": []string{"true"}}} {
		r, err := x.Call("POST", "/v1.41/containers/create", body)
		if err != nil || r.Status != http.StatusForbidden || !strings.Contains(r.Message(), "Image is not set") {
			t.Errorf("create without an image: %+v, %v", r, err)
		}
	}
	if after := x.ids(t); !slices.Equal(before, after) {
		t.Errorf("containers of no image: %q", after)
	}
}

// TestImageTrustTampered changes what the registry has after it was signed.
func TestImageTrustTampered(t *testing.T) {
	onEach(t, func(t *testing.T, version engine.Version) {
		x := newTrust(t, version)
		d := x.pushSigned(t, "team/manifest", "1")
		signature := imagetest.Sign(t, x.repository(t, "team/signature"), x.push(t, "team/signature", "1"), imagetest.SignOptions{PKI: x.pki})
		_, text := x.manifest(t, "team/signature", signature.Digest.String())
		var m ocispec.Manifest
		unmarshal(t, text, &m)
		tamper(t, x.hub.blob(d.Digest))
		tamper(t, x.hub.blob(m.Layers[0].Digest))
		x.enforce(t, trustPolicy{})

		x.refuses(t, "registry-unavailable", x.name("team/signature", ":1"))
		if version == engine.Oldest {
			x.refuses(t, "registry-unavailable", x.name("team/manifest", ":1"))
		} else {
			x.runs(t, x.name("team/manifest", ":1")) // what is signed is what is here, whatever the registry has now
		}
	})
}

// tamper changes one byte of a file.
func tamper(t *testing.T, file string) {
	t.Helper()
	text := read(t, file)
	text[len(text)/2] ^= 1
	write(t, file, string(text))
}

// TestImageTrustPull has the client pull what is not here: it does so when the Engine says that it has no such image.
func TestImageTrustPull(t *testing.T) {
	onEach(t, func(t *testing.T, version engine.Version) {
		x := newTrust(t, version)
		for _, repository := range []string{"team/app", "team/other"} {
			d := x.push(t, repository, "1")
			if repository == "team/app" {
				x.sign(t, repository, d)
			}
			x.command(t, "rmi", x.name(repository, ":1"))
		}
		d := x.pushSigned(t, "team/pulled", "1")
		x.command(t, "rmi", x.name("team/pulled", ":1"))
		x.enforce(t, trustPolicy{})

		x.runs(t, x.name("team/app", ":1"))
		x.refuses(t, "unsigned", x.name("team/other", ":1"))
		if x.id(t, x.name("team/other", ":1")) == "" {
			t.Error("the image was not pulled")
		}
		x.command(t, "pull", x.name("team/pulled", "@"+d.Digest.String()))
		x.runs(t, x.name("team/pulled", "@"+d.Digest.String()))
	})
}
