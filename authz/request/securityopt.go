package request

import "strings"

// SecurityOpt is one entry of HostConfig.SecurityOpt, or what comes to the same in a service.
type SecurityOpt struct {
	Key   string // seccomp, apparmor, label, no-new-privileges, writable-cgroups; "" if the Engine would not know it
	Value string
	Raw   string
	Field string // its place, if that is not an element of a list, as of services
}

// SecurityOptAt names the place of a security option.
func (w *Workload) SecurityOptAt(i int) string {
	if field := w.SecurityOpt.V[i].Field; field != "" {
		return field
	}
	return w.SecurityOpt.At(i)
}

// parseSecurityOpts reads the list by dockerd's grammar: case-sensitive, split at the first '=' if there is one anywhere, else
// at the first ':'. systempaths is resolved by clients and never reaches the Engine.
//
// Source: moby daemon/daemon_unix.go, parseSecurityOpt.
func parseSecurityOpts(raw []string) []SecurityOpt {
	opts := make([]SecurityOpt, 0, len(raw))
	for _, s := range raw {
		opts = append(opts, parseSecurityOpt(s))
	}
	return opts
}

func parseSecurityOpt(s string) SecurityOpt {
	switch s {
	case "no-new-privileges", "writable-cgroups":
		return SecurityOpt{Key: s, Value: "true", Raw: s}
	case "disable":
		return SecurityOpt{Key: "label", Value: "disable", Raw: s}
	}
	key, value, ok := strings.Cut(s, "=")
	if !ok {
		key, value, ok = strings.Cut(s, ":")
	}
	switch key {
	case "seccomp", "apparmor", "label", "no-new-privileges", "writable-cgroups":
		if ok {
			return SecurityOpt{Key: key, Value: value, Raw: s}
		}
	}
	return SecurityOpt{Raw: s}
}
