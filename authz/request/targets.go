package request

import (
	"regexp"
	"strings"
)

// ReferenceKind is the kind of an object that a request names.
type ReferenceKind uint8

// The kinds.
const (
	ContainerReference ReferenceKind = iota + 1
	ExecReference
	VolumeReference
	NetworkReference
	ImageReference
	NewReference   // a name that is to be given
	OtherReference // a service and the like
)

// Reference is an object of the Engine that a request names, and that has to be looked at before it can be judged.
type Reference struct {
	Kind  ReferenceKind
	Name  string // as the client wrote it: name, ID or ID prefix
	Field string // where
}

// containerName is what can name a container: a name, an ID, a prefix of one, or a link alias parent/alias.
//
// Source: moby daemon/names/names.go.
var containerName = regexp.MustCompile(`^/?[a-zA-Z0-9][a-zA-Z0-9_.-]*(/[a-zA-Z0-9][a-zA-Z0-9_.-]*)?$`)

// Resolvable tells whether the name can be looked up as it is. The Engine trims and unescapes some others on some of its routes.
func (r Reference) Resolvable() bool {
	if r.Kind == ContainerReference {
		return containerName.MatchString(r.Name)
	}
	return r.Name != "" && !strings.ContainsAny(r.Name, "/?#%\\ ")
}

// IsFullID tells whether a text is the whole ID of a container, which no name and no beginning of another ID outweighs.
//
// Source: moby daemon/container.go, GetContainer.
func IsFullID(s string) bool { return len(s) == 64 && strings.Trim(s, "0123456789abcdef") == "" }

// actsOn lists the operations that do something with, or reach into, an existing container. Its power is that of the container.
var actsOn = map[Operation]bool{
	ContainerStart: true, ContainerAttach: true, ContainerExec: true, ContainerRename: true, ContainerUpdate: true,
	ContainerRestart: true, "ContainerUnpause": true, ContainerAttachWebsocket: true,
	"ContainerArchive": true, "ContainerArchiveInfo": true, PutContainerArchive: true,
	"ContainerExport": true, "CheckpointCreate": true,
}

// Target returns the object that the operation acts on, if what it may do depends on that object.
func (r *Request) Target() (Reference, bool) {
	switch {
	case actsOn[r.Operation]:
		return Reference{Kind: ContainerReference, Name: r.Vars.Get("name"), Field: "container"}, true
	case r.Operation == ExecStart:
		return Reference{Kind: ExecReference, Name: r.Vars.Get("name"), Field: "exec"}, true
	case r.Operation == ImageCommit:
		return Reference{Kind: ContainerReference, Name: r.Query.Get("container"), Field: "container"}, true
	case r.Operation == NetworkConnect:
		return Reference{Kind: ContainerReference, Name: r.Workload.Connects, Field: "Container"}, true
	}
	return Reference{}, false
}

// Join is a container that a workload takes a share in.
type Join struct {
	Reference
	ByID bool // the Engine keeps it as an ID, so nothing that merely bears that name is meant
}

// Joins returns the containers whose namespaces, files or names the workload takes a share in.
func (w *Workload) Joins() []Join {
	var list []Join
	add := func(field, name string) {
		list = append(list, Join{Reference: Reference{ContainerReference, strings.TrimPrefix(name, "/"), field}})
	}
	for _, ns := range []Value[Namespace]{w.PID, w.IPC, w.Network, w.UTS, w.UserNS, w.CgroupNS, w.CgroupJoin} {
		if ns.V.Mode == NamespaceContainer {
			// When it creates a container, the Engine puts IDs in the place of names (moby daemon/container.go,
			// adaptSharedNamespaceContainer); what is still a name then named nothing.
			list = append(list, Join{Reference{ContainerReference, strings.TrimPrefix(ns.V.Ref, "/"), ns.Field}, w.Door == DoorStored})
		}
	}
	for i, v := range w.VolumesFrom.V {
		if w.Door == DoorStored {
			break // the mounts were copied when it was created, and are among its own
		}
		name, _, _ := strings.Cut(v, ":") // <container>[:ro|rw|z|Z]
		add(w.VolumesFrom.At(i), name)
	}
	for i, l := range w.Links.V {
		add(w.Links.At(i), linkTarget(l))
	}
	for _, e := range w.Endpoints {
		for _, l := range e.Links {
			add(e.Field+".Links", linkTarget(l))
		}
	}
	return list
}

// linkTarget reads <container>[:alias], and the form that the Engine stores, /<container>:/<parent>/<alias>.
func linkTarget(link string) string {
	name, _, _ := strings.Cut(link, ":")
	return name
}

// MarkJudged says that the container named at a place exists and is judged beside the workload.
func (w *Workload) MarkJudged(field, name string) {
	if w.Judged == nil {
		w.Judged = make(map[string]string)
	}
	w.Judged[field] = name
}
