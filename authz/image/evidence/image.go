package evidence

import (
	"context"

	"github.com/opencontainers/go-digest"

	"caisson/authz/image"
)

var (
	_ image.Evidence = (*Layout)(nil)
	_ image.Keeper   = (*Store)(nil)
)

// Leading implements [image.Evidence].
func (l *Layout) Leading(_ context.Context, id digest.Digest) []image.Artifact {
	var all []image.Artifact
	for _, c := range l.Candidates(id) {
		if len(c.Repositories) == 0 {
			all = append(all, image.Artifact{Descriptor: c.Descriptor})
		}
		for _, repo := range c.Repositories {
			all = append(all, image.Artifact{Repository: repo, Descriptor: c.Descriptor})
		}
	}
	return all
}

// Record implements [image.Keeper].
func (s *Store) Record(from image.Source) (image.Source, func(image.Verdict) error) {
	r := NewRecorder(from)
	return r, func(v image.Verdict) error {
		if v.Signature.Digest == "" {
			return r.Commit(s, v.Artifact)
		}
		return r.Commit(s, v.Artifact, v.Signature.Digest)
	}
}
