package request

import (
	"encoding/json"
	"net/url"
	"path"
	"reflect"
	"strings"

	"github.com/distribution/reference"
	"github.com/opencontainers/go-digest"
)

// Images is what an operation does with images, whichever operation it is.
type Images struct {
	Pulled  Image
	Pushed  Image
	Deleted Image
	Named   []Image  // names that will stand for another image afterwards: of a tag, a commit, an import, a build
	URL     URL      // what the daemon fetches for an import
	Changes []string // instructions of a Dockerfile that a commit or an import carries out, in their order

	Import bool // an archive becomes an image, or what is at URL
	Load   bool // an archive brings images, under names that it holds itself
	Prune  bool // images are removed that have a name and no container
}

// Image is an image by its name.
type Image struct {
	Field string          // where; empty if the operation has no such image
	Raw   string          // as the client wrote it
	Name  reference.Named // as the Engine reads it; nil if it is an ID, or nothing that the Engine would take
}

// imagesOf reads the parameters of the operations that are about images. It is nil for all others.
//
// Source: moby daemon/server/router/image/image_routes.go, container/container_routes.go (postCommit), build/build_routes.go;
// daemon/server/httputils/form.go (RepoTagReference); the same in v20.10.24.
func imagesOf(r *Request) *Images {
	q := r.Query
	switch r.Operation {
	case ImageCreate:
		return imageCreate(q)
	case ImagePush:
		return &Images{Pushed: Image{"image", tagged(r.Vars.Get("name"), q.Get("tag")), withTag(r.Vars.Get("name"), q.Get("tag"))}}
	case ImageTag:
		return &Images{Named: []Image{namedBy(q)}}
	case ImageCommit:
		images := &Images{Changes: q.All("changes")}
		if q.Get("repo") != "" {
			images.Named = []Image{namedBy(q)}
		}
		return images
	case ImageDelete:
		return &Images{Deleted: Image{"image", r.Vars.Get("name"), withTag(r.Vars.Get("name"), "")}}
	case ImageLoad:
		return &Images{Load: true}
	case ImagePrune:
		return &Images{Prune: prunesNamed(q.Get("filters"))}
	case ImageBuild:
		images := &Images{}
		for i, t := range q.All("t") {
			field := Value[string]{Field: "query parameter t"}
			if t != "" {
				images.Named = append(images.Named, Image{field.At(i), t, withTag(t, "")})
			}
		}
		return images
	case Session, BuildKit:
		return &Images{}
	}
	return nil
}

// imageCreate tells a pull from an import: a pull has fromImage.
func imageCreate(q Query) *Images {
	if from := q.Get("fromImage"); from != "" {
		// A colon at the end asks for all tags, as no tag does.
		return &Images{Pulled: Image{"query parameter fromImage", tagged(from, q.Get("tag")), withTag(strings.TrimSuffix(from, ":"), q.Get("tag"))}}
	}
	images := &Images{Import: true, Changes: q.All("changes")}
	if src := q.Get("fromSrc"); src != "-" { // the Engine also tries to fetch an empty one
		if !strings.Contains(src, "://") {
			src = "http://" + src
		}
		images.URL = newURL("query parameter fromSrc", src)
	}
	if q.Get("repo") != "" {
		images.Named = []Image{namedBy(q)}
	}
	return images
}

func namedBy(q Query) Image {
	return Image{"query parameter repo", tagged(q.Get("repo"), q.Get("tag")), withTag(q.Get("repo"), q.Get("tag"))}
}

// withTag joins a name and a tag, which may be a digest, as the Engine does: the tag replaces one in the name.
func withTag(name, tag string) reference.Named {
	ref, err := reference.ParseNormalizedNamed(name)
	if err != nil || tag == "" {
		return ref
	}
	if d, parseErr := digest.Parse(tag); parseErr == nil {
		ref, err = reference.WithDigest(reference.TrimNamed(ref), d)
	} else {
		ref, err = reference.WithTag(ref, tag)
	}
	if err != nil {
		return nil
	}
	return ref
}

// URL is something that the daemon fetches by itself.
type URL struct {
	Field string // empty if the operation fetches nothing
	Shown string // scheme, host and path: what else there is may be a secret. "" if it cannot be read.
	Plain bool   // nothing in it could be read in two ways, so Shown says where it leads
}

func newURL(field, raw string) URL {
	u, err := url.Parse(raw)
	if err != nil {
		return URL{Field: field}
	}
	plain := u.Host != "" && u.User == nil && u.Opaque == "" && !strings.ContainsAny(raw, "\\ \t\r\n") &&
		(u.Path == "" || u.Path == "/" || path.Clean(u.Path) == strings.TrimSuffix(u.Path, "/"))
	if u.Host == "" { // what was meant as host and user is in the path, as in https:/user:password@host
		u.Path = u.Path[strings.LastIndexByte(u.Path, '@')+1:]
		u.RawPath = ""
	}
	return URL{field, u.Scheme + "://" + strings.ToLower(u.Host) + u.EscapedPath(), plain}
}

var filtersShape = shapeOf(reflect.TypeFor[map[string]map[string]bool]())

// prunesNamed tells whether an image prune removes more than images without a name.
//
// Source: moby daemon/images/image_prune.go, daemon/internal/filters/parse.go.
func prunesNamed(filters string) bool {
	if filters == "" {
		return false
	}
	var f map[string]map[string]bool
	if json.Unmarshal([]byte(filters), &f) != nil {
		return true // also the form that old clients use
	}
	if _, err := walk([]byte(filters), filtersShape); err != nil {
		return true
	}
	for value := range f["dangling"] {
		if value != "true" && value != "1" {
			return true
		}
	}
	return false
}
