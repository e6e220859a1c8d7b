package doctor

import (
	"slices"
)

var _ = register(&Check{
	ID:    "containerd-socket",
	Title: "Only root speaks to containerd",
	Why:   "whoever can open containerd's socket starts containers without the Engine, and so without the policy",
	run: func(f *Facts, out *findings) {
		sockets := []string{"/run/containerd/containerd.sock", "/run/docker/containerd/containerd.sock"}
		if f.Dockerd != nil {
			sockets = append(sockets, f.Dockerd.Containerd)
		}
		if f.Config != nil {
			sockets = append(sockets, f.Config.Containerd)
		}
		slices.Sort(sockets)
		bad := false
		for _, socket := range slices.Compact(sockets) {
			info, err := f.Files.Stat(socket)
			if socket == "" || err != nil {
				continue
			}
			if who := f.Files.Writable(socket, info); who != "" {
				bad = true
				out.fail("chown root:root "+socket+" && chmod 0660 "+socket, "%s can open %s", who, socket)
			}
		}
		if !bad {
			out.ok("only root speaks to containerd")
		}
	},
})
