package cases

import (
	"context"

	"caisson/authz"
	"caisson/authz/image"
	"caisson/authz/request"
	"caisson/authz/state"
)

// Images answers with what a case says was found out about images. What it says nothing of is not there.
func Images(f state.Fixed) authz.Images { return canned(f.Images) }

// NoImages is for requests that are judged without an Engine: no image is there.
var NoImages = Images(state.Fixed{})

type canned map[string]*request.ImageFacts

// Facts implements [authz.Images].
func (c canned) Facts(_ context.Context, _ *image.Policy, _ state.View, q image.Question) (*request.ImageFacts, error) {
	if known := c[q.Ref]; known != nil {
		return known, nil
	}
	return &request.ImageFacts{Absent: true}, nil
}
