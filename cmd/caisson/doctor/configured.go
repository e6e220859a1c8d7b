package doctor

import (
	"slices"
	"strings"

	"caisson/cmd/caisson/host"
)

var _ = register(&Check{
	ID:    "dockerd-config",
	Title: "dockerd is configured to ask Caisson",
	Why:   "the next start or reload of dockerd does what the configuration says, whatever is in force now",
	run: func(f *Facts, out *findings) {
		if f.ConfigErr != nil {
			out.fail("mend it before dockerd is restarted or reloaded", "dockerd's configuration cannot be used: %v", f.ConfigErr)
			return
		}
		if f.Config == nil {
			return
		}
		inFile, onCommandLine := f.named()
		switch {
		case len(f.Config.Plugins) > 0 && f.Dockerd != nil && len(f.Dockerd.Plugins) > 0:
			out.fail("take one of them away", "plugins are named in %s and on dockerd's command line: dockerd will not start again", f.ConfigFile)
		case !inFile && !onCommandLine && f.Guard == host.Guarded:
			out.fail("caisson enforce on", "dockerd asks Caisson, but neither %s nor its command line names %s: after a restart it will not", f.ConfigFile, f.Plugin)
		case !inFile && !onCommandLine:
			out.fail("caisson enforce on", "neither %s nor dockerd's command line names %s", f.ConfigFile, f.Plugin)
		case f.Guard == host.Unguarded && f.Dockerd != nil:
			out.fail("caisson enforce on", "%s is configured, but dockerd has not read that yet", f.Plugin)
		default:
			chain := f.Config.Plugins
			if onCommandLine {
				chain = f.Dockerd.Plugins
			}
			out.ok("dockerd is to ask, in this order: %s", strings.Join(chain, ", "))
			if i := slices.Index(chain, f.Plugin); i > 0 {
				out.info("", "%s is asked before Caisson; what it refuses, Caisson neither sees nor records", strings.Join(chain[:i], ", "))
			}
		}
		if info, err := f.Files.Stat(f.ConfigFile); err == nil {
			if who := f.Files.Writable(f.ConfigFile, info); who != "" {
				out.fail("chown root "+f.ConfigFile+" && chmod go-w "+f.ConfigFile, "%s can write %s, and so take Caisson out of it", who, f.ConfigFile)
			}
		}
	},
})
