package request

import "fmt"

// longestName bounds names of images. The Engine's parser, which the rules use too, takes seconds for one of some MiB; what registries take is
// shorter than 600 bytes, with host, tag and digest.
const longestName = 1024

// checkImageParameters refuses names in the query that are too long to be read.
func checkImageParameters(r *Request) error {
	if len(r.Call.Target) <= longestName { // as almost all are
		return nil
	}
	for _, parameter := range []string{"fromImage", "repo", "tag", "t", "names"} {
		for name := range r.Query.each(parameter) {
			if err := checkName("query parameter "+parameter, name); err != nil {
				return err
			}
		}
	}
	return nil
}

// checkImageNames refuses names in the body that are too long to be read.
func checkImageNames(w *Workload) error {
	if w == nil {
		return nil
	}
	if err := checkName(w.Image.Field, w.Image.V); err != nil {
		return err
	}
	for i := range w.Mounts {
		if m := &w.Mounts[i]; m.Type == MountImage {
			if err := checkName(m.Field, m.Source); err != nil {
				return err
			}
		}
	}
	return nil
}

func checkName(field, name string) error {
	if len(name) <= longestName {
		return nil
	}
	return &Error{field, fmt.Sprintf("it is longer than %d bytes, and no name of an image is", longestName), "use the name that docker image ls shows"}
}
