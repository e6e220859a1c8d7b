package config

import (
	"maps"
	"slices"
)

// agree compares what the library parsed with what [locate] saw. A setting that one of them misses is refused rather than lost.
// (BurntSushi/toml 1.6.0 drops elements of a list with tables if the list's key is empty.)
func (d *decoder) agree(raw map[string]any) {
	parsed := map[path]bool{}
	paths("", raw, parsed)
	for _, p := range slices.Sorted(maps.Keys(d.lines)) {
		if !parsed[p] {
			d.problem(p, "is lost by the TOML parser; write it in another way")
		}
	}
	for _, p := range slices.Sorted(maps.Keys(parsed)) {
		if d.lines[p] == 0 {
			d.problem(p, "is seen by the TOML parser alone; write it in another way")
		}
	}
}

// paths collects the keys, tables and list elements of a parsed value.
func paths(p path, v any, into map[path]bool) {
	add := func(p path, v any) {
		into[p] = true
		paths(p, v, into)
	}
	switch v := v.(type) {
	case map[string]any:
		for k, e := range v {
			add(p.key(k), e)
		}
	case []map[string]any:
		for i, e := range v {
			add(p.index(i), e)
		}
	case []any:
		for i, e := range v {
			add(p.index(i), e)
		}
	}
}
