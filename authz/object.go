package authz

import (
	"slices"
	"strings"

	"github.com/bmatcuk/doublestar/v4"
	"github.com/distribution/reference"

	"caisson/authz/request"
)

// object is something that a request acts on.
type object struct {
	request.Reference
	names []string  // all that the Engine takes for the same, as far as it is known
	id    string    // of one that was looked up and exists
	known knowledge // beside what the client wrote
}

// knowledge is what is known of an object.
type knowledge uint8

const (
	nothing knowledge = iota // the text may be an ID
	asked                    // the Engine was asked
	ownLook                  // nothing, because the request may be a look-up of Caisson's own
)

// allowed compares by name. What may be the ID of something else passes only if it is listed as it is.
func (o *object) allowed(patterns []string) bool {
	switch {
	case o.known == ownLook || o.Name == "":
		return false
	case o.id == "" && o.mayBeID():
		return slices.Contains(patterns, o.Name)
	}
	return matches(patterns, o.names...)
}

// mayBeID tells whether the name may be an ID, whole or shortened. Volumes have none, and a name that is to be given is not
// looked for among them.
func (o *object) mayBeID() bool {
	digits := "0123456789abcdefABCDEF"
	switch o.Kind {
	case request.VolumeReference, request.NewReference:
		return false
	case request.OtherReference: // of the swarm
		digits = "0123456789abcdefghijklmnopqrstuvwxyz"
	default:
	}
	id := strings.TrimPrefix(o.Name, "sha256:")
	return id != "" && len(id) <= 64 && strings.Trim(id, digits) == ""
}

// matches tells whether one of the patterns matches one of the names. Only ** goes past a slash.
func matches(patterns []string, names ...string) bool {
	return slices.ContainsFunc(patterns, func(p string) bool {
		return slices.ContainsFunc(names, func(name string) bool { return name != "" && doublestar.MatchUnvalidated(p, name) })
	})
}

// imageNames lists the spellings of an image's name: busybox is docker.io/library/busybox:latest.
func imageNames(name string) []string {
	ref, err := reference.ParseDockerRef(name)
	if err != nil {
		return []string{name}
	}
	return []string{name, reference.FamiliarName(ref), reference.FamiliarString(ref), ref.Name(), ref.String()}
}
