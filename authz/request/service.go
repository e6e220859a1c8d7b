package request

import (
	"strconv"
	"strings"

	"github.com/moby/moby/api/types/swarm"
)

// serviceBody is the body of service create and service update: the Engine's newest type, with what older engines and older API
// versions still read laid over it.
//
// Source: moby daemon/server/router/swarm/cluster_routes.go, serviceWithLegacy; v20.10.24 api/types/swarm ServiceSpec.
type serviceBody struct {
	swarm.ServiceSpec
	TaskTemplate taskTemplate
	Networks     []swarm.NetworkAttachmentConfig // up to API 1.43; by older engines always
}

type taskTemplate struct {
	swarm.TaskSpec
	ContainerSpec *containerSpec
}

type containerSpec struct {
	swarm.ContainerSpec
	DNSConfig *dnsConfig
}

// dnsConfig keeps addresses as texts: up to 28 the Engine took any.
type dnsConfig struct {
	Nameservers, Search, Options []string
}

// Service is what a service asks for that a container has no counterpart of.
type Service struct {
	Name string
	// Runtime is what carries the tasks out. "" and container are containers; plugin installs plugins, on every node.
	Runtime Value[string]
	// Plugin and Attachment tell whether there is a specification of another kind beside that of the container.
	Plugin, Attachment Value[bool]
	// Replicas are the numbers of tasks that the body names.
	Replicas []Value[uint64]
	// Templates are the texts that hold a template.
	Templates []Template
}

// Template is a text of a service that a node expands before it makes a container of the task. Nothing has judged what comes out.
type Template struct {
	Field  string
	Inside bool // what comes out is seen inside the container only: environment and host name
}

// decodeService reads service create and service update, which take the same body. An update replaces the whole specification.
func decodeService(r *Request, body []byte) error {
	b, unknown, err := serviceFormat.decode(body)
	if err != nil {
		return err
	}
	r.Unknown = unknown
	task := &b.TaskTemplate
	if task.ContainerSpec == nil { // as for plugins
		task.ContainerSpec = new(containerSpec)
	}
	r.Service = &Service{
		Name:       b.Name,
		Runtime:    Value[string]{"TaskTemplate.Runtime", string(task.Runtime)},
		Plugin:     Value[bool]{"TaskTemplate.PluginSpec", task.PluginSpec != nil},
		Attachment: Value[bool]{"TaskTemplate.NetworkAttachmentSpec", task.NetworkAttachmentSpec != nil},
		Replicas:   replicas(&b.Mode),
		Templates:  templates(task.ContainerSpec),
	}
	r.Workload = newServiceWorkload(r.Version, b)
	return nil
}

// replicas lists the numbers of tasks. A global service has one on each node.
func replicas(m *swarm.ServiceMode) (list []Value[uint64]) {
	add := func(field string, n *uint64) {
		if n != nil {
			list = append(list, Value[uint64]{field, *n})
		}
	}
	if r := m.Replicated; r != nil {
		add("Mode.Replicated.Replicas", r.Replicas)
	}
	if j := m.ReplicatedJob; j != nil {
		add("Mode.ReplicatedJob.MaxConcurrent", j.MaxConcurrent)
		add("Mode.ReplicatedJob.TotalCompletions", j.TotalCompletions)
	}
	return list
}

// templates finds the texts that hold a template, in the places where nodes expand them. In the environment only what follows the
// equals sign is expanded, and of maps only the values.
//
// Source: swarmkit template/expand.go, ExpandContainerSpec.
func templates(c *containerSpec) (list []Template) {
	add := func(field, text string, inside bool) {
		if strings.Contains(text, "{{") {
			list = append(list, Template{field, inside})
		}
	}
	addMap := func(field string, m map[string]string) {
		for _, k := range Keys(m) {
			add(field+"["+clip(k)+"]", m[k], false)
		}
	}
	for i, e := range c.Env {
		_, value, _ := strings.Cut(e, "=")
		add(containerField+"Env["+strconv.Itoa(i)+"]", value, true)
	}
	for i, m := range c.Mounts {
		field := mountField(i)
		add(field+".Source", m.Source, false)
		add(field+".Target", m.Target, false)
		if o := m.VolumeOptions; o != nil {
			addMap(field+".VolumeOptions.Labels", o.Labels)
			if o.DriverConfig != nil {
				addMap(field+".VolumeOptions.DriverConfig.Options", o.DriverConfig.Options)
			}
		}
	}
	add(containerField+"Hostname", c.Hostname, true)
	return list
}

// ResolveNetwork takes note of the network that the Engine finds for an endpoint of a service. Names, IDs and the beginnings of IDs
// all stand for a network there, so that only the Engine can tell which one is the host's. Without a name there is none.
//
// Source: moby daemon/cluster/networks.go, populateNetworkID.
func (w *Workload) ResolveNetwork(e *Endpoint, name string) {
	switch name {
	case "":
		w.Network = Value[Namespace]{e.Field + ".Target", Namespace{Mode: NamespaceOther, Raw: e.Name}}
	case "host":
		w.Network = Value[Namespace]{e.Field + ".Target", Namespace{Mode: NamespaceHost, Raw: e.Name}}
		e.Name = name
	default:
		e.Name = name
	}
}
