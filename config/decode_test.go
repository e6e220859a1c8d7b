package config

import (
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"caisson/authz/rules"
)

// kinds has an option of every kind that a rule may have.
type kinds struct {
	inner
	Bool     bool               `toml:"bool"`
	String   string             `toml:"string"`
	Int      int8               `toml:"int"`
	Uint     uint64             `toml:"uint"`
	Float    float64            `toml:"float"`
	Size     rules.Size         `toml:"size"`
	Duration time.Duration      `toml:"duration"`
	Pointer  *int               `toml:"pointer"`
	List     []inner            `toml:"list"`
	Map      map[word]inner     `toml:"map"`
	Numbers  map[string]float64 `toml:"numbers"`
	Table    inner              `toml:"table"`
	Either   either             `toml:"either"`
	Hidden   string             // no option
}

type inner struct {
	Path     string   `toml:"path"`
	ReadOnly bool     `toml:"read_only"`
	Words    []string `toml:"words"`
}

type word string

// either is written as a string or as a list of strings.
type either struct{ words []string }

func (e *either) UnmarshalTOML(v any) error {
	switch v := v.(type) {
	case string:
		e.words = append(e.words, v)
	case []any:
		for _, w := range v {
			e.words = append(e.words, fmt.Sprint(w))
		}
	default:
		return fmt.Errorf("neither a word nor words")
	}
	return nil
}

func (e either) MarshalTOML() ([]byte, error) { return []byte(render(reflect.ValueOf(e.words))), nil }

func decodeKinds(t *testing.T, text string, into *kinds) string {
	t.Helper()
	raw, err := parseTOML("p", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	d := &decoder{file: "p", lines: locate(text)}
	d.decodeStruct("", raw, reflect.ValueOf(into).Elem())
	if len(d.problems) == 0 {
		return ""
	}
	return Errors(d.problems).Error()
}

func TestDecode(t *testing.T) {
	one := 1
	defaults := kinds{
		inner: inner{Path: "/p", ReadOnly: true}, Bool: true, String: "s", Int: 1, Uint: 1, Float: 1, Size: 1, Duration: 1, Pointer: &one,
		List: []inner{{Path: "/old", ReadOnly: true}, {Path: "/old"}}, Map: map[word]inner{"old": {Path: "/old"}},
		Table: inner{Path: "/old", ReadOnly: true}, Either: either{[]string{"old"}}, Hidden: "h",
	}
	tests := map[string]struct {
		text   string
		change func(*kinds)
	}{
		"nothing":             {"", func(*kinds) {}},
		"scalars":             {"bool = false\nstring = \"\"\nint = -128\nuint = 9\nfloat = 2\n", func(k *kinds) { k.Bool, k.String, k.Int, k.Uint, k.Float = false, "", -128, 9, 2 }},
		"float":               {"float = -0.0", func(k *kinds) { k.Float = 0 }},
		"size as text":        {"size = \"1.5GiB\"", func(k *kinds) { k.Size = 3 << 29 }},
		"size as number":      {"size = 1000", func(k *kinds) { k.Size = 1000 }},
		"duration":            {"duration = \"1h30m\"", func(k *kinds) { k.Duration = 90 * time.Minute }},
		"pointer":             {"pointer = 7", func(k *kinds) { seven := 7; k.Pointer = &seven }},
		"of embedded struct":  {"path = \"/q\"", func(k *kinds) { k.Path = "/q" }},
		"list replaces":       {"list = [{ path = \"/new\" }]", func(k *kinds) { k.List = []inner{{Path: "/new"}} }},
		"list of tables":      {"[[list]]\npath = \"/new\"\n[[list]]\nwords = [\"w\"]", func(k *kinds) { k.List = []inner{{Path: "/new"}, {Words: []string{"w"}}} }},
		"empty list":          {"list = []", func(k *kinds) { k.List = []inner{} }},
		"map replaces":        {"map.new = { path = \"/new\" }", func(k *kinds) { k.Map = map[word]inner{"new": {Path: "/new"}} }},
		"table is changed":    {"[table]\npath = \"/new\"", func(k *kinds) { k.Table.Path = "/new" }},
		"type decodes itself": {"either = \"w\"", func(k *kinds) { k.Either = either{[]string{"w"}} }},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			got, want := defaults, defaults
			got.List = append([]inner(nil), defaults.List...)
			test.change(&want)
			if problems := decodeKinds(t, test.text, &got); problems != "" {
				t.Fatal(problems)
			}
			if d := cmp.Diff(want, got, cmp.AllowUnexported(kinds{}, either{})); d != "" {
				t.Error(d)
			}
			if defaults.List[0].Path != "/old" {
				t.Error("the defaults were written to")
			}
		})
	}
}

func TestDecodeMistakes(t *testing.T) {
	tests := []struct{ text, want string }{
		{"int = 128", "p:1: int: 128 is out of range"},
		{"int = 1.0", "p:1: int: is a float, must be an integer"},
		{"uint = -1", "p:1: uint: -1 is below 0"},
		{"uint = \"1\"", "p:1: uint: is a string, must be an integer"},
		{"float = nan", "p:1: float: NaN is not a usable number"},
		{"float = -inf", "p:1: float: -Inf is not a usable number"},
		{"float = false", "p:1: float: is false, must be a number"},
		{"numbers = { x = \"1\" }", "p:1: numbers.x: is a string, must be a number"},
		{"size = -1", "p:1: size: \"-1\" is not a size such as \"512MiB\""},
		{"size = [1]", "p:1: size: is a list, must be a string"},
		{"size = 2020-01-01", "p:1: size: is a date, must be a string"},
		{"duration = 30", "p:1: duration: is an integer, must be a duration such as \"1h30m\""},
		{"duration = \"1 hour\"", "p:1: duration: \"1 hour\" is not a duration such as \"1h30m\""},
		{"pointer = true", "p:1: pointer: is true, must be an integer"},
		{"either = 1", "p:1: either: neither a word nor words"},
		{"list = { path = \"x\" }", "p:1: list: is a table, must be a list"},
		{"list = [1]", "p:1: list[0]: is an integer, must be a table"},
		{"list = [{}, {PATH = 1}]", "p:1: list[1].PATH: unknown key; did you mean \"path\"?"},
		{"map = []", "p:1: map: is a list, must be a table"},
		{"map.'a b'.words = [[]]", "p:1: map.\"a b\".words[0]: is a list, must be a string"},
		{"Hidden = 1", "p:1: Hidden: unknown key"},
		{"inner = {}", "p:1: inner: unknown key"},
	}
	for _, test := range tests {
		var got kinds
		problems := decodeKinds(t, test.text, &got)
		if d := cmp.Diff(test.want, problems); d != "" {
			t.Errorf("%s: %s", test.text, d)
		}
		if !reflect.ValueOf(got).IsZero() {
			t.Errorf("%s: left %+v", test.text, got)
		}
	}
}

// What render writes, decode reads back.
func TestRender(t *testing.T) {
	seven := 7
	k := kinds{
		inner: inner{Path: "/a\"\\\x01\u2028", Words: []string{""}}, Bool: true, String: "line\nline", Int: -1, Uint: 1 << 62, Float: 1e21,
		Size: 1<<30 + 1, Duration: 90 * time.Second, Pointer: &seven,
		List: []inner{{}, {Path: "x", Words: []string{"a", "b"}}}, Map: map[word]inner{"b": {}, "a b": {ReadOnly: true}},
		Numbers: map[string]float64{"x": 0.1}, Table: inner{ReadOnly: true}, Either: either{[]string{"w"}},
	}
	var text strings.Builder
	for _, o := range options(reflect.TypeFor[kinds]()) {
		fmt.Fprintf(&text, "%s = %s\n", o.name, render(reflect.ValueOf(k).FieldByIndex(o.index)))
	}
	want := `path = "/a\"\\\u0001` + "\u2028" + `"
read_only = false
words = [""]
bool = true
string = "line\nline"
int = -1
uint = 4611686018427387904
float = 1e+21
size = "1073741825B"
duration = "1m30s"
pointer = 7
list = [{}, { path = "x", words = ["a", "b"] }]
map = { "a b" = { read_only = true }, b = {} }
numbers = { x = 0.1 }
table = { path = "", read_only = true, words = [] }
either = ["w"]
`
	if d := cmp.Diff(want, text.String()); d != "" {
		t.Error(d)
	}
	var back kinds
	if problems := decodeKinds(t, text.String(), &back); problems != "" {
		t.Fatal(problems)
	}
	k.Table.Words = []string{} // a list that is nil is an empty one in a file
	if d := cmp.Diff(k, back, cmp.AllowUnexported(kinds{}, either{})); d != "" {
		t.Error(d)
	}
}
