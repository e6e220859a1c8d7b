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

// protectedBy says why a clean path is protected: it is a protected path, lies in one or holds one. It is "" if the path is not
// protected.
func protectedBy(path string, more []string) string {
	for part := range strings.SplitSeq(path, "/") {
		if strings.HasPrefix(part, "docker.sock") || strings.HasPrefix(part, "containerd.sock") {
			return "it is a socket that controls all containers"
		}
	}
	for _, p := range slices.Concat(more, protectedTrees) {
		switch {
		case path == p:
			return "it gives control of the host or of Caisson"
		case below(path, p):
			return "it lies in " + p
		case below(p, path):
			return "it holds " + p
		}
	}
	return ""
}

// below tells, by whole components, whether a clean path is a directory or lies in it.
func below(path, dir string) bool {
	return dir == "/" || path == dir || strings.HasPrefix(path, dir+"/")
}
