package doctor

import (
	"slices"
	"strings"
)

var _ = register(&Check{
	ID:    "userns-remap",
	Title: "Root in containers is not root on the host",
	Why:   "with user namespaces, who gets out of a container in spite of everything is nobody on the host",
	run: func(f *Facts, out *findings) {
		has := func(option string) bool {
			return slices.ContainsFunc(f.Info.SecurityOptions, func(s string) bool { return s == "name="+option || strings.HasPrefix(s, "name="+option+",") })
		}
		switch {
		case has("userns"), f.Config != nil && f.Config.UsernsRemap != "":
			out.ok("root in containers is remapped")
		case has("rootless"):
			out.ok("the Engine runs as a user")
		default:
			out.info(`"userns-remap": "default" in dockerd's configuration; images are stored anew then`, "root in containers is root on the host")
		}
	},
})
