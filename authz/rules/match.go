package rules

import (
	"strconv"

	"caisson/authz/request"
)

// refuseHost reports a namespace that is the host's, or of a spelling that nobody knows. Joining another container's
// namespace is the business of shared-namespaces.
func refuseHost(ns request.Value[request.Namespace], out *Findings) {
	if mode := ns.V.Mode; mode == request.NamespaceHost || mode == request.NamespaceOther {
		out.Add(ns.Field, "is "+quote(ns.V.Raw), "the container's own")
	}
}

// quote makes a text that a client chose printable and bounds its length.
func quote(s string) string {
	const limit = 120
	if len(s) > limit {
		s = s[:limit] + "…"
	}
	return strconv.Quote(s)
}
