package config

import (
	"caisson/authz/image"
	"caisson/authz/image/evidence"
)

// layouts opens the folders with further evidence.
func (d *decoder) layouts(names []string) []image.Evidence {
	var list []image.Evidence
	for i, name := range names {
		l, err := evidence.OpenLayout(d.inputs.path(name))
		if err != nil {
			d.problem(imageTrustPath.key("evidence").index(i), "%v", err)
			continue
		}
		list = append(list, l)
	}
	return list
}
