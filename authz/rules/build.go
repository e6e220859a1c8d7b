package rules

import (
	"slices"
	"strings"

	"caisson/authz/request"
)

// Build says whether images may be built here.
type Build struct {
	Classic  bool     `toml:"classic" comment:"let the classic builder build"`
	BuildKit bool     `toml:"buildkit" comment:"let BuildKit build, through the build route or by its own protocol, which is not shown to Caisson"`
	Networks []string `toml:"networks" comment:"networks that a build may ask for; * is a wildcard. The host's, a container's and what may be an ID must be listed as they are."`
	Remotes  []string `toml:"remotes" comment:"contexts that the daemon may fetch by itself, such as \"https://git.example.com/team/**\""`

	HostGateway bool `toml:"host_gateway" comment:"let a build name the host's own address (--add-host …:host-gateway)"`
}

var _ = register(&Spec{
	ID:    "build",
	Title: "Builds stay within bounds",
	Why: "A build runs commands as root with Docker's default capabilities, in containers that nobody asks Caisson about. The Engine does " +
		"not show all that a build asks for: whoever may build may build with any option, the host's network among them. What shows is judged.",
	Fix: "leave the option out",
	Ops: []request.Operation{request.ImageBuild, request.Session, request.BuildKit},

	Profiles: Profiles{
		Baseline: Default, Standard: Default, CIS: Default,
		Restricted: With(func(b *Build) { b.Classic, b.BuildKit, b.HostGateway = false, false, false }), // build elsewhere, run here
	},
	New: func() Rule { return &Build{Classic: true, BuildKit: true, Networks: []string{"*"}, HostGateway: true} },
})

// Prepare implements [Preparer].
func (b *Build) Prepare() error {
	if err := checkGlobs("networks", b.Networks); err != nil {
		return err
	}
	return checkGlobs("remotes", b.Remotes)
}

// Check implements [Rule].
func (b *Build) Check(r *request.Request, out *Findings) {
	const elsewhere = "build on another host and pull the image, or have the operator open rules.build"
	asked := r.Build
	switch {
	case asked.BuildKit && !b.BuildKit:
		out.AddFix("build", "uses BuildKit", b.builders(), elsewhere)
	case !asked.BuildKit && !b.Classic:
		out.AddFix("build", "uses the classic builder", b.builders(), elsewhere)
	}
	if n := asked.NetworkMode; n.V != "" && !b.allowsNetwork(n.V) {
		out.AddFix(n.Field, "is "+quote(n.V), b.networks(), "drop --network from docker build")
	}
	if u := asked.Remote; u.Field != "" && !allowsURL(b.Remotes, u) {
		out.AddFix(u.Field, fetches(u), listed(append([]string{"the client's own files"}, b.Remotes...)),
			"clone or download the context and build from there, or have the operator add it to rules.build.remotes")
	}
	if p := asked.CgroupParent; p.V != "" {
		out.AddFix(p.Field, "is "+quote(p.V), "not set", "drop --cgroup-parent from docker build")
	}
	for i, entry := range asked.ExtraHosts.V {
		if !b.HostGateway && strings.HasSuffix(strings.ToLower(strings.TrimSpace(entry)), "host-gateway") {
			out.AddFix(asked.ExtraHosts.At(i), "names the host's own address", "other addresses", "drop --add-host …:host-gateway from docker build")
		}
	}
	if o := asked.SecurityOpt; len(o.V) > 0 {
		out.AddFix(o.Field, "is set", "not set", "drop --security-opt from docker build")
	}
}

// allowsNetwork judges the network of a build. Those of others, and what may be one, must be spelt out.
func (b *Build) allowsNetwork(name string) bool {
	if name == "host" || strings.HasPrefix(name, "container:") || mayBeID(name) {
		return slices.Contains(b.Networks, name)
	}
	return matchAny(b.Networks, name)
}

func (b *Build) networks() string {
	if slices.Contains(b.Networks, "*") {
		return "networks by name, but not the host's or a container's"
	}
	return listed(b.Networks)
}

func (b *Build) builders() string {
	switch {
	case b.BuildKit:
		return "BuildKit"
	case b.Classic:
		return "the classic builder"
	}
	return "no builds on this host"
}
