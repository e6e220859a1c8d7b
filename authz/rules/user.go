package rules

import (
	"errors"
	"math"
	"strconv"
	"strings"

	"caisson/authz/request"
)

// User says as whom containers and execs may run.
type User struct {
	Containers bool `toml:"containers" comment:"refuse containers that run as root or leave the user to the image"`
	Execs      bool `toml:"execs" comment:"refuse execs that ask for root; without a user an exec runs as the container's and passes"`
	Numeric    bool `toml:"numeric" comment:"refuse user names as well: any image may give any name the user ID 0"`
	Group      bool `toml:"group" comment:"refuse group 0, and a group that is left to the image because it is a name or not given"`
}

var _ = register(&Spec{
	ID:    "user",
	Title: "Containers and execs do not run as root",
	Why: "Root in a container is root on the host, confined. Every way out of a container begins with a process that is root: kernel bugs, " +
		"mounted files, a leaked descriptor.",
	Fix:    "run as a number other than 0, such as -u 1000:1000 (user: \"1000:1000\" in a compose file)",
	Refs:   []string{"CIS 4.1", "CIS 5.24", "CVE-2019-5736", "CVE-2024-40635", "PSS restricted: running as non-root"},
	Doors:  []request.Door{request.DoorCreate, request.DoorExec, request.DoorService},
	Fields: []string{"User", "TaskTemplate.ContainerSpec.User"},

	// Not in baseline or standard: most of today's images run as root.
	Profiles: Profiles{
		Restricted: Default,
		CIS:        With(func(u *User) { *u = User{Execs: true} }), // 5.24; 4.1 is about images
	},
	New: func() Rule { return &User{Containers: true, Execs: true, Numeric: true} },
})

// Check implements [Rule].
func (u *User) Check(r *request.Request, out *Findings) {
	given := r.Workload.User
	if isExec := r.Workload.Door == request.DoorExec; isExec && (!u.Execs || given.V == "") || !isExec && !u.Containers {
		return
	}
	name, rest, _ := strings.Cut(given.V, ":") // what follows a second colon the Engine ignores
	switch group, _, _ := strings.Cut(rest, ":"); {
	case given.V == "":
		out.Add(given.Field, "is not set, so the image decides", u.allowed())
	case rootBy(name) != "":
		out.Add(given.Field, "is "+quote(given.V)+", "+rootBy(name), u.allowed())
	case u.Numeric && !isPlainID(name):
		out.Add(given.Field, "is "+quote(given.V)+", which the image may map to root", u.allowed())
	case u.Group && !isPlainID(group):
		out.Add(given.Field, "is "+quote(given.V)+", whose group is or may be 0", u.allowed())
	}
}

// rootBy says how the part before the colon becomes user ID 0; it is "" if it does not for certain. The Engine parses it with
// [strconv.Atoi], so 00, +0 and -0 are root; of a number out of range older engines kept the low 32 bits; and nothing before the
// colon is the default, 0.
//
// Source: moby/sys/user, GetExecUser; containerd pkg/oci, WithUser (CVE-2024-40635).
func rootBy(name string) string {
	n, err := strconv.Atoi(name)
	switch outOfRange := n < 0 || n > math.MaxInt32 || errors.Is(err, strconv.ErrRange); {
	case outOfRange:
		return "which is no user ID and may end up as root"
	case name == "root" || n == 0 && (err == nil || name == ""):
		return "which is root"
	}
	return ""
}

// isPlainID tells whether a text is certain to be a number other than 0, in the one spelling that no parser disagrees about.
func isPlainID(s string) bool {
	n, err := strconv.Atoi(s)
	return err == nil && n > 0 && n <= math.MaxInt32 && strconv.Itoa(n) == s
}

// allowed words what would pass.
func (u *User) allowed() string {
	s := "a user other than root"
	if u.Numeric {
		s = "a user ID from 1 to 2147483647"
	}
	if u.Group {
		s += ", with a group ID other than 0"
	}
	return s
}
