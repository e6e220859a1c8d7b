package image

import (
	_ "crypto/sha256" // go-digest knows the algorithms that are linked in
	_ "crypto/sha512"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

// Media types of manifests and indexes that are not of the OCI specification but still served.
const (
	MediaTypeDockerManifest   = "application/vnd.docker.distribution.manifest.v2+json"
	MediaTypeDockerIndex      = "application/vnd.docker.distribution.manifest.list.v2+json"
	MediaTypeArtifactManifest = "application/vnd.oci.artifact.manifest.v1+json" // of the first signatures, before OCI 1.1
)

// IsIndex tells whether a media type is that of a list of manifests.
func IsIndex(mediaType string) bool {
	return mediaType == ocispec.MediaTypeImageIndex || mediaType == MediaTypeDockerIndex
}

// ReadManifest makes a Manifest of bytes that a source gave for a digest. They must hash to it, and be what their media type says, so that
// no reader takes for an index what another takes for a manifest (CVE-2021-41190). The media type is that of the header or descriptor under
// which they came; "" takes it from the bytes.
func ReadManifest(b []byte, d digest.Digest, mediaType string) (Manifest, error) {
	if len(b) > MaxManifest {
		return Manifest{}, fmt.Errorf("the manifest is larger than %d MiB", MaxManifest>>20)
	}
	if err := CheckDigest(b, d); err != nil {
		return Manifest{}, err
	}
	var shape struct {
		MediaType string          `json:"mediaType"`
		Config    json.RawMessage `json:"config"`
		Layers    json.RawMessage `json:"layers"`
		Manifests json.RawMessage `json:"manifests"`
	}
	if err := json.Unmarshal(b, &shape); err != nil {
		return Manifest{}, errors.New("the manifest is no JSON object")
	}
	own := shape.MediaType
	if own == "" { // the OCI specification lets it out
		own = mediaType
	}
	list, single := shape.Manifests != nil, shape.Config != nil || shape.Layers != nil
	switch {
	case own == "" && list && !single:
		own = ocispec.MediaTypeImageIndex
	case own == "" && single && !list:
		own = ocispec.MediaTypeImageManifest
	case mediaType != "" && mediaType != own:
		return Manifest{}, fmt.Errorf("the manifest comes as %q and says of itself that it is %q", mediaType, own)
	}
	switch own {
	case ocispec.MediaTypeImageIndex, MediaTypeDockerIndex:
		if single {
			return Manifest{}, errors.New("the index has a configuration or layers, as only a manifest has")
		}
	case ocispec.MediaTypeImageManifest, MediaTypeDockerManifest, MediaTypeArtifactManifest:
		if list {
			return Manifest{}, errors.New("the manifest lists manifests, as only an index does")
		}
	default:
		return Manifest{}, fmt.Errorf("the media type %q is not that of a manifest or index that Caisson reads", own)
	}
	return Manifest{Descriptor: ocispec.Descriptor{MediaType: own, Digest: d, Size: int64(len(b))}, Bytes: b}, nil
}

// CheckDigest tells whether bytes hash to a digest, of an algorithm that is known and safe.
func CheckDigest(b []byte, d digest.Digest) error {
	if err := d.Validate(); err != nil {
		return fmt.Errorf("%q is no digest: %w", d, err)
	}
	if d.Algorithm().FromBytes(b) != d {
		return fmt.Errorf("the bytes do not hash to %s", d)
	}
	return nil
}
