package doctor

import "caisson/cmd/caisson/host"

var _ = register(&Check{
	ID:    "plugin-name",
	Title: "Nobody else bears Caisson's name",
	Why:   "dockerd takes the first plugin of a name that it finds: managed ones, then sockets, then descriptions in /etc/docker/plugins and /usr/lib/docker/plugins",
	run: func(f *Facts, out *findings) {
		for i, p := range f.Places {
			switch {
			case i == 0 && p.Kind == host.ManagedPlugin && !p.Managed.Enabled:
				out.fail("docker plugin enable "+p.Managed.Name, "the managed plugin %s is disabled: dockerd will not start again", p.Managed.Name)
			case i == 0 && p.Kind == host.Description:
				out.fail("start Caisson, and remove the file unless you have written it", "dockerd takes %s from %s", f.Plugin, p.Path)
			case i == 0:
				out.ok("dockerd takes %s from %s", f.Plugin, p.Path)
			case f.Places[0].Kind == host.ManagedPlugin:
				out.fail("docker plugin rm "+f.Places[0].Managed.Name+", or stop the service", "a managed plugin and %s both bear the name %s: dockerd takes the managed one", p.Path, f.Plugin)
			default:
				out.fail("remove it unless you have put it there", "%s bears the name %s too: dockerd takes it when %s is not there", p.Path, f.Plugin, f.Places[0].Path)
			}
		}
	},
})
