package docker

import (
	"context"
	"encoding/json"
	"fmt"
	"net/url"

	"github.com/containerd/platforms"
	"github.com/moby/moby/client"
	"github.com/moby/moby/client/pkg/versions"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"caisson/authz/request"
	"caisson/authz/state"
)

// platformsSince is the first API version whose image inspect takes a platform.
const platformsSince = "1.49"

// Image implements [state.View]. Those who ask for the same image at the same time get one answer: with containerd's store the Engine takes tens
// of milliseconds for it. It may be as much older than the question, which loses nothing: what a name stands for can change right after any
// answer, and a container's image is asked for by its ID.
func (e *Engine) Image(ctx context.Context, ref, platform string) (*state.Image, error) {
	return e.images.do(ctx, question{ref, platform}, func() (*state.Image, error) {
		return look(ctx, e, Image, ref, func(ctx context.Context, ref string) (*state.Image, error) { return e.image(ctx, ref, platform) })
	})
}

// imageAnswer is what is read of the Engine's answer. To decode the client library's type takes twice as long, and each create waits for it.
type imageAnswer struct {
	ID           string `json:"Id"`
	RepoDigests  []string
	Created      string
	Os           string
	Architecture string
	Variant      string
	Config       struct{ Labels map[string]string }
	Descriptor   *ocispec.Descriptor
	Identity     json.RawMessage
}

func (e *Engine) image(ctx context.Context, ref, platform string) (*state.Image, error) {
	if ref == "" {
		return nil, state.ErrNotFound
	}
	at := url.URL{Path: "/images/" + ref + "/json"}
	if platform != "" && e.takesPlatforms(ctx) {
		p, err := platforms.Parse(platform)
		if err != nil {
			return nil, fmt.Errorf("look up image %s: %q is no platform", ref, platform)
		}
		text, err := json.Marshal(p)
		if err != nil {
			return nil, err
		}
		at.RawQuery = url.Values{"platform": {string(text)}}.Encode()
	}
	var a imageAnswer
	if err := e.get(ctx, "image "+ref, at, &a); err != nil {
		return nil, err
	}
	return &state.Image{
		ID: a.ID, RepoDigests: a.RepoDigests, Created: a.Created, Descriptor: a.Descriptor, Labels: a.Config.Labels, Identity: a.Identity,
		Platform: ocispec.Platform{OS: a.Os, Architecture: a.Architecture, Variant: a.Variant},
	}, nil
}

// takesPlatforms tells whether the Engine can be asked about one platform of an image. Until it has been asked something, its API version is
// not known; an error of that question meets the look-up that follows, too.
func (e *Engine) takesPlatforms(ctx context.Context) bool {
	_, err := e.daemonDefaults(ctx)
	return err == nil && versions.GreaterThanOrEqualTo(e.client.ClientVersion(), platformsSince)
}

// RemoveContainer removes a container that does not run, and its anonymous volumes. It does so by the whole ID only.
func (e *Engine) RemoveContainer(ctx context.Context, id string) error {
	if !request.IsFullID(id) {
		return fmt.Errorf("remove container %q: it is not named by its whole ID", id)
	}
	_, err := look(ctx, e, Removal, id, func(ctx context.Context, id string) (client.ContainerRemoveResult, error) {
		return e.client.ContainerRemove(ctx, id, client.ContainerRemoveOptions{RemoveVolumes: true})
	})
	if err != nil {
		return fmt.Errorf("remove container %s: %w", id, err)
	}
	return nil
}
