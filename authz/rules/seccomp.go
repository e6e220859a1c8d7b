package rules

import (
	"crypto/sha256"
	"fmt"
	"slices"
	"strings"

	"caisson/authz/request"
)

// Seccomp refuses system call filters other than the Engine's own.
type Seccomp struct {
	Allow []string `toml:"allow" comment:"custom profiles, each as \"sha256:<hex>\" of its JSON as the client sends it; a refusal names the hash"`
}

var _ = register(&Spec{
	ID:    "seccomp",
	Title: "The Engine's seccomp profile stays on",
	Why: "The profile keeps containers from system calls that ordinary programs do not make and attacks on the kernel need. A profile of " +
		"the client's own can allow all of them.",
	Fix:        "drop --security-opt seccomp=…; if the program needs the profile, have the operator review it and add its hash to rules.seccomp.allow",
	ServiceFix: "leave Privileges.Seccomp out of the service; if the program needs a profile, have the operator add its hash to rules.seccomp.allow",
	Refs:       []string{"CIS 5.22", "CVE-2022-0185", "PSS baseline: seccomp"},
	Doors:      []request.Door{request.DoorCreate, request.DoorService},
	Fields:     []string{"HostConfig.SecurityOpt", "TaskTemplate.ContainerSpec.Privileges.Seccomp"},

	Profiles: Everywhere,
	New:      func() Rule { return &Seccomp{} },
})

func isSHA256(text string) bool {
	digits, found := strings.CutPrefix(text, "sha256:")
	return found && len(digits) == 64 && strings.Trim(digits, "0123456789abcdef") == ""
}

// Prepare implements [Preparer].
func (s *Seccomp) Prepare() error {
	for _, a := range s.Allow {
		if !isSHA256(a) {
			return fmt.Errorf("allow: %q is not of the form \"sha256:\" and 64 lower-case hexadecimal digits", a)
		}
	}
	return nil
}

// Check implements [Rule]. A profile is compared by the hash of its text, so that none has to be understood here. The text
// itself is not shown: it is long.
//
// Source: moby daemon/seccomp_linux.go, WithSeccomp.
func (s *Seccomp) Check(r *request.Request, out *Findings) {
	for field, profile := range securityOpts(r.Workload, "seccomp") {
		switch profile {
		case "", "builtin": // the daemon's
			continue
		case "unconfined":
			out.AddFix(field, `is the seccomp profile "unconfined"`, s.allowed(out),
				out.Either("drop --security-opt seccomp=unconfined", "leave Privileges.Seccomp out of the service"))
			continue
		}
		if hash := fmt.Sprintf("sha256:%x", sha256.Sum256([]byte(profile))); !slices.Contains(s.Allow, hash) {
			out.Add(field, "is a custom seccomp profile, "+hash, s.allowed(out))
		}
	}
}

func (s *Seccomp) allowed(out *Findings) string {
	return listed(append([]string{out.Either("builtin", "default")}, s.Allow...))
}
