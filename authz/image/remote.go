package image

import (
	"context"
	"fmt"

	"github.com/distribution/reference"
	"github.com/opencontainers/go-digest"
)

// remote answers about what a registry has under a digest. No Engine is asked: tasks of a service run on hosts that pull for themselves.
func (a *Assessor) remote(ctx context.Context, p *Policy, q Question) *Assessment {
	ref, err := reference.ParseDockerRef(q.Ref)
	c, ok := ref.(reference.Canonical)
	if err != nil || !ok {
		return &Assessment{Verdict: Verdict{Reason: Mutable, Detail: "has no digest, so it may be another one when it is pulled"}}
	}
	repo, d := reference.TrimNamed(c), c.Digest()
	s := &Subject{ID: d, RepoDigests: []reference.Canonical{c}}
	only := p.Statement(repo)
	v := a.once(ctx, p, "remote\x00"+repo.Name()+"\x00"+verdictKey(p, s, only), func(ctx context.Context) Verdict {
		if only == nil {
			if v, denied := p.denies(s); denied {
				return v
			}
			if v, ok := p.allows(s, nil); ok {
				return v
			}
			return Verdict{Reason: NoStatement, Detail: fmt.Sprintf("is from %s, for which the policy has no statement", reference.FamiliarName(repo))}
		}
		return a.prove(ctx, p, s, only)
	})
	out := &Assessment{Subject: *s, Verdict: v}
	if q.Reports {
		out.Reports = a.report(ctx, p, s)
	}
	return out
}

// Immutable tells whether a text can only ever mean one image: a whole ID, or a name with a digest.
func Immutable(ref string) bool {
	if _, err := digest.Parse(ref); err == nil {
		return true
	}
	named, err := reference.ParseDockerRef(ref)
	if err != nil {
		return false
	}
	_, ok := named.(reference.Canonical)
	return ok
}
