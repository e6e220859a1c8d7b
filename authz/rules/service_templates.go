package rules

import "caisson/authz/request"

// ServiceTemplates refuses templates in services.
type ServiceTemplates struct {
	Env   bool `toml:"env" comment:"allow templates in environment variables and host names, such as {{.Node.Hostname}}"`
	Allow bool `toml:"allow" comment:"allow templates everywhere; what a mount then shows is up to whoever makes the service"`
}

var _ = register(&Spec{
	ID:    "service-templates",
	Title: "No templates in services",
	Why: "A node expands templates after everything has been checked: a mount source that lies in an allowed directory as written can be " +
		"any path of the host by then, and a driver option any disk.",
	Fix:   "write the text out; for templates in --env and --hostname have the operator set rules.service-templates.env",
	Doors: []request.Door{request.DoorService},
	Fields: []string{
		"TaskTemplate.ContainerSpec.Env", "TaskTemplate.ContainerSpec.Hostname", "TaskTemplate.ContainerSpec.Mounts.Source",
		"TaskTemplate.ContainerSpec.Mounts.Target", "TaskTemplate.ContainerSpec.Mounts.VolumeOptions",
	},

	Profiles: Everywhere,
	New:      func() Rule { return &ServiceTemplates{} },
})

// Check implements [Rule]. The text is not shown: variables hold secrets.
//
// Source: swarmkit template/expand.go, which expands on the node, after validateMounts has seen absolute paths
// (moby daemon/cluster/executor/container/validate.go).
func (s *ServiceTemplates) Check(r *request.Request, out *Findings) {
	for _, t := range r.Service.Templates {
		switch {
		case s.Allow || t.Inside && s.Env:
		case t.Inside:
			out.Add(t.Field, "holds a template ({{)", "plain text")
		default:
			out.AddFix(t.Field, "holds a template ({{)", "plain text", "write the text out")
		}
	}
}
