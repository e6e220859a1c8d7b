package doctor

import (
	"path"

	"caisson/cmd/caisson/host"
)

var _ = register(&Check{
	ID:    "plugin-folders",
	Title: "Only root can make plugins known to dockerd",
	Why:   "whoever can write where dockerd looks for plugins can put one in Caisson's place that lets everything pass",
	run: func(f *Facts, out *findings) {
		bad := false
		for _, folder := range host.PluginFolders {
			for _, dir := range []string{folder, path.Dir(folder)} {
				info, err := f.Files.Stat(dir)
				if err != nil {
					continue // what is not there can be made only in the folder above, which is looked at too
				}
				if who := f.Files.Writable(dir, info); who != "" {
					bad = true
					out.fail("chown root "+dir+" && chmod go-w "+dir, "%s can write to %s", who, dir)
				}
			}
		}
		if !bad {
			out.ok("only root can make plugins known to dockerd")
		}
	},
})
