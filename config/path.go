package config

import (
	"strconv"

	"github.com/BurntSushi/toml"
)

// path names a place in a policy file as an operator would write it: rules.bind-mounts.allow[1].path.
type path string

// key appends a key, quoted if it has to be.
func (p path) key(k string) path {
	quoted := path(toml.Key{k}.String())
	if p == "" {
		return quoted
	}
	return p + "." + quoted
}

// index appends the place of an element in an array, counted from 0.
func (p path) index(i int) path { return p + path("["+strconv.Itoa(i)+"]") }
