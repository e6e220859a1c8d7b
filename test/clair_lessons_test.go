package test

import (
	"archive/tar"
	"bytes"
	"io"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"caisson/test/engine"
)

// archive makes a layer of files.
func archive(tb testing.TB, files map[string]string) string {
	tb.Helper()
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for _, name := range slices.Sorted(maps.Keys(files)) {
		if err := w.WriteHeader(&tar.Header{Name: name, Mode: 0o644, Size: int64(len(files[name]))}); err != nil {
			tb.Fatal(err)
		}
		if _, err := io.WriteString(w, files[name]); err != nil {
			tb.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		tb.Fatal(err)
	}
	return b.String()
}

// What distributions say of themselves in /etc/os-release.
const (
	alpineRelease = "NAME=\"Alpine Linux\"\nID=alpine\nVERSION_ID=3.19.1\nPRETTY_NAME=\"Alpine Linux v3.19\"\n"
	debianRelease = "PRETTY_NAME=\"Debian GNU/Linux 12 (bookworm)\"\nNAME=\"Debian GNU/Linux\"\nVERSION_ID=\"12\"\nVERSION=\"12 (bookworm)\"\nVERSION_CODENAME=bookworm\nID=debian\n"
)

// apk is an entry of Alpine's database of packages.
func apk(name, version, source string) string {
	return "C:Q1" + strings.Repeat("A", 27) + "=\nP:" + name + "\nV:" + version + "\nA:x86_64\no:" + source + "\nL:MIT\n\n"
}

// alpine is what an image has that is made of packages of Alpine.
func alpine(packages ...string) map[string]string {
	return map[string]string{"etc/os-release": alpineRelease, "lib/apk/db/installed": strings.Join(packages, "")}
}

// lesson is what Clair is to know of a source package of Alpine.
func lesson(name, severity, source, fixedIn string) engine.Vulnerability {
	return engine.Vulnerability{
		Name: name, Description: "A test of " + source + ".", Issued: time.Date(2026, 1, 2, 0, 0, 0, 0, time.UTC), Links: "https://vulnerabilities.example.com/" + name,
		Severity: severity, Normalized: severity, Package: map[string]any{"name": source, "kind": "source"}, FixedIn: fixedIn,
		Distribution: map[string]any{"did": "alpine", "name": "Alpine Linux", "version_id": "3.19", "version": "3.19", "pretty_name": "Alpine Linux v3.19"},
	}
}

// lessonOfDebian is lesson for Debian 12.
func lessonOfDebian(name, severity, source, fixedIn string) engine.Vulnerability {
	v := lesson(name, severity, source, fixedIn)
	v.Distribution = map[string]any{
		"did": "debian", "name": "Debian GNU/Linux", "version_id": "12", "version": "12 (bookworm)", "version_code_name": "bookworm",
		"pretty_name": "Debian GNU/Linux 12 (bookworm)",
	}
	return v
}

// lessonOfPython is lesson for the package orders of PyPI, with the range of versions that Clair has in the place of one.
func lessonOfPython(name, severity, versions string) engine.Vulnerability {
	v := lesson(name, severity, "orders", versions)
	v.Package["kind"] = "binary"
	v.Distribution = nil
	v.Repository = map[string]any{"name": "pypi", "uri": "https://pypi.org/simple"}
	return v
}
