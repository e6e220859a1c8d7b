package rules

import (
	"fmt"

	"caisson/authz/request"
)

// What a rule about images does if it cannot tell.
const (
	unknownAllow = "allow"
	unknownDeny  = "deny"
)

// checkOnUnknown checks an option on_unknown.
func checkOnUnknown(v string) error {
	if v != unknownAllow && v != unknownDeny {
		return fmt.Errorf("on_unknown: %q is neither %q nor %q", v, unknownAllow, unknownDeny)
	}
	return nil
}

// imagesOf lists what is known of each image that a workload is made of: the container's own, and those that it mounts. One that nobody
// has looked at is there too, with nothing known of it.
func imagesOf(w *request.Workload) []*request.ImageFacts {
	list := []*request.ImageFacts{factsAt(w, w.Image.Field, w.Image.V)}
	for i := range w.Mounts {
		if m := &w.Mounts[i]; m.Type == request.MountImage {
			list = append(list, factsAt(w, m.Field, m.Source))
		}
	}
	return list
}

// factsAt finds what is known of an image. Places of mounts are clipped, so that the name has to be the same as well: facts of one image must not
// speak for another.
func factsAt(w *request.Workload, place, named string) *request.ImageFacts {
	for _, f := range w.ImageFacts {
		if f.Place == place && f.Named == named {
			return f
		}
	}
	return &request.ImageFacts{Place: place, Named: named, Err: "nobody has looked at it"}
}

// comesLater tells whether an image need not be judged yet: the Engine does not have it, so no container comes of this request, or the one
// that does is judged again when it starts. Tasks of a service start without a request, so that for them there is no later.
func comesLater(w *request.Workload, f *request.ImageFacts) bool {
	return f.Absent && w.Door == request.DoorCreate
}

// unseen says why nothing is known of an image: completes "… not known: …". It is "" if the image was looked at.
func unseen(w *request.Workload, f *request.ImageFacts) string {
	switch {
	case f.Err != "":
		return f.Err
	case f.Absent && w.Door == request.DoorStored:
		return "this host no longer has it"
	case f.Absent:
		return "this host does not have it"
	case f.At.IsZero():
		return "nobody has looked at it"
	}
	return ""
}
