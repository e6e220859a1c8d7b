package doctor

var _ = register(&Check{
	ID:    "plugin-socket",
	Title: "Only root speaks to Caisson",
	Why:   "whoever can connect to the plugin's socket may ask what passes, and fill the audit log",
	run: func(f *Facts, out *findings) {
		if f.PluginSocket == "" {
			return
		}
		info, err := f.Files.Stat(f.PluginSocket)
		if err != nil {
			return // plugin-answers says so
		}
		if who := f.Files.Writable(f.PluginSocket, info); who != "" {
			out.fail("SocketMode=0600 in caisson.socket, or start caisson serve as root", "%s can connect to %s", who, f.PluginSocket)
			return
		}
		out.ok("%s is root's alone", f.PluginSocket)
	},
})
