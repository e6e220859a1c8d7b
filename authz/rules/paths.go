package rules

import (
	"iter"
	"path"
	"strings"

	"github.com/bmatcuk/doublestar/v4"
)

// upwards yields a clean absolute path and the folders that it lies in, up to the root.
func upwards(p string) iter.Seq[string] {
	return func(yield func(string) bool) {
		for yield(p) && p != "/" && p != "." {
			p = path.Dir(p)
		}
	}
}

// globIndex finds, among many patterns for paths, the few that a path can match: by the folder that a pattern names before its first
// wildcard. The zero value holds no pattern.
type globIndex struct {
	patterns []string
	byFolder map[string][]int // places in patterns
}

func newGlobIndex(patterns []string) globIndex {
	x := globIndex{patterns, make(map[string][]int)}
	for i, p := range patterns {
		folder := p
		if meta := strings.IndexAny(p, `*?[{\`); meta >= 0 {
			folder = path.Clean("/" + p[:strings.LastIndexByte(p[:meta], '/')+1])
		}
		x.byFolder[folder] = append(x.byFolder[folder], i)
	}
	return x
}

// matches yields the places of the patterns that a clean absolute path matches, in no order.
func (x *globIndex) matches(p string) iter.Seq[int] {
	return func(yield func(int) bool) {
		for folder := range upwards(p) {
			for _, i := range x.byFolder[folder] {
				if doublestar.MatchUnvalidated(x.patterns[i], p) && !yield(i) {
					return
				}
			}
		}
	}
}

// treeIndex finds, among many folders, the first that has to do with a path. The zero value holds none.
type treeIndex struct {
	trees  []string
	at     map[string]int // the place of the first tree at a path
	within map[string]int // the place of the first tree that lies in a folder
}

func newTreeIndex(trees []string) treeIndex {
	x := treeIndex{trees, make(map[string]int), make(map[string]int)}
	first := func(m map[string]int, key string, i int) {
		if _, taken := m[key]; !taken {
			m[key] = i
		}
	}
	for i, t := range trees {
		first(x.at, t, i)
		for folder := range upwards(t) {
			if folder != t {
				first(x.within, folder, i)
			}
		}
	}
	return x
}

// find returns the first tree that is a path, holds it or lies in it; ok is false if there is none.
func (x *treeIndex) find(p string) (tree string, ok bool) {
	best := len(x.trees)
	for folder := range upwards(p) {
		if i, here := x.at[folder]; here {
			best = min(best, i)
		}
	}
	if i, here := x.within[p]; here {
		best = min(best, i)
	}
	if best == len(x.trees) {
		return "", false
	}
	return x.trees[best], true
}
