package doctor

import "caisson/cmd/caisson/host"

var _ = register(&Check{
	ID:    "in-force",
	Title: "dockerd asks Caisson",
	Why:   "a policy that nobody is asked about refuses nothing; the plugins in docker info are those of dockerd's start, and do not tell",
	run: func(f *Facts, out *findings) {
		switch {
		case f.EngineErr != nil && f.Guard == host.Unknown: // the check engine says so
		case f.Guard == host.Guarded:
			out.ok("dockerd asks Caisson: %s", f.GuardSeen)
		case f.Guard == host.Unguarded:
			out.fail("caisson enforce on", "dockerd does not ask Caisson: %s", f.GuardSeen)
		default:
			out.warn("", "it cannot be seen whether dockerd asks Caisson: %s", f.GuardSeen)
		}
	},
})
