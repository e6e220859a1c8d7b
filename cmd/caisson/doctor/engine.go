package doctor

import (
	"errors"

	"caisson/authz/request"
	"caisson/cmd/caisson/host"
)

var _ = register(&Check{
	ID:    "engine",
	Title: "The Engine answers",
	Why:   "without an answer, nobody can tell what the Engine does, and nobody can use it",
	run: func(f *Facts, out *findings) {
		switch {
		case errors.Is(f.EngineErr, host.ErrNoEngine):
			out.fail("start it; if it does not start, see docs/recovery.md", "nobody answers on %s", f.EngineSocket)
		case errors.Is(f.EngineErr, host.ErrSilent):
			out.fail("restart Caisson; see docs/recovery.md", "the Engine takes requests and does not answer: a plugin hangs, or is being looked for")
		case f.EngineErr != nil:
			out.fail("look into dockerd's log", "%v", f.EngineErr)
		case f.Version.Version == "":
			out.info("", "the Engine answers, but does not say which version it is: the question was refused")
		default:
			out.ok("Docker Engine %s, API %s, on %s", f.Version.Version, f.Version.APIVersion, f.EngineSocket)
		}
		if api, ok := parseVersion(f.Version.APIVersion); ok && api[1] > request.NewestVersion.Minor {
			out.warn("upgrade Caisson", "the Engine speaks API %s, Caisson knows %s: clients that use the newest are refused", f.Version.APIVersion, request.NewestVersion)
		}
	},
})
