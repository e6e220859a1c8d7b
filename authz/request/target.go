package request

import (
	"net/url"
	"path"
	"strconv"
	"strings"
	"unicode/utf8"
)

// target is a request target after the Engine's own steps: net/http's parser, then the path as gorilla/mux will see it.
type target struct {
	path    string // decoded, without the version prefix
	version Version
	query   Query
}

// longestPath bounds a decoded path. The names in it are far shorter; queries are not bounded, as build arguments and filters are long.
const longestPath = 4096

const plainTarget = "send a plain origin-form target such as /v1.41/containers/create?name=x, as every Docker client does"

// parseTarget splits a raw request target. dockerd's plugin client has already replaced bytes that are not UTF-8 by U+FFFD,
// so a target with anything but printable ASCII can no longer be known and is refused. What else is refused here (absolute
// form, fragments, semicolons, unclean paths) reaches a handler on some engine versions in a way that is easy to misread,
// and no client sends it.
//
// Source: net/http readRequest (url.ParseRequestURI), moby daemon/server/server.go CreateMux, gorilla/mux cleanPath.
func parseTarget(raw string) (target, error) {
	refuse := func(reason string) (target, error) {
		return target{}, &Error{"request target", reason, plainTarget}
	}
	for i := range len(raw) {
		switch c := raw[i]; {
		case c <= ' ' || c >= 0x7f:
			return refuse("it holds a byte outside printable ASCII")
		case c == '#' || c == ';':
			return refuse("it holds '" + string(c) + "', which parsers disagree about")
		}
	}
	if !strings.HasPrefix(raw, "/") || strings.HasPrefix(raw, "//") {
		return refuse("it does not begin with a single '/'")
	}
	decoded, rawQuery, reason := splitTarget(raw)
	if reason != "" {
		return refuse(reason)
	}
	if len(decoded) > longestPath {
		return refuse("its path is longer than " + strconv.Itoa(longestPath) + " bytes")
	}
	// Percent-encoding can spell what the raw check refused. A newline would also end the router's ".*".
	if strings.ContainsFunc(decoded, func(r rune) bool { return r < ' ' || r == 0x7f || r == utf8.RuneError }) {
		return refuse("its path decodes to a control character or to broken UTF-8")
	}
	if clean := path.Clean(decoded); clean != decoded && clean+"/" != decoded {
		return refuse("its path is not clean")
	}
	q, err := parseQuery(rawQuery)
	if err != nil {
		return refuse("its query is malformed")
	}
	t := target{path: decoded, query: q}
	if v, rest, ok := splitVersion(decoded); ok {
		if t.version, err = parseVersion(v); err != nil {
			return target{}, err
		}
		t.path = rest
	}
	return t, nil
}

// splitTarget splits a target that begins with a slash into the decoded path and the query. A reason says why it cannot.
func splitTarget(raw string) (decoded, query, reason string) {
	if !strings.Contains(raw, "%") { // then nothing is left to decode
		decoded, query, _ = strings.Cut(raw, "?")
		return decoded, query, ""
	}
	return splitEncoded(raw)
}

// splitEncoded splits any target.
func splitEncoded(raw string) (decoded, query, reason string) {
	// ParseRequestURI, never Parse: net/http uses the former, and they disagree about fragments.
	u, err := url.ParseRequestURI(raw)
	if err != nil {
		return "", "", "it is not a valid URI"
	}
	if u.Scheme != "" || u.Host != "" || u.Opaque != "" || u.User != nil {
		return "", "", "it is in absolute form"
	}
	return u.Path, u.RawQuery, ""
}

// splitVersion takes a prefix "/v{version:[0-9.]+}" off, as the Engine's router does: the version is what stands between
// "/v" and the next slash, if that is digits and dots only. So /version and /volumes have no version.
func splitVersion(p string) (version, rest string, ok bool) {
	s, ok := strings.CutPrefix(p, "/v")
	if !ok {
		return "", p, false
	}
	i := strings.IndexByte(s, '/')
	if i <= 0 || strings.Trim(s[:i], "0123456789.") != "" {
		return "", p, false
	}
	return s[:i], s[i:], true
}
