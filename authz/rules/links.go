package rules

import (
	"strconv"

	"caisson/authz/request"
)

// Links refuses links between containers.
type Links struct{}

var _ = register(&Spec{
	ID:    "links",
	Title: "No links between containers",
	Why: "A link shows a container the environment of another one, on engines up to 28, and gives that one a second name under which the API " +
		"answers. Networks have replaced links since 2015.",
	Fix:   "drop --link (links in a compose file); containers on a network of their own find each other by name",
	Doors: []request.Door{request.DoorCreate, request.DoorConnect},
	Fields: []string{
		"HostConfig.Links", "NetworkingConfig.EndpointsConfig.Links", "EndpointConfig.Links",
	},

	// The second name is registered by moby daemon/daemon.go, registerLink, and answers as /containers/parent/alias/exec.
	Profiles: Profiles{Restricted: Default},
	New:      func() Rule { return &Links{} },
})

// Check implements [Rule]. On the default network clients put links into HostConfig, on others into the endpoint.
func (*Links) Check(r *request.Request, out *Findings) {
	links := r.Workload.Links
	for i, l := range links.V {
		out.Add(links.At(i), "is "+quote(l), "none")
	}
	for _, e := range r.Workload.Endpoints {
		for i, l := range e.Links {
			out.Add(e.Field+".Links["+strconv.Itoa(i)+"]", "is "+quote(l), "none")
		}
	}
}
