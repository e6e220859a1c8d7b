package registry

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/distribution/reference"
	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"caisson/authz/image"
)

// Config is a registry that may be asked.
type Config struct {
	Host string // as in names of images, with ":port" if it has one; Docker Hub is docker.io

	// CA is PEM certificates of authorities that are trusted for this registry, in addition to the system's: as in dockerd's certs.d, because its token
	// service and its storage may be elsewhere and have public certificates. nil adds none.
	CA []byte

	// Credentials is the path of a file like Docker's config.json. "" asks as nobody.
	Credentials string

	PlainHTTP bool   // speak HTTP without TLS
	Proxy     string // URL of an HTTP proxy to go through; "" goes directly
}

// Options are for all registries. The zero value is usable.
type Options struct {
	UserAgent string // "" is caisson

	// Asked is told of each question put to a registry: how long it took and what went wrong, [image.ErrNotFound] included. Questions that
	// were not put, because the host has failed too often, are told with a duration of 0. It must be quick. nil is not told.
	Asked func(host string, took time.Duration, err error)
}

// Client is an [image.Source] of the registries of a list. It is safe for concurrent use.
type Client struct {
	hosts map[string]*host
}

var _ image.Source = (*Client)(nil)

// New prepares questions to registries. It reads their credentials' files, and does not connect. The error names each entry that is wrong.
func New(registries []Config, o Options) (*Client, error) {
	c := &Client{hosts: make(map[string]*host, len(registries))}
	var wrong []error
	for _, r := range registries {
		h, err := newHost(r, o)
		switch {
		case err != nil:
			wrong = append(wrong, fmt.Errorf("registry %q: %w", r.Host, err))
		case c.hosts[h.name] != nil:
			h.close()
			wrong = append(wrong, fmt.Errorf("registry %q: listed twice", r.Host))
		default:
			c.hosts[h.name] = h
		}
	}
	if len(wrong) > 0 {
		c.Close()
		return nil, errors.Join(wrong...)
	}
	return c, nil
}

// Close drops idle connections. Questions under way go on.
func (c *Client) Close() {
	for _, h := range c.hosts {
		h.close()
	}
}

// Listed tells whether a registry may be asked, by its host as in the names of images.
func (c *Client) Listed(name string) bool { return c.hosts[strings.ToLower(name)] != nil }

// host finds the registry of a repository.
func (c *Client) host(repo reference.Named) (*host, error) {
	name := reference.Domain(repo)
	if h := c.hosts[strings.ToLower(name)]; h != nil {
		return h, nil
	}
	return nil, &image.UnavailableError{Host: name, Why: "is not listed in the policy, so it is not asked"}
}

// Manifest implements [image.Source].
func (c *Client) Manifest(ctx context.Context, repo reference.Named, d digest.Digest) (image.Manifest, error) {
	if !valid(d) {
		return image.Manifest{}, image.ErrNotFound
	}
	return c.manifest(ctx, repo, d.String(), d)
}

// Tagged implements [image.Source].
func (c *Client) Tagged(ctx context.Context, repo reference.Named, tag string) (image.Manifest, error) {
	if _, err := reference.WithTag(reference.TrimNamed(repo), tag); err != nil {
		return image.Manifest{}, image.ErrNotFound
	}
	return c.manifest(ctx, repo, tag, "")
}

// manifest fetches what a tag or digest stands for. The digest is "" for a tag.
func (c *Client) manifest(ctx context.Context, repo reference.Named, ref string, d digest.Digest) (m image.Manifest, err error) {
	h, err := c.host(repo)
	if err != nil {
		return image.Manifest{}, err
	}
	err = h.ask(ctx, func(ctx context.Context) error {
		desc, body, err := h.repository(repo).api.Manifests().FetchReference(ctx, ref)
		if err != nil {
			return err
		}
		defer func() { _ = body.Close() }()
		b, err := readAll(body, image.MaxManifest)
		if err != nil {
			return err
		}
		if d == "" {
			d = desc.Digest // of the header, or of the bytes if there is none
		}
		if m, err = image.ReadManifest(b, d, desc.MediaType); err != nil {
			return &unusableError{err.Error()}
		}
		return nil
	})
	return m, err
}

// Blob implements [image.Source].
func (c *Client) Blob(ctx context.Context, repo reference.Named, blob ocispec.Descriptor, limit int64) (b []byte, err error) {
	h, err := c.host(repo)
	if err != nil {
		return nil, err
	}
	if !valid(blob.Digest) || blob.Size < 0 {
		return nil, image.ErrNotFound
	}
	if blob.Size > limit {
		return nil, &image.UnavailableError{Host: h.name, Why: fmt.Sprintf("has a blob of %d bytes there, and Caisson reads at most %d", blob.Size, limit)}
	}
	err = h.ask(ctx, func(ctx context.Context) error {
		body, err := h.repository(repo).api.Blobs().Fetch(ctx, blob)
		if err != nil {
			return err
		}
		defer func() { _ = body.Close() }()
		if b, err = readAll(body, blob.Size); err != nil {
			return err
		}
		if int64(len(b)) != blob.Size {
			err = &unusableError{"the blob is shorter than its descriptor says"}
		} else if e := image.CheckDigest(b, blob.Digest); e != nil {
			err = &unusableError{e.Error()}
		}
		if err != nil {
			b = nil
		}
		return err
	})
	return b, err
}

// valid tells whether a digest can be asked for.
func valid(d digest.Digest) bool { return d.Validate() == nil }

// readAll reads a body to its end, which must come within a limit in bytes.
func readAll(r io.Reader, limit int64) ([]byte, error) {
	b, err := io.ReadAll(io.LimitReader(r, limit+1))
	if err != nil {
		return nil, err
	}
	if int64(len(b)) > limit {
		return nil, &unusableError{fmt.Sprintf("there are more than %d bytes of it", limit)}
	}
	return b, nil
}
