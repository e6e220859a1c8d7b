package image

import (
	"context"
	"fmt"
	"strings"

	"github.com/distribution/reference"
	"github.com/opencontainers/go-digest"
)

// prove looks for somebody who vouches for an image: first in the evidence that is kept, which needs no network, then at the registries. What
// proved an image there is kept. only, if it is not nil, is the statement that has to be fulfilled.
func (a *Assessor) prove(ctx context.Context, p *Policy, s *Subject, only *Statement) Verdict {
	if v, denied := p.denies(s); denied {
		return v
	}
	for _, e := range a.evidenceOf(p) {
		if v, denied := p.deniesAny(known(ctx, e, s)); denied {
			return v
		}
	}
	if v, ok := p.allows(s, nil); ok {
		return v
	}
	var best Verdict
	for _, e := range a.evidenceOf(p) {
		v := p.decide(ctx, e, s, only, leading(ctx, p, e, s, only))
		if !v.Verified() && v.Reason != DigestDenied {
			v = Telling(v, p.loose(ctx, e, s, only))
		}
		if v.Verified() || v.Reason == DigestDenied {
			return v
		}
		best = Telling(best, v)
	}
	if p == nil || p.Registries == nil {
		return p.told(best, s)
	}
	source, keep := Source(p.Registries), func(Verdict) error { return nil }
	if a.Keep != nil {
		source, keep = a.Keep.Record(source)
	}
	b := &binding{source: source, policy: p, s: s, only: only}
	b.from(ctx, true)
	b.selected(ctx)
	v := p.decide(ctx, source, s, only, b)
	if v.Verified() {
		if err := keep(v); err != nil && a.OnKeepError != nil {
			a.OnKeepError(err)
		}
	}
	return p.told(Telling(v, best), s) // of two that are alike, the registry's knows more
}

// leading binds an image by what is in evidence: by the Engine's names for it, and by what is known to lead to its ID.
func leading(ctx context.Context, p *Policy, e Evidence, s *Subject, only *Statement) *binding {
	b := &binding{source: e, policy: p, s: s, only: only}
	for _, a := range known(ctx, e, s) {
		if a.Repository != nil && p.Statement(a.Repository) == nil {
			a.Repository = nil // a name that no statement is about, such as one that docker save wrote, is as good as none
		}
		if a.Repository == nil || only == nil || p.Statement(a.Repository) == only {
			b.add(a.Repository, a.Descriptor)
		}
	}
	b.from(ctx, false)
	b.selected(ctx)
	b.worst = Verdict{} // what evidence lacks, a registry may have
	return b
}

// known lists what evidence knows to lead to the image.
func known(ctx context.Context, e Evidence, s *Subject) (list []Artifact) {
	for _, id := range []digest.Digest{s.ID, s.Manifest} {
		if id != "" {
			list = append(list, e.Leading(ctx, id)...)
		}
	}
	return list
}

// decide asks the verifiers about all that the image is bound to.
func (p *Policy) decide(ctx context.Context, source Source, s *Subject, only *Statement, b *binding) Verdict {
	if v, denied := p.deniesAny(b.found); denied {
		return v
	}
	if v, ok := p.allows(s, b.found); ok {
		return v
	}
	best := b.worst
	for _, art := range b.found {
		for _, st := range p.statementsFor(art.Repository, only) {
			v := st.Verifier.Verify(ctx, source, named(art, st))
			v.Artifact, v.Statement = art, st.Name
			if v.Verified() {
				return v
			}
			best = Telling(best, v)
		}
		if art.Repository != nil && p.Statement(art.Repository) == nil {
			best = Telling(best, Verdict{
				Reason: NoStatement, Artifact: art,
				Detail: fmt.Sprintf("is from %s, for which the policy has no statement", reference.FamiliarName(art.Repository)),
			})
		}
	}
	return best
}

// statementsFor lists the statements that may vouch for what is in a repository. Of evidence without a repository, any may: a signature
// speaks for bytes, whatever they are called.
func (p *Policy) statementsFor(repo reference.Named, only *Statement) []*Statement {
	switch {
	case only != nil:
		return []*Statement{only}
	case repo != nil:
		if st := p.Statement(repo); st != nil {
			return []*Statement{st}
		}
		return nil
	case p == nil:
		return nil
	}
	var all []*Statement
	for i := range p.Statements {
		all = append(all, &p.Statements[i])
	}
	return all
}

// named gives evidence without a repository one, as sources and verifiers want a name: the one that the statement is about, or one in the
// registry that it is about.
func named(a Artifact, st *Statement) Artifact {
	if a.Repository != nil || len(st.Prefixes) == 0 {
		return a
	}
	prefix := strings.TrimSuffix(st.Prefixes[0], "/")
	repo, err := reference.WithName(prefix)
	if err != nil {
		repo, err = reference.WithName(prefix + "/unnamed")
	}
	if err == nil {
		a.Repository = repo
	}
	return a
}

// allows looks for the image in the policy's list: by its own digests, and by those of manifests that it is bound to.
func (p *Policy) allows(s *Subject, bound []Artifact) (Verdict, bool) {
	if p == nil || len(p.Allow) == 0 {
		return Verdict{}, false
	}
	listed := Verdict{Reason: Verified, Detail: "is in the policy's list", Signature: Signature{Verifier: "allow_digests"}}
	if p.Allow[s.ID] || s.Manifest != "" && p.Allow[s.Manifest] {
		return listed, true
	}
	for _, a := range bound {
		if p.Allow[a.Descriptor.Digest] {
			listed.Artifact = a
			return listed, true
		}
	}
	return Verdict{}, false
}

// evidenceOf lists where evidence is looked for.
func (a *Assessor) evidenceOf(p *Policy) []Evidence {
	var all []Evidence
	if a.Keep != nil {
		all = append(all, a.Keep)
	}
	if p != nil {
		all = append(all, p.Layouts...)
	}
	return all
}

// told words a verdict for which nothing was found at all.
func (p *Policy) told(v Verdict, s *Subject) Verdict {
	switch {
	case v.Reason != Unknown:
	case p == nil || len(p.Statements) == 0:
		v.Reason, v.Detail = NoStatement, "cannot be vouched for: the policy has no [[image_trust.statements]]"
	case len(s.RepoDigests) == 0:
		v.Reason, v.Detail = Unbound, "was not pulled from a registry: it was built, loaded, imported or committed on this host"
	default:
		v.Reason, v.Detail = Unbound, "has no name here under which a registry of the policy could vouch for it"
	}
	return v
}
