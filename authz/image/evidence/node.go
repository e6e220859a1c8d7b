package evidence

import (
	"encoding/json"
	"regexp"
	"sync"

	"github.com/distribution/reference"
	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"caisson/authz/image"
)

// Annotations of entries of index.json.
const (
	// AnnotationRepository is the repository that a manifest was fetched from, with its registry.
	AnnotationRepository = "dev.caisson.repository"

	annotationContainerd = "io.containerd.image.name" // written by docker save and nerdctl: a full name
	annotationCosign     = "kind"                     // written by cosign save
	cosignSignatures     = "dev.cosignproject.cosign/sigs"
	cosignImage          = "dev.cosignproject.cosign/image"
	cosignIndex          = "dev.cosignproject.cosign/imageIndex"
)

// node is what a manifest says, as far as it leads to others. It follows from the manifest's bytes, so it holds for as long as it is of use.
type node struct {
	desc     ocispec.Descriptor // with the artifact type, and small annotations, as in a list of referrers
	config   digest.Digest      // of a manifest
	blobs    []ocispec.Descriptor
	children []ocispec.Descriptor // of an index
	subject  *ocispec.Descriptor
}

const maxAnnotations = 4 << 10 // bytes, to be kept in memory

func newNode(m image.Manifest) (*node, error) {
	var v struct {
		ArtifactType string               `json:"artifactType"`
		Config       *ocispec.Descriptor  `json:"config"`
		Layers       []ocispec.Descriptor `json:"layers"`
		Blobs        []ocispec.Descriptor `json:"blobs"` // of an artifact manifest
		Manifests    []ocispec.Descriptor `json:"manifests"`
		Subject      *ocispec.Descriptor  `json:"subject"`
		Annotations  map[string]string    `json:"annotations"`
	}
	if err := json.Unmarshal(m.Bytes, &v); err != nil {
		return nil, err
	}
	n := &node{desc: m.Descriptor, children: bare(v.Manifests), blobs: bare(append(v.Layers, v.Blobs...))}
	n.desc.ArtifactType = v.ArtifactType
	if v.Config != nil && v.Config.Digest.Validate() == nil {
		n.config = v.Config.Digest
		n.blobs = append(n.blobs, bare([]ocispec.Descriptor{*v.Config})...)
		if n.desc.ArtifactType == "" {
			n.desc.ArtifactType = v.Config.MediaType // as the distribution specification has it
		}
	}
	if v.Subject != nil && v.Subject.Digest.Validate() == nil {
		n.subject = &bare([]ocispec.Descriptor{*v.Subject})[0]
	}
	size := 0
	for k, v := range v.Annotations {
		size += len(k) + len(v)
	}
	if size <= maxAnnotations {
		n.desc.Annotations = v.Annotations
	}
	return n, nil
}

// bare keeps of descriptors what identifies content, and leaves out those that identify none.
func bare(l []ocispec.Descriptor) []ocispec.Descriptor {
	var kept []ocispec.Descriptor
	for i := range l {
		if d := &l[i]; d.Digest.Validate() == nil && d.Size >= 0 {
			kept = append(kept, ocispec.Descriptor{MediaType: d.MediaType, Digest: d.Digest, Size: d.Size})
		}
	}
	return kept
}

// name is what an entry of index.json is called: a repository with its registry, and a tag. Either may be "".
type name struct{ repo, tag string }

func nameOf(annotations map[string]string) name {
	ref := annotations[ocispec.AnnotationRefName]
	var n name
	for _, full := range []string{annotations[AnnotationRepository], annotations[annotationContainerd], ref} {
		if full == "" {
			continue
		}
		// Only a full name with its registry: "app:v1" may be of any.
		if r, err := reference.ParseNamed(full); err == nil {
			n.repo = r.Name()
			if t, ok := r.(reference.Tagged); ok {
				n.tag = t.Tag()
			}
			break
		}
	}
	if n.tag == "" && tagForm().MatchString(ref) {
		n.tag = ref
	}
	return n
}

// annotations are those of an entry that is called so.
func (n name) annotations() map[string]string {
	a := map[string]string{}
	if n.repo != "" {
		a[AnnotationRepository] = n.repo
	}
	if n.tag != "" {
		a[ocispec.AnnotationRefName] = n.tag
	}
	return a
}

var (
	// tagForm is compiled when it is needed first, because it is large.
	tagForm    = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^` + reference.TagRegexp.String() + `$`) })
	digestForm = regexp.MustCompile(`^(sha256|sha384|sha512)-([a-f0-9]+)(\.[a-z0-9]+)?$`)
)

// subjectOf is the digest that a tag such as sha256-<hex> or sha256-<hex>.sig is about; "" if it is about none. The suffix is "" for lists of referrers.
func subjectOf(tag string) (d digest.Digest, suffix string) {
	m := digestForm.FindStringSubmatch(tag)
	if m == nil {
		return "", ""
	}
	d = digest.NewDigestFromEncoded(digest.Algorithm(m[1]), m[2])
	if d.Validate() != nil {
		return "", ""
	}
	return d, m[3]
}
