package request

import (
	"strconv"
	"strings"

	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/api/types/mount"
	"github.com/moby/moby/api/types/swarm"
)

// Where the parts of a service stand in its body.
const (
	containerField = "TaskTemplate.ContainerSpec."
	resourcesField = "TaskTemplate.Resources."
)

func mountField(i int) string { return containerField + "Mounts[" + strconv.Itoa(i) + "]" }

// newServiceWorkload normalises what a service makes of its tasks. Values of settings that services do not have stay without Field:
// no task is privileged, has devices or shares a namespace other than the host's network.
//
// Source: moby daemon/cluster/convert/container.go containerToGRPC, daemon/cluster/executor/container/container.go.
func newServiceWorkload(v Version, b *serviceBody) *Workload {
	c := &b.TaskTemplate.ContainerSpec.ContainerSpec
	w := &Workload{
		Door: DoorService, Version: v,
		Identity: Identity{
			Image:       Value[string]{containerField + "Image", c.Image},
			User:        Value[string]{containerField + "User", c.User},
			GroupAdd:    Value[[]string]{containerField + "Groups", c.Groups},
			Env:         Value[[]string]{containerField + "Env", c.Env},
			Labels:      Value[map[string]string]{containerField + "Labels", c.Labels}, // those of the service stay with the service
			Healthcheck: Value[*Healthcheck]{containerField + "Healthcheck", newHealthcheck(c.Healthcheck)},
		},
		Isolation: serviceIsolation(v, c),
		Files:     Files{ReadonlyRootfs: Value[bool]{containerField + "ReadOnly", c.ReadOnly}},
		Limits:    serviceLimits(v, &b.TaskTemplate, c),
		Exposure:  serviceExposure(b, c),
	}
	for i, m := range c.Mounts {
		w.Mounts = append(w.Mounts, newServiceMount(mountField(i), m))
	}
	w.Network = Value[Namespace]{"TaskTemplate.Networks", Namespace{Mode: NamespaceDefault}}
	for i := range w.Endpoints {
		if e := &w.Endpoints[i]; e.Name == "host" {
			w.ResolveNetwork(e, e.Name)
		}
	}
	return w
}

// passedOn tells whether every engine passes on a setting that came with API 1.minor: a call for an older version loses it, and so
// does one without a version on the oldest engines, whose newest version is 1.41. What only makes a task safer counts only if it
// is certain to arrive.
//
// Source: moby daemon/server/router/swarm/helpers.go, adjustForAPIVersion.
func passedOn(v Version, minor int) bool {
	if v.Minor == 0 {
		return minor <= 41
	}
	return !v.Before(minor)
}

func serviceIsolation(v Version, c *swarm.ContainerSpec) Isolation {
	i := Isolation{
		CapAdd:      Value[[]string]{containerField + "CapabilityAdd", normaliseCaps(c.CapabilityAdd)},
		CapDrop:     Value[[]string]{Field: containerField + "CapabilityDrop"},
		SecurityOpt: Value[[]SecurityOpt]{containerField + "Privileges", servicePrivileges(v, c.Privileges)},
		Sysctls:     Value[map[string]string]{containerField + "Sysctls", c.Sysctls},
		Technology:  Value[string]{containerField + "Isolation", string(c.Isolation)},
	}
	if passedOn(v, 41) {
		i.CapDrop.V = normaliseCaps(c.CapabilityDrop)
	}
	return i
}

// servicePrivileges words the security settings of a service as the security options that its tasks get. Modes are case-sensitive,
// and the Engine takes one that it does not know for the default; here that is the worst one, as a newer Engine may know it.
//
// Source: moby daemon/cluster/executor/container/container.go, applyPrivileges.
func servicePrivileges(v Version, p *swarm.Privileges) (opts []SecurityOpt) {
	if p == nil {
		return nil
	}
	add := func(field, key, value string) {
		opts = append(opts, SecurityOpt{Key: key, Value: value, Raw: key + "=" + value, Field: containerField + "Privileges." + field})
	}
	unknown := func(field, raw string) {
		opts = append(opts, SecurityOpt{Raw: raw, Field: containerField + "Privileges." + field})
	}
	if p.CredentialSpec != nil { // of Windows; the Engine knows no such option on Linux
		unknown("CredentialSpec", "credentialspec")
	}
	if s := p.SELinuxContext; s != nil {
		if s.Disable {
			add("SELinuxContext.Disable", "label", "disable")
		}
		for _, label := range [][2]string{{"User", s.User}, {"Role", s.Role}, {"Level", s.Level}, {"Type", s.Type}} {
			if label[1] != "" {
				add("SELinuxContext."+label[0], "label", strings.ToLower(label[0])+":"+label[1])
			}
		}
	}
	if s := p.Seccomp; s != nil {
		switch s.Mode {
		case "", swarm.SeccompModeDefault: // a profile beside it has no effect
		case swarm.SeccompModeCustom:
			add("Seccomp.Profile", "seccomp", string(s.Profile))
		default:
			if add("Seccomp.Mode", "seccomp", "unconfined"); s.Mode != swarm.SeccompModeUnconfined {
				unknown("Seccomp.Mode", string(s.Mode))
			}
		}
	}
	if a := p.AppArmor; a != nil && a.Mode != "" && a.Mode != swarm.AppArmorModeDefault {
		if add("AppArmor.Mode", "apparmor", "unconfined"); a.Mode != swarm.AppArmorModeDisabled {
			unknown("AppArmor.Mode", string(a.Mode))
		}
	}
	if p.NoNewPrivileges && passedOn(v, 44) {
		add("NoNewPrivileges", "no-new-privileges", "true")
	}
	return opts
}

// newServiceMount normalises a mount of a service. The names of types and of propagation modes are swarmkit's, in any case, and a
// mount without a type has the first one, which is bind.
func newServiceMount(field string, in mount.Mount) Mount {
	if in.Type = mount.Type(foldEnum(string(in.Type))); in.Type == "" {
		in.Type = mount.TypeBind
	}
	m := newMount(field, &in)
	m.Propagation = foldEnum(m.Propagation)
	return m
}

// foldEnum spells a name of one of swarmkit's enumerations one way. The Engine looks names up in upper case by Unicode's rules, so
// that "bınd" is BIND there, and "rſhared" is RSHARED.
//
// Source: moby daemon/cluster/convert/container.go, containerToGRPC.
func foldEnum(name string) string { return strings.ToLower(strings.ToUpper(name)) }

func serviceLimits(v Version, t *taskTemplate, c *swarm.ContainerSpec) Limits {
	resources, limits := swarm.ResourceRequirements{}, swarm.Limit{}
	if t.Resources != nil {
		resources = *t.Resources
	}
	if resources.Limits != nil {
		limits = *resources.Limits
	}
	l := Limits{
		Memory:           Value[int64]{resourcesField + "Limits.MemoryBytes", limits.MemoryBytes},
		MemorySwap:       Value[int64]{resourcesField + "SwapBytes", serviceSwap(v, limits.MemoryBytes, resources.SwapBytes)},
		MemorySwappiness: Value[*int64]{resourcesField + "MemorySwappiness", resources.MemorySwappiness},
		OomScoreAdj:      Value[int]{containerField + "OomScoreAdj", int(c.OomScoreAdj)},
		NanoCPUs:         Value[int64]{resourcesField + "Limits.NanoCPUs", limits.NanoCPUs},
		PidsLimit:        Value[*int64]{Field: resourcesField + "Limits.Pids"},
		Ulimits:          Value[[]Ulimit]{containerField + "Ulimits", newUlimits(c.Ulimits)},
		RestartPolicy:    Value[RestartPolicy]{Field: "TaskTemplate.RestartPolicy"},
		Log:              Value[LogConfig]{Field: "TaskTemplate.LogDriver"},
	}
	if limits.Pids != 0 && passedOn(v, 41) {
		l.PidsLimit.V = &limits.Pids
	}
	if !passedOn(v, 46) {
		l.OomScoreAdj.V = min(l.OomScoreAdj.V, 0)
	}
	if p := t.RestartPolicy; p != nil {
		l.RestartPolicy.V = RestartPolicy{Name: string(p.Condition), Windowed: p.Window != nil && *p.Window != 0}
		if p.MaxAttempts != nil {
			l.RestartPolicy.V.Retries = int(min(*p.MaxAttempts, 1<<31))
		}
	}
	if d := t.LogDriver; d != nil {
		l.Log.V = LogConfig{d.Name, d.Options}
	}
	return l
}

// serviceSwap gives the sum of memory and swap from the swap alone, which is what services name.
func serviceSwap(v Version, memory int64, swap *int64) int64 {
	switch {
	case swap == nil || *swap < -1:
		return 0 // the Engine's default
	case *swap == -1:
		return -1
	case *swap < memory && !passedOn(v, 52):
		return 0 // which is more
	}
	return memory + *swap // as the Engine adds them; what is too large becomes negative, and is refused as without end
}

func serviceExposure(b *serviceBody, c *swarm.ContainerSpec) Exposure {
	e := Exposure{ExtraHosts: Value[[]string]{Field: containerField + "Hosts"}}
	for _, entry := range c.Hosts { // address, name, aliases: the Engine takes the first two
		if words := strings.Fields(entry); len(words) > 1 {
			entry = words[1] + ":" + words[0]
		}
		e.ExtraHosts.V = append(e.ExtraHosts.V, entry)
	}
	if b.EndpointSpec != nil {
		for i, p := range b.EndpointSpec.Ports {
			port := int(p.PublishedPort)
			e.Ports = append(e.Ports, Port{
				Field:     "EndpointSpec.Ports[" + strconv.Itoa(i) + "]",
				Container: strconv.Itoa(int(p.TargetPort)) + "/" + foldEnum(string(p.Protocol)), First: port, Last: port,
			})
		}
	}
	for _, list := range []Value[[]swarm.NetworkAttachmentConfig]{
		{"TaskTemplate.Networks", b.TaskTemplate.Networks}, {"Networks", b.Networks},
	} {
		for i, n := range list.V {
			e.Endpoints = append(e.Endpoints, Endpoint{Field: list.At(i), Name: n.Target, DriverOpts: n.DriverOpts})
		}
	}
	return e
}

// newHealthcheck reads the health check of a container or of a service's tasks.
func newHealthcheck(in *container.HealthConfig) *Healthcheck {
	if in == nil {
		return nil
	}
	return &Healthcheck{Test: in.Test, Interval: int64(in.Interval), StartInterval: int64(in.StartInterval)}
}

// newUlimits passes over the nulls of a list.
func newUlimits(in []*container.Ulimit) (list []Ulimit) {
	for _, u := range in {
		if u != nil {
			list = append(list, Ulimit{u.Name, u.Soft, u.Hard})
		}
	}
	return list
}
