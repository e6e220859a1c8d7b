package evidence

import (
	"fmt"
	"os"
	"path"
	"slices"

	"github.com/opencontainers/go-digest"

	"caisson/authz/image"
)

// envelopeFolder holds signatures without manifests: envelopes/sha256-<hex of the image ID>/<any name>. An image that was built or loaded on
// this machine has no registry that could keep its signature.
const envelopeFolder = "envelopes"

// Envelopes returns the signatures that lie in the folder for an image ID, at most [image.MaxAttempts]. That they are there says nothing yet, not even that they are of that ID.
func (l *Layout) Envelopes(id digest.Digest) []image.Envelope {
	if id.Validate() != nil {
		return nil
	}
	dir := path.Join(envelopeFolder, id.Algorithm().String()+"-"+id.Encoded())
	names, _ := l.files.list(dir) // no folder, no signatures
	slices.Sort(names)
	var all []image.Envelope
	for _, n := range names {
		if len(all) == image.MaxAttempts {
			break
		}
		if b, err := l.files.read(path.Join(dir, n), image.MaxEnvelope); err == nil && len(b) > 0 && !leftover(n) {
			all = append(all, image.Envelope{Name: n, MediaType: mediaTypeOf(b), Bytes: b})
		}
	}
	return all
}

// mediaTypeOf tells the two forms of signatures of Notation apart: JWS is a JSON object, COSE is binary.
func mediaTypeOf(envelope []byte) string {
	if envelope[0] == '{' {
		return "application/jose+json"
	}
	return "application/cose"
}

// AddEnvelope puts a signature into the folder for an image ID.
func (s *Store) AddEnvelope(id digest.Digest, envelope []byte) error {
	if err := id.Validate(); err != nil {
		return fmt.Errorf("%q is no image ID of the form sha256:…: %w", id, err)
	}
	if len(envelope) == 0 || len(envelope) > image.MaxEnvelope {
		return fmt.Errorf("the signature has %d bytes; between 1 and %d are read", len(envelope), image.MaxEnvelope)
	}
	dir := path.Join(envelopeFolder, id.Algorithm().String()+"-"+id.Encoded())
	return s.change(func(root *os.Root) error {
		if err := root.MkdirAll(dir, dirMode); err != nil {
			return err
		}
		return writeFile(root, path.Join(dir, digest.FromBytes(envelope).Encoded()), envelope)
	})
}
