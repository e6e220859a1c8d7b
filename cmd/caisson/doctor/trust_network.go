package doctor

var _ = register(&Check{
	ID:    "trust-network",
	Title: "Caisson reaches the registries of its policy",
	Why:   "without a network, Caisson cannot look for signatures and reports: images of which nothing is known yet are refused",
	run: func(f *Facts, out *findings) {
		if f.Policy == nil {
			return
		}
		p := f.Policy.Policy.Images
		switch {
		case p == nil || p.Registries == nil && len(p.Reporters) == 0:
			out.ok("the policy has Caisson ask no registry")
		case f.Serving == nil: // then nobody asks
		case f.Serving.Offline:
			out.warn("let caisson.service have a network (PrivateNetwork=no), or take the managed plugin with the network: docs/install.md",
				"the policy names registries in image_trust, and Caisson has no network but its own loopback")
		default:
			out.ok("Caisson has a network over which to ask the registries of its policy")
		}
	},
})
