package cosign

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strings"

	"github.com/distribution/reference"
	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"caisson/authz/image"
)

const kind = "cosign-key"

// The media types of cosign, and where it puts a signature on a layer.
const (
	mediaTypePayload    = "application/vnd.dev.cosign.simplesigning.v1+json"
	mediaTypeSignature  = "application/vnd.dev.cosign.artifact.sig.v1+json"
	mediaTypeBundle     = "application/vnd.dev.sigstore.bundle.v0.3+json"
	signatureAnnotation = "dev.cosignproject.cosign/signature"
)

// Options says whose signatures count. One key at least is needed.
type Options struct {
	Keys []Key

	// SameRepository demands that a payload names the repository in which the image is found. Bundles name none, and do not count then.
	SameRepository bool
}

// Verifier verifies signatures of cosign. It implements [image.Verifier].
type Verifier struct {
	keys           []publicKey
	sameRepository bool
	fingerprint    string
}

var _ image.Verifier = (*Verifier)(nil)

// New returns a verifier. An error names everything that is wrong with the options.
func New(o Options) (*Verifier, error) {
	v := &Verifier{sameRepository: o.SameRepository}
	if len(o.Keys) == 0 {
		return nil, errors.New("no keys to trust; fix: give the PUBLIC KEY that \"cosign public-key\" prints")
	}
	var errs []error
	var all []string
	for _, k := range o.Keys {
		key, err := k.parse()
		switch {
		case err != nil:
			errs = append(errs, err)
		case slices.ContainsFunc(v.keys, func(other publicKey) bool { return other.thumbprint == key.thumbprint || other.name == key.name }):
			errs = append(errs, fmt.Errorf("key %q is there twice, by name or by content", k.Name))
		default:
			v.keys = append(v.keys, key)
			all = append(all, key.thumbprint+" "+key.name)
		}
	}
	if len(errs) > 0 {
		return nil, errors.Join(errs...)
	}
	slices.Sort(all)
	sum := sha256.Sum256(fmt.Appendf(nil, "%s %s %v %q", kind, runtime.Version(), o.SameRepository, all))
	v.fingerprint = hex.EncodeToString(sum[:])
	return v, nil
}

// Kind implements [image.Verifier].
func (v *Verifier) Kind() string { return kind }

// Fingerprint changes with everything that the verdict depends on besides the signature.
func (v *Verifier) Fingerprint() string { return v.fingerprint }

// Signed tells whether one of the keys signed a message, and which.
func (v *Verifier) Signed(message, signature []byte) (name string, ok bool) {
	for i := range v.keys {
		if v.keys[i].made(message, signature) {
			return v.keys[i].name, true
		}
	}
	return "", false
}

// Verify implements [image.Verifier]. The first signature that verifies wins; otherwise the verdict is that of the one that tells most.
func (v *Verifier) Verify(ctx context.Context, source image.Source, a image.Artifact) image.Verdict {
	l := &look{Verifier: v, source: source, artifact: a, payloads: map[digest.Digest][]byte{}}
	for _, find := range []func(context.Context){l.tag, l.referrers} {
		find(ctx)
		if l.best.Verified() {
			return l.best
		}
		if ctx.Err() != nil {
			// What is left unread may be good.
			return image.Unread(ctx.Err(), "")
		}
	}
	if l.best.Reason == image.Unknown {
		l.best = image.Verdict{Reason: image.Unsigned, Detail: "has no cosign signature in " + a.Repository.Name()}
	}
	return l.best
}

// look is one search for a signature.
type look struct {
	*Verifier
	source   image.Source
	artifact image.Artifact
	payloads map[digest.Digest][]byte // several signatures can be of the same bytes
	best     image.Verdict
}

// add takes note of what was found, and tells whether there is nothing left to do.
func (l *look) add(ctx context.Context, verdict image.Verdict) bool {
	l.best = image.Telling(l.best, verdict)
	return l.best.Verified() || ctx.Err() != nil
}

// tag looks under the tag that cosign derives from the digest.
func (l *look) tag(ctx context.Context) {
	tag := strings.Replace(l.artifact.Descriptor.Digest.String(), ":", "-", 1) + ".sig"
	m, err := l.source.Tagged(ctx, l.artifact.Repository, tag)
	if errors.Is(err, image.ErrNotFound) {
		return
	}
	if err != nil {
		l.add(ctx, image.Unread(err, "the tag "+tag))
		return
	}
	l.manifest(ctx, m, func(s ocispec.Manifest) error { return nil })
}

// referrers looks at what says that it belongs to the image. One list serves for both forms; some tools enter bundles into it by the type of
// their empty configuration.
func (l *look) referrers(ctx context.Context) {
	all, err := l.source.Referrers(ctx, l.artifact.Repository, l.artifact.Descriptor, "")
	if err != nil {
		l.add(ctx, image.Unread(err, "the list of its referrers"))
		return
	}
	order := map[string]int{mediaTypeBundle: 1, mediaTypeSignature: 2, ocispec.MediaTypeEmptyJSON: 3}
	list := slices.DeleteFunc(slices.Clone(all), func(d ocispec.Descriptor) bool { return order[d.ArtifactType] == 0 })
	slices.SortStableFunc(list, func(a, b ocispec.Descriptor) int { return cmp.Compare(order[a.ArtifactType], order[b.ArtifactType]) })
	for _, d := range list[:min(len(list), image.MaxAttempts)] {
		m, err := l.source.Manifest(ctx, l.artifact.Repository, d.Digest)
		if err != nil {
			if l.add(ctx, image.Unread(err, "its signature "+d.Digest.String())) {
				return
			}
			continue
		}
		l.manifest(ctx, m, func(s ocispec.Manifest) error {
			if s.Subject == nil || s.Subject.Digest != l.artifact.Descriptor.Digest {
				return errors.New("belongs to something else")
			}
			return nil
		})
		if l.best.Verified() || ctx.Err() != nil {
			return
		}
	}
}

// manifest looks at the signatures that a manifest holds.
func (l *look) manifest(ctx context.Context, m image.Manifest, belongs func(ocispec.Manifest) error) {
	var s ocispec.Manifest
	err := json.Unmarshal(m.Bytes, &s)
	switch {
	case m.Descriptor.MediaType != ocispec.MediaTypeImageManifest:
		err = fmt.Errorf("is a %.100q and no image manifest", m.Descriptor.MediaType)
	case err != nil:
		err = errors.New("cannot be read")
	default:
		err = belongs(s)
	}
	if err != nil {
		l.add(ctx, bad(m, err))
		return
	}
	for _, layer := range s.Layers[:min(len(s.Layers), image.MaxAttempts)] {
		if l.add(ctx, l.layer(ctx, m, layer)) {
			return
		}
	}
}

// layer looks at one signature. The zero verdict is that of something that is none.
func (l *look) layer(ctx context.Context, m image.Manifest, layer ocispec.Descriptor) image.Verdict {
	if layer.MediaType != mediaTypePayload && layer.MediaType != mediaTypeBundle {
		return image.Verdict{}
	}
	if layer.Size > image.MaxEnvelope {
		return bad(m, fmt.Errorf("is %d bytes large; at most %d are read", layer.Size, int64(image.MaxEnvelope)))
	}
	content, ok := l.payloads[layer.Digest]
	if !ok {
		var err error
		if content, err = l.source.Blob(ctx, l.artifact.Repository, layer, image.MaxEnvelope); err != nil {
			return image.Unread(err, "its signature "+m.Descriptor.Digest.String())
		}
		l.payloads[layer.Digest] = content
	}
	var key *publicKey
	var err error
	if layer.MediaType == mediaTypePayload {
		key, err = l.payload(content, layer.Annotations[signatureAnnotation])
	} else {
		key, err = l.bundle(content)
	}
	switch {
	case errors.Is(err, errAttestation):
		return image.Verdict{Reason: image.Unsigned, Detail: "has attestations of cosign, which do not say that it may run, and no signature, in " + l.artifact.Repository.Name()}
	case err != nil:
		return bad(m, err)
	case key == nil:
		return image.Verdict{Reason: image.UntrustedSigner, Detail: fmt.Sprintf("has the cosign signature %s, which is of none of the keys %s", m.Descriptor.Digest, l.names())}
	}
	return image.Verdict{
		Reason: image.Verified, Detail: "is signed with the key " + key.name,
		Signature: image.Signature{Verifier: kind, Signer: key.name, Thumbprint: key.thumbprint, Digest: m.Descriptor.Digest},
	}
}

// payload returns the key that made a signature of a payload which says what it should; nil if no key made it.
func (l *look) payload(payload []byte, signature string) (*publicKey, error) {
	sig, err := base64.StdEncoding.DecodeString(signature)
	if err != nil || len(sig) == 0 {
		return nil, errors.New("is not base64")
	}
	key := l.maker(payload, sig)
	if key == nil {
		return nil, nil //nolint:nilnil // nobody, as documented
	}
	var repository reference.Named
	if l.sameRepository {
		repository = l.artifact.Repository
	}
	return key, checkPayload(payload, l.artifact.Descriptor.Digest, repository)
}

// bundle returns the key that signed the statement in a bundle which says what it should; nil if no key did.
func (l *look) bundle(bundle []byte) (*publicKey, error) {
	e, err := openBundle(bundle)
	if err != nil {
		return nil, err
	}
	key := l.maker(e.message(), e.signature)
	if key == nil {
		return nil, nil //nolint:nilnil // nobody, as documented
	}
	if err := checkStatement(e, l.artifact.Descriptor.Digest); err != nil {
		return nil, err
	}
	if l.sameRepository {
		return nil, errors.New("names no repository, as bundles never do, and the statement asks for one")
	}
	return key, nil
}

// maker returns the key that made a signature; nil if none did.
func (l *look) maker(message, signature []byte) *publicKey {
	for i := range l.keys {
		if l.keys[i].made(message, signature) {
			return &l.keys[i]
		}
	}
	return nil
}

func (l *look) names() string {
	var names []string
	for _, k := range l.keys {
		names = append(names, k.name)
	}
	return strings.Join(names, ", ")
}

func bad(m image.Manifest, err error) image.Verdict {
	return image.Verdict{Reason: image.BadSignature, Detail: fmt.Sprintf("has the cosign signature %s, which %v", m.Descriptor.Digest, err)}
}
