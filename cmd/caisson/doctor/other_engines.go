package doctor

import (
	"fmt"
	"strings"
)

var _ = register(&Check{
	ID:    "other-engines",
	Title: "There is no other Engine on this host",
	Why:   "an Engine has its own plugins; one that runs as a user has that user's rights, and one that runs as root has all",
	run: func(f *Facts, out *findings) {
		var found []string
		for _, uid := range f.Files.List("/run/user") {
			socket := "/run/user/" + uid + "/docker.sock"
			if _, err := f.Files.Stat(socket); err == nil {
				found = append(found, socket)
			}
		}
		for _, d := range f.Files.Dockerds() {
			if f.Dockerd == nil || d.PID != f.Dockerd.PID {
				found = append(found, fmt.Sprintf("dockerd (process %d)", d.PID))
			}
		}
		if len(found) == 0 {
			out.ok("there is no other Engine on this host")
			return
		}
		out.info("look at each with caisson doctor --engine", "other Engines on this host: %s", strings.Join(found, ", "))
	},
})
