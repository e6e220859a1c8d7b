package config

import (
	"crypto/sha256"
	"encoding/hex"
	"reflect"
	"strings"
	"time"

	"github.com/distribution/reference"
	ocidigest "github.com/opencontainers/go-digest"

	"caisson/authz/image"
	"caisson/authz/image/registry"
)

// imageTrust is [image_trust] with its tables decoded, for those who show the policy.
type imageTrust struct {
	imageTrustTable
	registries []registryTable
	statements []trustTable
	reports    []reportTable

	inputs string // stands for the files that are named: certificates and keys
}

const imageTrustPath path = "image_trust"

// The bounds of image_trust.deadline. What dockerd waits for a managed plugin is the upper one.
const (
	minDeadline = time.Second
	maxDeadline = 25 * time.Second
)

// imageTrust compiles [image_trust]. It is nil if the file has no such table.
func (d *decoder) imageTrust(table imageTrustTable) *image.Policy {
	if d.lines[imageTrustPath] == 0 {
		return nil
	}
	t := &imageTrust{imageTrustTable: table}
	p := &image.Policy{Deadline: t.Deadline, Lifetime: t.Lifetime, Settings: t}
	if t.Deadline != 0 && (t.Deadline < minDeadline || t.Deadline > maxDeadline) {
		d.problem(imageTrustPath.key("deadline"), "%s is not between %s and %s", t.Deadline, minDeadline, maxDeadline)
	}
	if t.Lifetime < 0 {
		d.problem(imageTrustPath.key("verdict_lifetime"), "%s is below 0", t.Lifetime)
	}
	p.Allow = d.digests("allow_digests", t.AllowDigests)
	p.Deny = d.digests("deny_digests", t.DenyDigests)
	p.Layouts = d.layouts(t.Evidence)
	if client := d.registries(t); client != nil {
		p.Registries = client
	}
	verifiers := d.statements(t, p)
	d.imageReports(t, p, verifiers)
	t.inputs = d.inputs.fingerprint()
	p.Generation = generation(t, verifiers)
	return p
}

func (d *decoder) digests(key string, texts []string) map[ocidigest.Digest]bool {
	set := make(map[ocidigest.Digest]bool, len(texts))
	for i, text := range texts {
		// A name in front of the digest is allowed for, and says nothing: what runs is the digest's.
		if ref, err := reference.ParseDockerRef(text); err == nil {
			if c, ok := ref.(reference.Canonical); ok {
				text = c.Digest().String()
			}
		}
		parsed, err := ocidigest.Parse(text)
		if err != nil {
			d.problem(imageTrustPath.key(key).index(i), "%q is no digest; write sha256: and 64 hexadecimal digits", text)
		}
		set[parsed] = true
	}
	return set
}

// registries makes the client for all registries, nil if there are none or one is wrong.
func (d *decoder) registries(t *imageTrust) *registry.Client {
	at := imageTrustPath.key("registries")
	var list []registry.Config
	bad := len(d.problems)
	for i, raw := range t.Registries {
		p := at.index(i)
		var r registryTable
		d.decodeStruct(p, raw, reflect.ValueOf(&r).Elem())
		t.registries = append(t.registries, r)
		d.missing(p, "host", r.Host == "")
		c := registry.Config{Host: r.Host, PlainHTTP: r.PlainHTTP, Proxy: r.Proxy}
		texts, err := d.inputs.all(r.CA)
		if err != nil {
			d.problem(p.key("ca"), "%v", err)
		}
		for _, text := range texts {
			if _, err := certificatesOf(text); err != nil {
				d.problem(p.key("ca"), "%v", err)
			}
			c.CA = append(append(c.CA, text...), '\n')
		}
		if r.Credentials != "" {
			c.Credentials = d.inputs.path(r.Credentials)
		}
		list = append(list, c)
	}
	if len(list) == 0 || len(d.problems) > bad {
		return nil
	}
	client, err := registry.New(list, registry.Options{})
	for _, err := range split(err) {
		d.problem(at, "%v", err)
	}
	return client
}

// statements compiles the statements into the policy, and returns their verifiers by name.
func (d *decoder) statements(t *imageTrust, p *image.Policy) map[string]image.Verifier {
	verifiers := make(map[string]image.Verifier)
	taken := make(map[string]string)
	for i, raw := range t.Statements {
		at := imageTrustPath.key("statements").index(i)
		var s trustTable
		d.decodeStruct(at, raw, reflect.ValueOf(&s).Elem())
		t.statements = append(t.statements, s)
		d.missing(at, "name", s.Name == "")
		if _, twice := verifiers[s.Name]; twice {
			d.problem(at.key("name"), "%q is the name of another statement", s.Name)
		}
		for j, prefix := range s.Repositories {
			d.prefix(at.key("repositories").index(j), prefix, &s, t, taken)
		}
		v := d.verifier(at, &s)
		verifiers[s.Name] = v
		if v != nil && len(s.Repositories) > 0 {
			p.Statements = append(p.Statements, image.Statement{Name: s.Name, Prefixes: s.Repositories, Verifier: v})
		}
	}
	return verifiers
}

// prefix checks one of a statement's repositories.
func (d *decoder) prefix(at path, prefix string, s *trustTable, t *imageTrust, taken map[string]string) {
	named, err := reference.WithName(prefix)
	host, _, below := strings.Cut(prefix, "/")
	switch {
	case strings.ContainsAny(prefix, "*?"):
		d.problem(at, "%q is a pattern; write the beginning of the repositories, without a * behind it", prefix)
		return
	case below && err != nil, !below && !isHost(host):
		d.problem(at, "%q is not the beginning of a repository with its registry; write docker.io/library/busybox for busybox", prefix)
		return
	case below && (reference.Domain(named) != host || !isHost(host)):
		d.problem(at, "%q does not begin with a registry; write docker.io/library/busybox for busybox", prefix)
		return
	case taken[prefix] != "":
		d.problem(at, "%q stands in the statement %q as well", prefix, taken[prefix])
	}
	taken[prefix] = s.Name
	if s.Verifier == verifierEngine {
		return // no registry is asked
	}
	for _, r := range t.registries {
		if strings.EqualFold(r.Host, host) {
			return
		}
	}
	d.problem(at, "no [[image_trust.registries]] has the host %q, so nobody could look for signatures there", host)
}

func isHost(s string) bool { return strings.ContainsAny(s, ".:") || s == "localhost" }

// generation stands for all that decides about images: the policy, the files that it names, and the libraries that verify.
func generation(t *imageTrust, verifiers map[string]image.Verifier) string {
	var b strings.Builder
	for _, s := range imageSections(t) {
		b.WriteString(s.text())
	}
	b.WriteString(t.inputs)
	for _, s := range t.statements {
		if f, ok := verifiers[s.Name].(interface{ Fingerprint() string }); ok {
			b.WriteString(s.Name + " " + f.Fingerprint() + "\n")
		}
	}
	sum := sha256.Sum256([]byte(b.String()))
	return "sha256:" + hex.EncodeToString(sum[:])
}
