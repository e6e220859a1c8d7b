package test

import (
	"encoding/base64"
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"caisson/authz/image/imagetest"
	"caisson/test/engine"
)

// pushWith makes an image that has some files more, pushes it signed, and describes its manifest.
func (x *trust) pushWith(tb testing.TB, repository string, files map[string]string) ocispec.Descriptor {
	tb.Helper()
	name := x.name(repository, ":1")
	box := x.command(tb, "create", engine.Image, "true")
	copying := exec.Command("docker", "cp", "-", box+":/")
	copying.Stdin = strings.NewReader(archive(tb, files))
	if r := x.Run(copying); r.Code != 0 {
		tb.Fatalf("docker cp: exit %d\n%s", r.Code, r.Stderr)
	}
	x.command(tb, "commit", "--change", "LABEL variant="+name, box, name)
	x.command(tb, "rm", box)
	x.command(tb, "push", name)
	d, _ := x.manifest(tb, repository, "1")
	x.sign(tb, repository, d)
	return d
}

// asking is a policy that asks Clair.
func (x *trust) asking(tb testing.TB, s scanner, key []byte, rule string) trustPolicy {
	tb.Helper()
	file := filepath.Join(x.folder, "psk")
	write(tb, file, base64.StdEncoding.EncodeToString(key))
	return trustPolicy{
		rules:  "[rules.image-vulnerabilities]\n" + rule,
		tables: fmt.Sprintf("[[image_trust.reports]]\nsource = \"clair\"\nurl = %q\npsk_file = %q\nissuer = %q", s.URL, file, clairIssuer),
	}
}

// fillScanned pushes images with and without vulnerabilities, and has Clair look at all but one.
func (x *trust) fillScanned(tb testing.TB, s scanner) {
	tb.Helper()
	for repository, packages := range map[string][]string{
		"team/clean":    {apk("alpine-baselayout", "3.4.3-r2", "alpine-baselayout")},
		"team/down":     {apk("alpine-baselayout", "3.4.4-r0", "alpine-baselayout")},
		"team/back":     {apk("alpine-baselayout", "3.4.4-r1", "alpine-baselayout")},
		"team/frozen":   {apk("alpine-baselayout", "3.4.4-r2", "alpine-baselayout")},
		"team/thawed":   {apk("alpine-baselayout", "3.4.4-r3", "alpine-baselayout")},
		"team/medium":   {apk("busybox", "1.36.1-r15", "busybox")},
		"team/critical": {apk("libssl3", "3.1.4-r5", "openssl")},
		"team/unfixed":  {apk("zlib", "1.3.1-r0", "zlib")},
		"team/unrated":  {apk("musl", "1.2.4-r2", "musl")},
		"team/empty":    nil,
	} {
		files := alpine(packages...)
		if packages == nil {
			delete(files, "lib/apk/db/installed")
		}
		s.index(tb, x.front, repository, x.pushWith(tb, repository, files).Digest)
	}
	x.pushSigned(tb, "team/absent", "1")
	if err := s.Learn(tb.Context(), "alpine-main-v3.19-updater", []engine.Vulnerability{
		lesson("CVE-2026-1001", "Critical", "openssl", "3.1.4-r6"),
		lesson("CVE-2026-1003", "Medium", "busybox", ""),
		lesson("CVE-2026-1004", "Unknown", "musl", ""),
		lesson("CVE-2026-1005", "Critical", "zlib", ""),
	}); err != nil {
		tb.Fatal(err)
	}
}

// TestImageTrustClair asks a real Clair what is in images. What it does not know is not taken for clean.
func TestImageTrustClair(t *testing.T) {
	onEach(t, func(t *testing.T, version engine.Version) {
		s := startScanner(t)
		x := newTrust(t, version)
		x.fillScanned(t, s)
		const rule = "image-vulnerabilities"

		x.enforce(t, x.asking(t, s, clairKey, ""))
		x.runs(t, x.name("team/clean", ":1"))
		x.runs(t, x.name("team/medium", ":1"))
		x.refusedBy(t, rule, "CVE-2026-1001 (critical, libssl3 3.1.4-r5, fixed in 3.1.4-r6)", x.name("team/critical", ":1"))
		x.refusedBy(t, rule, "CVE-2026-1005 (critical, zlib 1.3.1-r0)", x.name("team/unfixed", ":1"))
		x.refusedBy(t, rule, "CVE-2026-1004 (not rated, musl 1.2.4-r2)", x.name("team/unrated", ":1"))
		x.refusedBy(t, rule, "sees no packages in it", x.name("team/empty", ":1"))
		x.refusedBy(t, rule, "has not indexed", x.name("team/absent", ":1"))

		x.enforce(t, x.asking(t, s, clairKey, "max_severity = \"low\"\non_unknown = \"allow\""))
		x.refusedBy(t, rule, "CVE-2026-1003 (medium", x.name("team/medium", ":1"))
		x.runs(t, x.name("team/empty", ":1"))
		x.runs(t, x.name("team/absent", ":1"))
		x.enforce(t, x.asking(t, s, clairKey, "fixable_only = true"))
		x.runs(t, x.name("team/unfixed", ":1"))
		x.refusedBy(t, rule, "CVE-2026-1001", x.name("team/critical", ":1"))
		x.enforce(t, x.asking(t, s, clairKey, "ignore = [{ id = \"CVE-2026-1001\", expires = 2099-12-31, reason = \"a test\" }]"))
		x.runs(t, x.name("team/critical", ":1"))

		x.throughAnIndex(t, s)
		x.withoutClair(t, s)
	})
}

// throughAnIndex runs images by an index, of which Clair knows the manifests only.
func (x *trust) throughAnIndex(t *testing.T, s scanner) {
	t.Helper()
	x.enforce(t, x.asking(t, s, clairKey, ""))
	for _, repository := range []string{"team/clean", "team/critical"} {
		d, _ := x.manifest(t, repository, "1")
		d.Platform = &ocispec.Platform{OS: "linux", Architecture: "amd64"}
		index := imagetest.Index(t, x.repository(t, repository), d)
		x.repository(t, repository).Tag(t, index, "many")
		x.sign(t, repository, index)
		x.command(t, "pull", x.name(repository, ":many"))
	}
	x.runs(t, x.name("team/clean", ":many"))
	x.refusedBy(t, "image-vulnerabilities", "CVE-2026-1001", x.name("team/critical", ":many"))
}

// withoutClair asks a Clair that takes another key, is not there, or does not answer.
func (x *trust) withoutClair(t *testing.T, s scanner) {
	t.Helper()
	const rule = "image-vulnerabilities"
	x.enforce(t, x.asking(t, s, []byte("another key"), ""))
	x.refusedBy(t, rule, "refuses the credentials (401)", x.name("team/clean", ":1"))

	x.enforce(t, x.asking(t, s, clairKey, ""))
	x.runs(t, x.name("team/clean", ":1"))
	s.Stop()
	x.runs(t, x.name("team/clean", ":1")) // what was said a moment ago
	x.refusedBy(t, rule, "cannot be asked", x.name("team/down", ":1"))
	if err := s.Start(); err != nil {
		t.Fatal(err)
	}
	x.runs(t, x.name("team/back", ":1"))

	if err := s.Freeze(); err != nil {
		t.Fatal(err)
	}
	x.refusedBy(t, rule, "in time", x.name("team/frozen", ":1"))
	if err := s.Thaw(); err != nil {
		t.Fatal(err)
	}
	x.runs(t, x.name("team/thawed", ":1"))
}
