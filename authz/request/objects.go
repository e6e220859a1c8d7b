package request

import "strings"

// kindOf says what a variable of a route's template names, by how the template begins.
var kindOf = []struct {
	prefix string
	kind   ReferenceKind
}{
	{"/containers/{", ContainerReference},
	{"/exec/{", ExecReference},
	{"/volumes/{", VolumeReference},
	{"/networks/{", NetworkReference},
	{"/images/{", ImageReference},
	{"/distribution/{", ImageReference},
	{"/plugins/{", ImageReference}, // their names have the form of images'
}

// Objects lists what the operation acts on, as the client wrote it, the main object first: what the path names, what is to be
// created and under which name, the container that a network connect or an image commit takes, and the images that a save takes. It is
// empty for operations that name nothing, such as lists, prunes and builds. What a new container refers to is in its [Workload].
func (r *Request) Objects() []Reference {
	if r.Route == nil {
		return nil
	}
	switch r.Operation {
	case ContainerCreate:
		return []Reference{{NewReference, strings.TrimPrefix(r.Query.Get("name"), "/"), "query parameter name"}}
	case VolumeCreate:
		if w := r.Workload; w != nil && len(w.Mounts) > 0 {
			return []Reference{{NewReference, w.Mounts[0].Source, "Name"}}
		}
	case NetworkCreate:
		if n := r.Network; n != nil {
			return []Reference{{NewReference, n.Name.V, "Name"}}
		}
	case ServiceCreate:
		if s := r.Service; s != nil {
			return []Reference{{NewReference, s.Name, "Name"}}
		}
	case ImageCreate:
		if from := r.Query.Get("fromImage"); from != "" {
			return []Reference{{ImageReference, tagged(from, r.Query.Get("tag")), "query parameter fromImage"}}
		}
		return []Reference{{ImageReference, tagged(r.Query.Get("repo"), r.Query.Get("tag")), "query parameter repo"}} // an import
	case ImageCommit:
		list := []Reference{{ContainerReference, strings.TrimPrefix(r.Query.Get("container"), "/"), "query parameter container"}}
		if repo := r.Query.Get("repo"); repo != "" {
			list = append(list, Reference{ImageReference, tagged(repo, r.Query.Get("tag")), "query parameter repo"})
		}
		return list
	case ImageGetAll:
		return r.named(ImageReference, "names")
	}
	list := r.pathObject()
	switch r.Operation {
	case ContainerRename:
		list = append(list, Reference{NewReference, strings.TrimPrefix(r.Query.Get("name"), "/"), "query parameter name"})
	case ImageTag:
		list = append(list, Reference{ImageReference, tagged(r.Query.Get("repo"), r.Query.Get("tag")), "query parameter repo"})
	case NetworkConnect:
		if w := r.Workload; w != nil {
			list = append(list, Reference{ContainerReference, strings.TrimPrefix(w.Connects, "/"), "Container"})
		}
	case NetworkDisconnect:
		list = append(list, Reference{ContainerReference, strings.TrimPrefix(r.Disconnects, "/"), "Container"})
	}
	return list
}

// named lists the objects that a query parameter names, which may be given several times.
func (r *Request) named(kind ReferenceKind, parameter string) (list []Reference) {
	for name := range r.Query.each(parameter) {
		list = append(list, Reference{kind, name, "query parameter " + parameter})
	}
	return list
}

// pathObject is the object that a variable of the route's template names.
func (r *Request) pathObject() []Reference {
	for _, variable := range []string{"name", "id"} { // a second variable, as of checkpoints, is a part of that object
		name, ok := r.Vars.lookUp(variable)
		if !ok {
			continue
		}
		ref := Reference{OtherReference, name, "path"}
		for _, k := range kindOf {
			if strings.HasPrefix(r.Route.Template, k.prefix) {
				ref.Kind = k.kind
			}
		}
		return []Reference{ref}
	}
	return nil
}

// Object names what the request acts on, for messages and the audit log: a container, image, volume or network name as the
// client wrote it. It is empty when the operation names none.
func (r *Request) Object() string {
	if list := r.Objects(); len(list) > 0 {
		return list[0].Name
	}
	return ""
}

// tagged joins a repository and a tag or digest.
func tagged(repository, tag string) string {
	switch {
	case tag == "":
		return repository
	case strings.Contains(tag, ":"): // a digest
		return repository + "@" + tag
	}
	return repository + ":" + tag
}
