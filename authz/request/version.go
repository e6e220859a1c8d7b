package request

import (
	"fmt"
	"strconv"
	"strings"
)

// Version is an Engine API version, 1.Minor. The zero value stands for a path without a version.
type Version struct{ Minor int }

// The range of API versions whose meaning this package knows. Below 1.24 the Engine (20.10 to 25.0) lets container start
// replace the configuration that container create was judged by (moby api/server/router/container, postContainersStart), so
// those are refused outright; above the newest one the meaning of a body is unknown.
var (
	OldestVersion = Version{24}
	NewestVersion = Version{56} // github.com/moby/moby/api v1.56.1
)

// String gives the version as the Engine writes it, "1.41", or "unversioned".
func (v Version) String() string {
	if v.Minor == 0 {
		return "unversioned"
	}
	return "1." + strconv.Itoa(v.Minor)
}

// Before tells whether the call asks for semantics older than 1.minor. An unversioned call is never before anything.
func (v Version) Before(minor int) bool { return v.Minor != 0 && v.Minor < minor }

// parseVersion reads the digits and dots that follow "/v" in a path. The Engine accepts oddities such as 01.041, 1.41. and
// 1.53.999 and compares them in its own way (daemon/internal/versions); no client sends them, so only 1.NN is taken.
func parseVersion(s string) (Version, error) {
	minor, ok := strings.CutPrefix(s, "1.")
	n, err := strconv.Atoi(minor)
	if !ok || err != nil || strconv.Itoa(n) != minor {
		return Version{}, &Error{"request target", fmt.Sprintf("API version %q is not of the form 1.NN", s), "use a plain version such as v1.41"}
	}
	switch {
	case n < OldestVersion.Minor:
		return Version{}, &Error{
			"request target", fmt.Sprintf("API version %s is older than %s", s, OldestVersion),
			"use a client from 2016 or later, or set DOCKER_API_VERSION to " + OldestVersion.String() + " or above",
		}
	case n > NewestVersion.Minor:
		return Version{}, &Error{
			"request target", fmt.Sprintf("API version %s is newer than %s, the newest one this version of Caisson knows", s, NewestVersion),
			"upgrade Caisson, or set DOCKER_API_VERSION=" + NewestVersion.String() + " for the client",
		}
	}
	return Version{n}, nil
}
