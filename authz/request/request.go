package request

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

	// Certificate is the TLS client certificate in PEM, as dockerd passes it on: not parsed yet, see [Call.Principal].
	Certificate []byte
}

// Request is a call as the Engine will understand it.
type Request struct {
	Call      Call
	Operation Operation
	Route     *Route
	Version   Version // API version of the path; the zero value means unversioned, which is the Engine's newest
	Path      string  // decoded path without the version prefix
	Vars      Vars    // of the route's template
	Query     Query

	// Workload is what a rule judges. It is nil for operations that carry none.
	Workload *Workload
	// Network is set for network create only.
	Network *Network
	// Service is set for service create and service update only, beside the Workload.
	Service *Service
	// Update is set for container update only.
	Update *Update
	// Images is set for the operations on images, and Build for those that build.
	Images *Images
	Build  *Build
	// Concealed says that the Engine may take parameters from a body that it does not show: those that show need not count.
	Concealed bool
	// Disconnects is the container that a network disconnect takes from its network.
	Disconnects string

	// Unknown lists the parts of the body that this version of Caisson does not know. The Engine may act on them.
	Unknown []Unknown
}

// Unknown is a part of a body that the request model has no meaning for.
type Unknown struct {
	Field string // its place: HostConfig.NewThing. The value is left out: it may be a secret.
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
