package doctor

var _ = register(&Check{
	ID:    "live-restore",
	Title: "Containers outlive a restart of dockerd",
	Why:   "some ways back from a lock-out restart dockerd, and without live-restore that stops every container",
	run: func(f *Facts, out *findings) {
		if f.Info.LiveRestoreEnabled || f.Config != nil && f.Config.LiveRestore || f.Dockerd != nil && f.Dockerd.LiveRestore {
			out.ok("containers outlive a restart of dockerd")
			return
		}
		out.info(`"live-restore": true in dockerd's configuration; swarm does not go with it`, "a restart of dockerd stops every container")
	},
})
