package rules

import (
	"slices"
	"strings"
)

// protectedTrees are host paths that are root on the host, or the way past Caisson, to whoever can write there, and often to
// whoever can read there. Both spellings of /var/run and of /lib stand here, as one is a link to the other on today's systems.
// Sockets are found by name, in protectedBy: rootless and custom set-ups put them anywhere.
var protectedTrees = []string{
	"/run/docker", "/var/run/docker", "/run/containerd", "/var/run/containerd",
	"/var/lib/docker", "/var/lib/docker-engine", "/var/lib/containerd",
	"/etc/docker", "/usr/lib/docker", "/lib/docker", "/usr/libexec/docker", "/etc/containerd",
	"/etc/cdi", "/run/cdi", "/var/run/cdi",
	"/etc/caisson", "/run/caisson", "/var/run/caisson", "/var/lib/caisson", "/var/log/caisson",
	"/proc", "/sys", "/dev",
}

// protectedBy says which protected path a clean path opens: one that it is, lies below or is a parent of. It is "" if there is
// none.
func protectedBy(path string, more []string) string {
	for part := range strings.SplitSeq(path, "/") {
		if strings.HasPrefix(part, "docker.sock") || strings.HasPrefix(part, "containerd.sock") {
			return part
		}
	}
	for _, p := range slices.Concat(more, protectedTrees) {
		if below(path, p) || below(p, path) {
			return p
		}
	}
	return ""
}

// below tells, by whole components, whether a clean path is a directory or lies in it.
func below(path, dir string) bool {
	return dir == "/" || path == dir || strings.HasPrefix(path, dir+"/")
}
