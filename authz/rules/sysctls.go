package rules

import (
	"caisson/authz/request"
)

// Sysctls says which kernel parameters a container may set.
type Sysctls struct {
	Allow []string `toml:"allow" comment:"kernel parameters that may be set; * is a wildcard, as in \"net.ipv4.tcp_*\""`
}

var _ = register(&Spec{
	ID:    "sysctls",
	Title: "Only listed kernel parameters",
	Why: "The Engine hands kernel parameters to the runtime unchecked. Those without a namespace of their own change the whole host, and " +
		"some name a program that the kernel runs as root.",
	Fix:    "drop the --sysctl, or have the operator add the parameter to rules.sysctls.allow",
	Refs:   []string{"CVE-2022-0811", "PSS baseline: sysctls"},
	Doors:  []request.Door{request.DoorCreate, request.DoorService},
	Fields: []string{"HostConfig.Sysctls", "TaskTemplate.ContainerSpec.Sysctls"},

	Profiles: Everywhere,
	New:      func() Rule { return &Sysctls{Allow: safeSysctls()} },
})

// safeSysctls is the safe set of the Pod Security Standards 1.32, and somaxconn: each belongs to a namespace of the container.
func safeSysctls() []string {
	return []string{
		"kernel.shm_rmid_forced",
		"net.core.somaxconn",
		"net.ipv4.ip_local_port_range",
		"net.ipv4.ip_local_reserved_ports",
		"net.ipv4.ip_unprivileged_port_start",
		"net.ipv4.ping_group_range",
		"net.ipv4.tcp_fin_timeout",
		"net.ipv4.tcp_keepalive_intvl",
		"net.ipv4.tcp_keepalive_probes",
		"net.ipv4.tcp_keepalive_time",
		"net.ipv4.tcp_rmem",
		"net.ipv4.tcp_syncookies",
		"net.ipv4.tcp_wmem",
	}
}

// Prepare implements [Preparer].
func (s *Sysctls) Prepare() error { return checkGlobs("allow", s.Allow) }

// Check implements [Rule]. Keys are compared in the spelling with dots: runtimes also take slashes, which a * does not match.
func (s *Sysctls) Check(r *request.Request, out *Findings) {
	given := r.Workload.Sysctls
	for _, key := range request.Keys(given.V) {
		if !matchAny(s.Allow, key) {
			out.Add(given.Key(key), "is set", listed(s.Allow))
		}
	}
}
