package image

import (
	"fmt"
	"time"

	"github.com/distribution/reference"
	"github.com/opencontainers/go-digest"

	"caisson/authz/state"
)

// maxClaim is longer than any date.
const maxClaim = 64

// subjectOf reads what the Engine says of an image.
func subjectOf(i *state.Image) (*Subject, error) {
	id, err := digest.Parse(i.ID)
	if err != nil {
		return nil, fmt.Errorf("the Engine's answer about an image has no usable ID: %w", err)
	}
	s := &Subject{ID: id, Descriptor: i.Descriptor, Platform: i.Platform, Identity: i.Identity}
	// Whoever makes an image gives it labels of any size, and a subject is held for as long as its proof waits for its turn.
	if claim := i.Labels[createdKey]; claim != "" && len(claim) <= maxClaim {
		s.Labels = map[string]string{createdKey: claim}
	}
	if s.Descriptor != nil && s.Descriptor.Digest != id { // asked for a platform, the Engine answers with that one's manifest
		s.Descriptor = nil
	}
	for _, text := range i.RepoDigests {
		// What is no reference with a digest is no hint for where to look either.
		if ref, err := reference.ParseNormalizedNamed(text); err == nil {
			if c, ok := ref.(reference.Canonical); ok {
				s.RepoDigests = append(s.RepoDigests, c)
			}
		}
	}
	if t, err := time.Parse(time.RFC3339Nano, i.Created); err == nil && !t.IsZero() {
		s.Created = t
	}
	return s, nil
}
