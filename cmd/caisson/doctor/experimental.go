package doctor

var _ = register(&Check{
	ID:    "experimental",
	Title: "Experimental features are off",
	Why:   "experimental features bring requests that are made for trying out, such as checkpoints; Caisson knows them, but few have looked at them",
	run: func(f *Facts, out *findings) {
		if f.Version.Experimental || f.Info.ExperimentalBuild || f.Config != nil && f.Config.Experimental {
			out.warn(`take "experimental" out of dockerd's configuration`, "dockerd runs with experimental features")
			return
		}
		out.ok("experimental features are off")
	},
})
