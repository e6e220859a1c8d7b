package config

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestLocate(t *testing.T) {
	tests := map[string]struct {
		text string
		want map[path]int
	}{
		"keys and tables": {
			"a = 1\n\n# [no] = 1\n[b.c]\nd = 2 # e = 3\n[b]\nf = '#'\n",
			map[path]int{"a": 1, "b": 4, "b.c": 4, "b.c.d": 5, "b.f": 7},
		},
		"dotted and quoted keys": {
			"a . b.\"c.d\" = 1\n'e f' = 2\n\"\\u0067\" = 3\n\"\" = 4\n[\"h.i\".'j']\nk.l = 1\nk.m = 2\n",
			map[path]int{
				"a": 1, "a.b": 1, `a.b."c.d"`: 1, `"e f"`: 2, "g": 3, `""`: 4,
				`"h.i"`: 5, `"h.i".j`: 5, `"h.i".j.k`: 6, `"h.i".j.k.l`: 6, `"h.i".j.k.m`: 7,
			},
		},
		"arrays of tables": {
			"[[a]]\nb = 1\n[a.c]\nd = 1\n[[a]]\nb = 2\n[[a.e]]\n[[a.e]]\nf = 1\n",
			map[path]int{
				"a": 1, "a[0]": 1, "a[0].b": 2, "a[0].c": 3, "a[0].c.d": 4,
				"a[1]": 5, "a[1].b": 6, "a[1].e": 7, "a[1].e[0]": 7, "a[1].e[1]": 8, "a[1].e[1].f": 9,
			},
		},
		"lists and inline tables": {
			"a = [\n  1, # one ]\n  \"]\",\n]\nb = { c = 1, d = { e = [ { f = 1 }, {f = 2} ] } }\ng = [[], [\n1]]\nh = 1",
			map[path]int{
				"a": 1, "a[0]": 2, "a[1]": 3, "b": 5, "b.c": 5, "b.d": 5, "b.d.e": 5, "b.d.e[0]": 5, "b.d.e[0].f": 5,
				"b.d.e[1]": 5, "b.d.e[1].f": 5, "g": 6, "g[0]": 6, "g[1]": 6, "g[1][0]": 7, "h": 8,
			},
		},
		"inline tables over lines": {
			"a = {\n  b = 1, # c\n  d = 2,\n}\ne = 1\n",
			map[path]int{"a": 1, "a.b": 2, "a.d": 3, "e": 5},
		},
		"strings": {
			"a = \"\"\"\n[x]\ny = 1 \\\"\"\" \"\"\\\n\"\"\"\"\"\nb = '''\n''\n'''''\nc = '\\'\nd = \"\\\\\"\ne = \"\\\"\"\nf = \"\"\ng = ''\nh = 1\n",
			map[path]int{"a": 1, "b": 5, "c": 8, "d": 9, "e": 10, "f": 11, "g": 12, "h": 13},
		},
		"dates, floats, line ends": {
			"a = 1979-05-27 07:32:00\r\nb = [1979-05-27 , 07:32:00]\r\nc = 1.5e+3\r\nd = -inf\r\n",
			map[path]int{"a": 1, "b": 2, "b[0]": 2, "b[1]": 2, "c": 3, "d": 4},
		},
		"byte order mark": {"\xef\xbb\xbfa = 1\n", map[path]int{"a": 1}},
		"nothing":         {"# nothing", map[path]int{}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			got := locate(test.text)
			if d := cmp.Diff(test.want, got); d != "" {
				t.Error(d)
			}
			comparePaths(t, test.text, got)
		})
	}
}

// FuzzLocate compares with what the library finds in the same text: the same keys, tables and elements, no more and no less.
func FuzzLocate(f *testing.F) {
	f.Add("a = 1\n[b.'c d']\nd = [{e = 1}, '''x''''']\n[[f]]\n[f.g]\nh.i = 1979-05-27 07:32:00\n")
	f.Add("a = { b = 1, \"c\\\"\" = [\n # x\n 1 ] }\n[[a-b.c]]\n[[a-b.c]]\nd = \"\"\"\n\"\"\\\"\"\"\"\"\n")
	f.Fuzz(func(t *testing.T, text string) {
		lines := locate(text) // ends without a panic, whatever the text
		for p := range lines {
			if strings.Contains(string(p), `""`) {
				return // see agree
			}
		}
		comparePaths(t, text, lines)
	})
}

func comparePaths(t *testing.T, text string, lines map[path]int) {
	t.Helper()
	raw, err := parseTOML("", []byte(text))
	if err != nil {
		return
	}
	d := &decoder{file: "fuzz", lines: lines}
	d.agree(raw)
	for _, p := range d.problems {
		t.Error(p)
	}
}
