package request

import (
	"hash/maphash"
	"strings"
	"sync/atomic"

	"github.com/distribution/reference"
)

// remembered is how many readings of image names are kept, and rememberable the length of the longest of such names.
const (
	remembered   = 256
	rememberable = 512
)

// reading is how the Engine reads a name.
type reading struct {
	name  string
	named reference.Named
	err   error
}

var (
	readings    [remembered]atomic.Pointer[reading]
	readingSeed = maphash.MakeSeed()
)

// ParseImage reads the name of an image with the Engine's own parser: busybox becomes docker.io/library/busybox:latest. Hosts use few
// images, and the parser's regular expressions take as long as all rules together, so what has been read lately is remembered. It
// depends on nothing but the name.
func ParseImage(name string) (reference.Named, error) {
	if len(name) > rememberable {
		return reference.ParseDockerRef(name)
	}
	slot := &readings[maphash.String(readingSeed, name)%remembered]
	if r := slot.Load(); r != nil && r.name == name {
		return r.named, r.err
	}
	r := &reading{name: strings.Clone(name)} // not the body that it is a part of
	r.named, r.err = reference.ParseDockerRef(r.name)
	slot.Store(r)
	return r.named, r.err
}
