package rules

import (
	"maps"
	"math/rand/v2"
	"path"
	"slices"
	"strings"
	"testing"

	"github.com/bmatcuk/doublestar/v4"
)

// randomPath makes clean absolute paths of few different parts, so that many have to do with each other.
func randomPath(r *rand.Rand, parts []string) string {
	p := "/"
	for range r.IntN(5) {
		p = path.Join(p, parts[r.IntN(len(parts))])
	}
	return p
}

// The index finds what a search through the whole list finds.
func TestTreeIndex(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for range 5000 {
		trees := make([]string, r.IntN(12))
		for i := range trees {
			trees[i] = randomPath(r, []string{"a", "b", "c"})
		}
		p := randomPath(r, []string{"a", "b", "c", "ab"})
		i := slices.IndexFunc(trees, func(tree string) bool { return below(p, tree) || below(tree, p) })
		x := newTreeIndex(trees)
		got, ok := x.find(p)
		if ok != (i >= 0) || ok && got != trees[i] {
			t.Fatalf("%q in %q: %q %v, want place %d", p, trees, got, ok, i)
		}
	}
}

func TestGlobIndex(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for range 20_000 {
		patterns := make([]string, r.IntN(8))
		for i := range patterns {
			patterns[i] = randomPath(r, []string{"a", "b", "*", "**", "a*", "?", "{a,b}", "[ab]", "{a/b,b}", `\*`, `a\?`})
		}
		p := randomPath(r, []string{"a", "b", "ab", "*", "a?"})
		checkGlobIndex(t, patterns, p)
	}
}

func checkGlobIndex(t *testing.T, patterns []string, p string) {
	t.Helper()
	want, got := map[int]bool{}, map[int]bool{}
	for i, pattern := range patterns {
		if doublestar.MatchUnvalidated(pattern, p) {
			want[i] = true
		}
	}
	x := newGlobIndex(patterns)
	for i := range x.matches(p) {
		got[i] = true
	}
	if !maps.Equal(want, got) {
		t.Fatalf("%q matches %v of %q, want %v", p, got, patterns, want)
	}
}

func FuzzGlobIndex(f *testing.F) {
	f.Add("/srv/**", "/srv/a")
	f.Add(`/srv/\*/{a,b/c}`, "/srv/*/b/c")
	f.Add("/{srv,var}/x", "/srv/x")
	f.Add("/\x8d", "/\xb3")
	f.Add("/srv/?", "/srv/\xb3")
	f.Fuzz(func(t *testing.T, pattern, p string) {
		if checkPathGlob("allow", pattern) != nil || !path.IsAbs(p) || path.Clean(p) != p || strings.Contains(p, "\x00") {
			return
		}
		checkGlobIndex(t, []string{pattern, "/srv/**"}, p)
	})
}
