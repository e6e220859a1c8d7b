package rules

import (
	"strconv"
	"strings"

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

// withoutUser cuts user and password out of the address of a server: //user:password@host/share, user@host:/path, scheme://user@host.
func withoutUser(address string) string {
	scheme, rest := "", address
	if i := strings.Index(address, "//"); i == 0 || i > 0 && address[i-1] == ':' {
		scheme, rest = address[:i+2], address[i+2:]
	} else if strings.HasPrefix(address, "/") {
		return address // a path
	}
	end := strings.IndexByte(rest, '/')
	// A password with a slash looks like a port that is no number.
	if end >= 0 && !strings.Contains(rest[:end], "@") {
		if _, port, _ := strings.Cut(rest[:end], ":"); strings.Trim(port, "0123456789") != "" {
			end = -1
		}
	}
	if end < 0 {
		end = len(rest)
	}
	return scheme + rest[strings.LastIndexByte(rest[:end], '@')+1:]
}

// optionName is the part of a mount option that is no value, which may be a secret.
func optionName(option string) string {
	name, _, _ := strings.Cut(option, "=")
	return name
}
