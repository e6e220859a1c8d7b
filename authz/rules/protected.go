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

// protection adds trees to the built-in ones.
func protection(more []string) treeIndex { return newTreeIndex(slices.Concat(more, protectedTrees)) }

// protectedBy says why a clean path is protected: it is a protected path, lies in one or holds one. It is "" if the path is not
// protected.
func protectedBy(path string, trees *treeIndex) string {
	for part := range strings.SplitSeq(path, "/") {
		if strings.HasPrefix(part, "docker.sock") || strings.HasPrefix(part, "containerd.sock") {
			return "it is a socket that controls all containers"
		}
	}
	switch tree, ok := trees.find(path); {
	case !ok:
		return ""
	case path == tree:
		return "it gives control of the host or of Caisson"
	case below(path, tree):
		return "it lies in " + tree
	default:
		return "it holds " + tree
	}
}

// below tells, by whole components, whether a clean path is a directory or lies in it.
func below(path, dir string) bool {
	return dir == "/" || path == dir || strings.HasPrefix(path, dir+"/")
}
