package doctor

import (
	"errors"

	"caisson/cmd/caisson/host"
)

var _ = register(&Check{
	ID:    "plugin-answers",
	Title: "Caisson answers",
	Why:   "while Caisson does not answer, dockerd refuses every request, and does not start",
	run: func(f *Facts, out *findings) {
		if errors.Is(f.PluginErr, host.ErrRefusesPing) {
			out.fail("mend what it says; docs/recovery.md has the full disk of an audit log", "%v", f.PluginErr)
			return
		}
		if f.PluginErr != nil {
			out.fail("systemctl restart caisson.socket caisson.service; see docs/recovery.md", "%v", f.PluginErr)
			return
		}
		out.ok("Caisson answers on %s, refuses what is no request, and lets a ping pass", f.PluginSocket)
	},
})
