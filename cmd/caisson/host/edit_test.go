package host

import (
	"bytes"
	"encoding/json"
	"reflect"
	"slices"
	"strings"
	"testing"
)

func TestAddPlugin(t *testing.T) {
	for _, c := range []struct{ name, before, after string }{
		{"empty", "", "{\n  \"authorization-plugins\": [\"caisson\"]\n}\n"},
		{"white space", " \n", "{\n  \"authorization-plugins\": [\"caisson\"]\n}\n"},
		{"no settings", "{}\n", "{\n  \"authorization-plugins\": [\"caisson\"]\n}\n"},
		{"one line", `{"debug":true}`, `{"debug":true,"authorization-plugins":["caisson"]}`},
		{"one line, spaced", `{"debug": true}`, `{"debug": true, "authorization-plugins": ["caisson"]}`},
		{"one line, two", `{ "debug": true, "icc": false }`, `{ "debug": true, "icc": false, "authorization-plugins": ["caisson"] }`},
		{"lines", "{\n    \"debug\": true\n}\n", "{\n    \"debug\": true,\n    \"authorization-plugins\": [\"caisson\"]\n}\n"},
		{"tabs", "{\n\t\"debug\": true,\n\n\t\"icc\":false\n}", "{\n\t\"debug\": true,\n\n\t\"icc\":false,\n\t\"authorization-plugins\":[\"caisson\"]\n}"},
		{"carriage returns", "{\r\n \"debug\": true\r\n}\r\n", "{\r\n \"debug\": true,\r\n \"authorization-plugins\": [\"caisson\"]\r\n}\r\n"},
		{"mark", "\xef\xbb\xbf{\"debug\":true}", "\xef\xbb\xbf{\"debug\":true,\"authorization-plugins\":[\"caisson\"]}"},
		{"empty list", `{"authorization-plugins": [ ], "debug": true}`, `{"authorization-plugins": ["caisson"], "debug": true}`},
		{"null", `{"authorization-plugins": null}`, `{"authorization-plugins": ["caisson"]}`},
		{"another", `{"authorization-plugins": ["other"]}`, `{"authorization-plugins": ["other", "caisson"]}`},
		{"two others", `{"authorization-plugins":["a","b"]}`, `{"authorization-plugins":["a","b","caisson"]}`},
		{"list in lines", "{\"authorization-plugins\": [\n    \"a\"\n  ]\n}", "{\"authorization-plugins\": [\n    \"a\",\n    \"caisson\"\n  ]\n}"},
		{"escaped key", `{"authorization\u002dplugins": ["a"]}`, `{"authorization\u002dplugins": ["a", "caisson"]}`},
		{"there", `{"authorization-plugins":  ["caisson"] }`, `{"authorization-plugins":  ["caisson"] }`},
		{"numbers", `{"a":1e400,"b":12345678901234567890.10}`, `{"a":1e400,"b":12345678901234567890.10,"authorization-plugins":["caisson"]}`},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := AddPlugin([]byte(c.before), "caisson")
			if err != nil || string(got) != c.after {
				t.Errorf("got  %q, %v\nwant %q", got, err, c.after)
			}
		})
	}
}

func TestRemovePlugin(t *testing.T) {
	for _, c := range []struct{ name, before, after string }{
		{"only setting", "{\n  \"authorization-plugins\": [\"caisson\"]\n}\n", "{}\n"},
		{"last setting", `{"debug":true,"authorization-plugins":["caisson"]}`, `{"debug":true}`},
		{"last setting, spaced", `{"debug":true , "authorization-plugins":["caisson"]}`, `{"debug":true}`},
		{"first setting", "{\n  \"authorization-plugins\": [\"caisson\"],\n  \"debug\": true\n}", "{\n  \"debug\": true\n}"},
		{"in the middle", `{"a":1, "authorization-plugins":["caisson"], "b":2}`, `{"a":1, "b":2}`},
		{"first of two", `{"authorization-plugins": ["caisson", "b"]}`, `{"authorization-plugins": ["b"]}`},
		{"last of two", `{"authorization-plugins": ["a" , "caisson"]}`, `{"authorization-plugins": ["a"]}`},
		{"twice", `{"authorization-plugins": ["caisson", "a", "caisson"]}`, `{"authorization-plugins": ["a"]}`},
		{"not there", `{"authorization-plugins":[ "a" ]}`, `{"authorization-plugins":[ "a" ]}`},
		{"nothing", "", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := RemovePlugin([]byte(c.before), "caisson")
			if err != nil || string(got) != c.after {
				t.Errorf("got  %q, %v\nwant %q", got, err, c.after)
			}
		})
	}
}

// What dockerd would not take, or what would be two lists, is refused with the reason.
func TestEditRefuses(t *testing.T) {
	for text, want := range map[string]string{
		"{\n  \"debug\": true,\n}":      "comma after the last value",
		"{} // ours":                    "comment",
		"{\n  \"debug\" true}":          "line 2, column 11",
		"[]":                            "no JSON object",
		"{} {}":                         "after top-level value",
		`{"authorization-plugins":"a"}`: "is no list",
		`{"authorization-plugins":[1]}`: "no name",
		`{"authorization-plugins":[],"authorization-plugins":["a"]}`:          "is there twice",
		`{"Authorization-Plugins":["a"]}`:                                     `write "authorization-plugins"`,
		`{"authorization-plugins":[],"authorization\u002dplugins":["other"]}`: "is there twice",
		"\xff\xfe{\x00}\x00": "not JSON",
	} {
		for edit, f := range map[string]func([]byte, string) ([]byte, error){"add": AddPlugin, "remove": RemovePlugin} {
			if got, err := f([]byte(text), "caisson"); err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%s: %s: got %q, %v; want an error with %q", edit, text, got, err, want)
			}
		}
	}
}

// FuzzEdit: to add is to put bytes in at one place, and to remove gives back what was there, whatever the file looks like.
func FuzzEdit(f *testing.F) {
	for _, seed := range []string{
		"", "{}", `{"debug":true}`, "{\r\n\t\"a\" : [ 1 , 2 ] ,\r\n\t\"authorization-plugins\" : [ \"x\" , \"y\" ] \r\n}\n",
		`{"authorization-plugins":null}`, `{"a":{"authorization-plugins":["n"]},"b":"\u00e9\ud800"}`, "\xef\xbb\xbf{\"x\":-0.0e1}",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, before []byte) {
		original := bytes.Clone(before)
		after, err := AddPlugin(before, "caisson")
		if !bytes.Equal(before, original) {
			t.Fatal("the text given was changed")
		}
		if err != nil {
			return
		}
		had := decode(t, before)
		has := decode(t, after)
		list, _ := had[pluginsKey].([]any)
		want := list
		if !slices.Contains(list, any("caisson")) {
			want = append(slices.Clone(list), "caisson")
		}
		if !reflect.DeepEqual(has[pluginsKey], any(want)) {
			t.Fatalf("the list is %v, want %v", has[pluginsKey], want)
		}
		delete(had, pluginsKey)
		delete(has, pluginsKey)
		if !reflect.DeepEqual(had, has) {
			t.Fatalf("another setting has changed: %v, was %v", has, had)
		}
		if slices.Contains(list, any("caisson")) {
			return
		}
		back, err := RemovePlugin(after, "caisson")
		if err != nil {
			t.Fatalf("%q: %v", after, err)
		}
		if len(list) > 0 || len(had) > 0 && !bytes.Contains(before, []byte("authorization")) {
			if !insertion(before, after) {
				t.Fatalf("more than one place has changed:\n%q\n%q", before, after)
			}
			if !bytes.Equal(back, before) {
				t.Fatalf("added and removed:\n%q, was\n%q", back, before)
			}
		}
	})
}

func decode(t *testing.T, text []byte) map[string]any {
	t.Helper()
	m := map[string]any{}
	text = bytes.TrimPrefix(text, bom)
	if len(bytes.TrimSpace(text)) == 0 {
		return m
	}
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	if err := d.Decode(&m); err != nil {
		t.Skip("not what encoding/json reads, and so not dockerd")
	}
	return m
}

// insertion tells whether long is short with something put in at one place.
func insertion(short, long []byte) bool {
	i := 0
	for i < len(short) && short[i] == long[i] {
		i++
	}
	return bytes.HasSuffix(long, short[i:])
}
