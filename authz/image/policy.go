package image

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/distribution/reference"
	"github.com/opencontainers/go-digest"
)

// The bounds of a proof.
const (
	DefaultDeadline = 8 * time.Second // how long a request waits for a proof
	DefaultLifetime = 24 * time.Hour  // how long a proof counts at most
)

// Policy is what a policy file says of images. It is never changed once in use. The zero value has no statements, so nothing is vouched for.
type Policy struct {
	Statements []Statement
	Registries Registries             // nil lists none
	Layouts    []Evidence             // evidence beside Caisson's own
	Allow      map[digest.Digest]bool // images that need no signature, by their ID or by the digest of their manifest or index
	Deny       map[digest.Digest]bool // images that no signature helps, likewise
	Reporters  []Reporter
	Deadline   time.Duration // 0 is DefaultDeadline
	Lifetime   time.Duration // 0 is DefaultLifetime

	// Generation identifies all that decides: the settings, the certificates and keys, the library. A verdict counts for one generation.
	Generation string

	Settings any // as the policy file has them, for those who show it
}

// Registries are the registries that may be asked.
type Registries interface {
	Source
	// Listed tells whether a host, as it stands in names of images, may be asked.
	Listed(host string) bool
}

// Statement returns the statement for a repository, nil if there is none: the one with the longest prefix counts.
func (p *Policy) Statement(repo reference.Named) *Statement {
	if p == nil {
		return nil
	}
	var best *Statement
	longest := -1
	for i := range p.Statements {
		for _, prefix := range p.Statements[i].Prefixes {
			if Covers(prefix, repo.Name()) && len(prefix) > longest {
				best, longest = &p.Statements[i], len(prefix)
			}
		}
	}
	return best
}

// Covers tells, by whole components, whether a prefix stands for a repository.
func Covers(prefix, repository string) bool {
	rest, ok := strings.CutPrefix(repository, prefix)
	return ok && (rest == "" || rest[0] == '/')
}

func (p *Policy) deadline() time.Duration {
	if p == nil || p.Deadline == 0 {
		return DefaultDeadline
	}
	return p.Deadline
}

// MaxDeadline is how long a request may wait under the policy, for whoever has a deadline of their own around it.
func (p *Policy) MaxDeadline() time.Duration { return p.deadline() }

func (p *Policy) lifetime() time.Duration {
	if p == nil || p.Lifetime == 0 {
		return DefaultLifetime
	}
	return p.Lifetime
}

func (p *Policy) generation() string {
	if p == nil {
		return ""
	}
	return p.Generation
}

// denies tells whether an image is denied by any of its digests. What its names claim is enough here.
func (p *Policy) denies(s *Subject) (Verdict, bool) {
	all := []digest.Digest{s.ID, s.Manifest}
	for _, d := range s.RepoDigests {
		all = append(all, d.Digest())
	}
	return p.denied(all...)
}

// deniesAny tells whether an image is denied by what it is known to be made of. Its names need not show that: whoever may remove them has
// the containers left, and the ID.
func (p *Policy) deniesAny(made []Artifact) (Verdict, bool) {
	all := make([]digest.Digest, len(made))
	for i, a := range made {
		all[i] = a.Descriptor.Digest
	}
	return p.denied(all...)
}

func (p *Policy) denied(all ...digest.Digest) (Verdict, bool) {
	if p == nil || len(p.Deny) == 0 {
		return Verdict{}, false
	}
	i := slices.IndexFunc(all, func(d digest.Digest) bool { return p.Deny[d] })
	if i < 0 {
		return Verdict{}, false
	}
	return Verdict{Reason: DigestDenied, Detail: fmt.Sprintf("has the digest %s, which the policy denies", all[i])}, true
}
