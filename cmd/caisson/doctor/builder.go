package doctor

var _ = register(&Check{
	ID:    "builder-entitlements",
	Title: "Builds get no more than containers",
	Why:   "a build is not shown to plugins: what dockerd grants to builds, no policy takes away",
	run: func(f *Facts, out *findings) {
		if f.Config == nil {
			return
		}
		granted := f.Config.Builder.Entitlements
		network, set := granted["network-host"]
		const do = `"builder": {"entitlements": {"security-insecure": false, "network-host": false, "device": false}} in dockerd's configuration`
		switch {
		case granted["security-insecure"]:
			out.fail(do, "builds may run privileged steps: builder.entitlements.security-insecure is true")
		case network || !set:
			out.info(do, "builds may use the host's network")
		default:
			out.ok("builds get neither privileges nor the host's network")
		}
	},
})
