package image

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

// maxPlatforms bounds how many manifests of one platform an index is searched for.
const maxPlatforms = 8

// ErrPlatform says that an index has no manifest, or several, that the image may be made of.
var ErrPlatform = errors.New("it is not known which of the manifests of its index it is made of")

// ManifestOf finds the manifest that the subject of an artifact is made of: the artifact itself, or, if that is an index, the one of the
// subject's platform. Scanners look at one platform, so that is what their reports are about. Errors are [ErrPlatform] and those of
// [Source.Manifest].
func ManifestOf(ctx context.Context, source Source, a Artifact) (ocispec.Descriptor, error) {
	if !IsIndex(a.Descriptor.MediaType) {
		return a.Descriptor, nil
	}
	m, err := source.Manifest(ctx, a.Repository, a.Descriptor.Digest)
	if err != nil {
		return ocispec.Descriptor{}, err
	}
	var index ocispec.Index
	if err := json.Unmarshal(m.Bytes, &index); err != nil {
		return ocispec.Descriptor{}, fmt.Errorf("%w: the index is no JSON", ErrPlatform)
	}
	if a.Subject == nil {
		return ocispec.Descriptor{}, ErrPlatform
	}
	return a.Subject.child(ctx, source, a, index.Manifests)
}

// child picks the subject's manifest: by its digest, by the configuration that it names, or as the only one of the platform.
func (s *Subject) child(ctx context.Context, source Source, a Artifact, children []ocispec.Descriptor) (ocispec.Descriptor, error) {
	var fit []ocispec.Descriptor
	for _, c := range children {
		switch {
		case s.Manifest != "":
			if c.Digest == s.Manifest {
				return c, nil
			}
		case c.Platform != nil && c.Platform.OS == s.Platform.OS && c.Platform.Architecture == s.Platform.Architecture && !IsIndex(c.MediaType):
			fit = append(fit, c)
		}
	}
	if len(fit) > maxPlatforms {
		return ocispec.Descriptor{}, ErrPlatform
	}
	if s.ID == a.Descriptor.Digest { // the containerd store names no configuration
		if len(fit) == 1 {
			return fit[0], nil
		}
		return ocispec.Descriptor{}, ErrPlatform
	}
	for _, c := range fit {
		m, err := source.Manifest(ctx, a.Repository, c.Digest)
		if err != nil {
			return ocispec.Descriptor{}, err
		}
		var manifest struct {
			Config struct{ Digest digest.Digest }
		}
		if json.Unmarshal(m.Bytes, &manifest) == nil && manifest.Config.Digest == s.ID {
			return c, nil
		}
	}
	return ocispec.Descriptor{}, ErrPlatform
}
