package registry

import (
	"context"
	"errors"

	"github.com/distribution/reference"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	"oras.land/oras-go/v2/errdef"
	"oras.land/oras-go/v2/registry/remote"

	"caisson/authz/image"
)

// maxPages of a list are read: a registry may put one entry on each.
const maxPages = 16

// Referrers implements [image.Source]. Where the referrers API has none, the referrers tag is looked at too: a registry that learned the API
// knows nothing of what was pushed before, unless somebody told it.
func (c *Client) Referrers(ctx context.Context, repo reference.Named, subject ocispec.Descriptor, artifactType string) (all []ocispec.Descriptor, err error) {
	h, err := c.host(repo)
	if err != nil {
		return nil, err
	}
	if !valid(subject.Digest) {
		return nil, nil
	}
	err = h.ask(ctx, func(ctx context.Context) error {
		r := h.repository(repo)
		var err error
		if all, err = list(ctx, r.api, subject, artifactType); err != nil || len(all) > 0 {
			return err
		}
		if !answersAPI(r.api) {
			return nil // the tag was asked
		}
		all, err = list(ctx, r.byTag, subject, artifactType)
		return err
	})
	if errors.Is(err, image.ErrNotFound) {
		return nil, nil
	}
	return all, err
}

// answersAPI tells, after a successful list, whether it came from the referrers API. What was found out then cannot be set to another value.
func answersAPI(r *remote.Repository) bool { return r.SetReferrersCapability(true) == nil }

var errEnough = errors.New("enough")

// list collects up to [image.MaxReferrers].
func list(ctx context.Context, r *remote.Repository, subject ocispec.Descriptor, artifactType string) ([]ocispec.Descriptor, error) {
	var all []ocispec.Descriptor
	err := r.Referrers(ctx, subject, artifactType, func(page []ocispec.Descriptor) error {
		for i := range page {
			if len(all) == image.MaxReferrers {
				return errEnough
			}
			d := page[i]
			if !valid(d.Digest) || d.Size < 0 || d.Size > image.MaxManifest {
				continue // nothing that can be fetched
			}
			d.Data, d.URLs = nil, nil // what it stands for is fetched from the registry, by its digest
			all = append(all, d)
		}
		return nil
	})
	if errors.Is(err, errEnough) || errors.Is(err, errdef.ErrTooManyPages) {
		err = nil
	}
	return all, err
}
