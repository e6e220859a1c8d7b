package attached

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"caisson/authz/image"
)

// vex attaches an OpenVEX document with one statement.
func (f *fixture) vex(when, statement string) {
	statement = strings.ReplaceAll(statement, "DIGEST", f.artifact.Descriptor.Digest.Encoded())
	text := fmt.Sprintf(`{"@context": "https://openvex.dev/ns/v0.2.0", "@id": "x", "timestamp": %q, "version": 1, "statements": [%s]}`, when+"T00:00:00Z", statement)
	d := f.attach(f.artifact.Descriptor, f.artifact.Descriptor, "application/vnd.openvex+json", text)
	f.sign(d, now)
}

const (
	harmless = `{"vulnerability": {"name": "CVE-1"}, "products": [{"@id": "pkg:oci/app@sha256%3ADIGEST"}], "status": "not_affected", "justification": "component_not_present"}`
	affected = `{"vulnerability": {"name": "CVE-1"}, "products": [{"@id": "pkg:oci/app"}], "status": "affected"}`
)

func TestVEX(t *testing.T) {
	for name, c := range map[string]struct {
		statement string
		exempt    bool
	}{
		"not affected":          {harmless, true},
		"fixed":                 {`{"vulnerability": {"name": "CVE-1"}, "products": [{"@id": "pkg:oci/app@sha256:DIGEST?arch=amd64"}], "status": "fixed"}`, true},
		"alias":                 {`{"vulnerability": {"name": "GHSA-1", "aliases": ["CVE-1"]}, "products": [{"identifiers": {"purl": "pkg:docker/app@sha256:DIGEST"}}], "status": "fixed"}`, true},
		"hash":                  {`{"vulnerability": {"name": "CVE-1"}, "products": [{"@id": "app", "hashes": {"sha-256": "DIGEST"}}], "status": "fixed"}`, true},
		"subcomponent":          {`{"vulnerability": {"name": "CVE-1"}, "products": [{"@id": "pkg:oci/app@sha256:DIGEST", "subcomponents": [{"@id": "pkg:deb/debian/openssl@3.0.11"}]}], "status": "fixed"}`, true},
		"subcomponent unversed": {`{"vulnerability": {"name": "CVE-1"}, "products": [{"@id": "pkg:oci/app@sha256:DIGEST", "subcomponents": [{"@id": "pkg:deb/debian/openssl"}]}], "status": "fixed"}`, true},
		"other subcomponent":    {`{"vulnerability": {"name": "CVE-1"}, "products": [{"@id": "pkg:oci/app@sha256:DIGEST", "subcomponents": [{"@id": "pkg:deb/debian/openssl@3.0.1"}]}], "status": "fixed"}`, false},
		"no reason":             {`{"vulnerability": {"name": "CVE-1"}, "products": [{"@id": "pkg:oci/app@sha256:DIGEST"}], "status": "not_affected"}`, false},
		"name only":             {`{"vulnerability": {"name": "CVE-1"}, "products": [{"@id": "pkg:oci/app"}], "status": "fixed"}`, false},
		"other digest":          {`{"vulnerability": {"name": "CVE-1"}, "products": [{"@id": "pkg:oci/app@sha256:` + app[7:] + `"}], "status": "fixed"}`, false},
		"other type":            {`{"vulnerability": {"name": "CVE-1"}, "products": [{"@id": "pkg:generic/app@sha256:DIGEST"}], "status": "fixed"}`, false},
		"no product":            {`{"vulnerability": {"name": "CVE-1"}, "status": "fixed"}`, false},
		"other vulnerability":   {`{"vulnerability": {"name": "CVE-11"}, "products": [{"@id": "pkg:oci/app@sha256:DIGEST"}], "status": "fixed"}`, false},
		"investigation":         {`{"vulnerability": {"name": "CVE-1"}, "products": [{"@id": "pkg:oci/app@sha256:DIGEST"}], "status": "under_investigation"}`, false},
		"affected":              {affected, false},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFixture(t)
			f.report("CVE-1", "2026-11-20")
			f.vex("2026-11-21", c.statement)
			if c.exempt {
				f.wants(t)
			} else {
				f.wants(t, "CVE-1")
			}
		})
	}
}

func TestNewestStatementCounts(t *testing.T) {
	f := newFixture(t)
	f.report("CVE-1", "2026-11-01")
	f.vex("2026-11-10", affected)
	f.vex("2026-11-12", harmless)
	f.wants(t)
	f.vex("2026-11-12", affected) // at once
	f.wants(t, "CVE-1")
	f.vex("2026-11-14", harmless)
	f.wants(t)
	f.vex("2026-11-15", affected)
	f.wants(t, "CVE-1")
}

func TestVEXInStatement(t *testing.T) {
	f := newFixture(t)
	f.report("CVE-1", "2026-11-01")
	predicate := `{"statements": [{"vulnerability": {"name": "CVE-1"}, "status": "fixed"}]}`
	d := f.attach(f.artifact.Descriptor, f.artifact.Descriptor, "application/vnd.in-toto+json", fmt.Sprintf(
		`{"_type": "https://in-toto.io/Statement/v1", "subject": [{"digest": {"sha256": %q}}], "predicateType": "https://openvex.dev/ns/v0.2.0", "predicate": %s}`,
		f.artifact.Descriptor.Digest.Encoded(), predicate))
	f.wants(t, "CVE-1") // unsigned
	f.sign(d, now)
	f.wants(t)
}

func TestUnsignedVEX(t *testing.T) {
	f := newFixture(t)
	f.report("CVE-1", "2026-11-01")
	f.vex("2026-11-10", harmless)
	f.wants(t)
	for d := range f.signers {
		if m := f.manifests[d]; strings.Contains(string(m.Bytes), "openvex") {
			f.signers[d] = image.Verdict{Reason: image.UntrustedSigner}
		}
	}
	f.wants(t, "CVE-1")
	f.reader.vex = false
	f.wants(t, "CVE-1")
}

// scanner is a reporter that says what it is told to.
type scanner image.Report

func (s scanner) Report(context.Context, image.Source, image.Artifact) image.Report {
	return image.Report(s)
}

func TestFiltered(t *testing.T) {
	f := newFixture(t)
	f.vex("2026-11-10", harmless)
	found := []image.Vulnerability{{ID: "CVE-1"}, {ID: "CVE-2"}}
	r := f.reader.Filtered(scanner{Source: "Clair", Found: found}).Report(t.Context(), f.registry, f.artifact)
	if len(r.Found) != 1 || r.Found[0].ID != "CVE-2" || r.Source != "Clair" {
		t.Errorf("got %+v", r)
	}
	r = f.reader.Filtered(scanner{Source: "Clair", Unknown: "it does not know it all", Found: found}).Report(t.Context(), f.registry, f.artifact)
	if len(r.Found) != 1 || r.Found[0].ID != "CVE-2" || r.Unknown != "it does not know it all" {
		t.Errorf("got %+v", r)
	}
	if found[0].ID != "CVE-1" || found[1].ID != "CVE-2" {
		t.Error("the other's report was changed")
	}
	f.down[f.artifact.Descriptor.Digest] = true
	if r := f.reader.Filtered(scanner{Source: "Clair", Found: found}).Report(t.Context(), f.registry, f.artifact); len(r.Found) != 2 || !strings.Contains(r.Unread, "does not answer") {
		t.Errorf("what cannot be read takes away, or nobody says so: %+v", r)
	}
	if r := f.reader.Filtered(scanner{Unknown: "x"}).Report(t.Context(), f.registry, f.artifact); r.Unknown != "x" {
		t.Errorf("got %+v", r)
	}
}
