package request

import "strings"

// Call is an authorization request as dockerd sends it, free of wire details. The zero value is not a valid call: [Parse]
// answers it with an error.
//
// Source: moby pkg/authorization/api.go, Request.
type Call struct {
	User       string            // common name of the TLS client certificate; empty on a Unix socket
	AuthMethod string            // "TLS" or empty
	Method     string            // HTTP method, verbatim
	Target     string            // raw request target, not decoded; may be absolute-form
	Headers    map[string]string // canonical names; for a repeated header the plugin is shown the last value, the Engine uses the first
	Body       []byte            // nil when there was none or dockerd withheld it: the two cannot be told apart
}

// Request is a call as the Engine will understand it.
type Request struct {
	Call      Call
	Operation Operation
	Route     *Route
	Version   Version           // API version of the path; the zero value means unversioned, which is the Engine's newest
	Path      string            // decoded path without the version prefix
	Vars      map[string]string // variables of the route's template, decoded
	Query     Query

	// Workload is what a rule judges. It is nil for operations that carry none.
	Workload *Workload
	// Network is set for network create only.
	Network *Network
	// Update is set for container update only.
	Update *Update
	// Unknown lists the parts of the body that this version of Caisson does not know. The Engine may act on them.
	Unknown []Unknown
}

// Unknown is a part of a body that the request model has no meaning for.
type Unknown struct {
	Field string // its place: HostConfig.NewThing. The value is left out: it may be a secret.
}

// Object names what the request acts on, for messages and the audit log: a container, image, volume or network name as the
// client wrote it. It is empty when the operation has no single object.
func (r *Request) Object() string {
	for _, v := range r.Vars {
		return v // every template of the Engine's table has at most one variable but one, where the first is the container
	}
	switch r.Operation {
	case ContainerCreate, ContainerRename:
		return strings.TrimPrefix(r.Query.Get("name"), "/")
	case ImageCreate:
		return imageOf(r.Query)
	}
	return ""
}

func imageOf(q Query) string {
	if tag := q.Get("tag"); tag != "" {
		sep := ":"
		if strings.Contains(tag, ":") { // a digest
			sep = "@"
		}
		return q.Get("fromImage") + sep + tag
	}
	return q.Get("fromImage")
}

// Error says why a call could not be understood. It always means that the call must be refused.
type Error struct {
	Place  string // where: "request target", "body", "HostConfig.Mounts"
	Reason string // what is wrong, in words a user understands
	Fix    string // what to do about it
}

func (e *Error) Error() string {
	s := e.Place + ": " + e.Reason
	if e.Fix != "" {
		s += "; fix: " + e.Fix
	}
	return s
}
