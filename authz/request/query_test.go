package request

import (
	"net/url"
	"slices"
	"strings"
	"testing"
)

// FuzzTarget holds targets and queries in which nothing is encoded to what net/url makes of them.
func FuzzTarget(f *testing.F) {
	for _, s := range []string{
		"/v1.50/containers/json?all=1", "/_ping", "/a?", "/a?b?", "/a??b", "/a?b=c&b=d&&=e&f", "/a:b@c/d,e?x=[y]&x", "/a?b=+c", "/a?b=%20", "/%61?b",
		"/?=", "/a?b==c", "/a?b=c=d&b", "/*", "/a\\b", "/a?all=1&size=true&filters={\"a\":[\"b\"]}",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, raw string) {
		target, err := parseTarget(raw)
		if err != nil {
			return
		}
		path, query, reason := splitEncoded(raw)
		if reason != "" || !strings.HasSuffix(path, target.path) {
			t.Fatalf("%q: net/url sees %q %q", raw, path, reason)
		}
		values, err := url.ParseQuery(query)
		if err != nil {
			t.Fatalf("%q: net/url sees a bad query: %v", raw, err)
		}
		names := strings.FieldsFunc(raw, func(r rune) bool { return strings.ContainsRune("?&=", r) })
		for name := range values {
			names = append(names, name)
		}
		for _, name := range names {
			got := target.query
			if !slices.Equal(got.All(name), values[name]) || got.Get(name) != values.Get(name) || got.Has(name) != values.Has(name) ||
				(got.single(name) != nil) != (len(values[name]) > 1) {
				t.Fatalf("%q: %q is %q, net/url sees %q", raw, name, got.All(name), values[name])
			}
		}
	})
}
