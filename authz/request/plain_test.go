package request

import (
	"encoding/json"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/tools/txtar"
)

// differences decodes a body both ways. What is plain must come to the same as encoding/json and walk make of it.
func differences[T any](t *testing.T, f *format[T], body []byte) (plain bool) {
	t.Helper()
	got := new(T)
	if !f.plain().Decode(string(body), got) {
		return false
	}
	want, unknown, err := f.decodeAny(body)
	if err != nil || len(unknown) > 0 {
		t.Fatalf("plain, but refused or not known: %v %v\n%s", err, unknown, body)
	}
	if !reflect.DeepEqual(want, got) {
		t.Fatalf("encoding/json understands something else (-json +plain):\n%s\nbody: %s", cmp.Diff(want, got, exportAll), body)
	}
	return true
}

var exportAll = cmp.Exporter(func(reflect.Type) bool { return true })

// allFormats decodes a body as one of every type.
func allFormats(t *testing.T, body []byte) (plain bool) {
	t.Helper()
	for _, p := range []bool{
		differences(t, createFormat, body), differences(t, execFormat, body), differences(t, updateFormat, body), differences(t, volumeFormat, body),
		differences(t, networkFormat, body), differences(t, connectFormat, body), differences(t, disconnectFormat, body), differences(t, serviceFormat, body),
	} {
		plain = plain || p
	}
	return plain
}

// FuzzPlain holds the decoding of plain bodies to encoding/json, for every type of a body.
func FuzzPlain(f *testing.F) {
	for _, s := range seeds {
		f.Add([]byte(s))
	}
	for _, body := range caseBodies(f) {
		f.Add(body)
	}
	f.Fuzz(func(t *testing.T, body []byte) { allFormats(t, body) })
}

// caseBodies are the bodies of all cases.
func caseBodies(tb testing.TB) (list [][]byte) {
	tb.Helper()
	files, err := filepath.Glob("../testdata/cases/*/*.txtar")
	if err != nil || len(files) == 0 {
		tb.Fatal("no cases: ", err)
	}
	for _, file := range files {
		archive, err := txtar.ParseFile(file)
		if err != nil {
			tb.Fatal(err)
		}
		for _, f := range archive.Files {
			if strings.HasSuffix(f.Name, "body") || strings.HasSuffix(f.Name, ".json") {
				list = append(list, f.Data)
			}
		}
	}
	return list
}

// TestPlainCases decodes the bodies of all cases both ways, and looks that a good part of them is plain.
func TestPlainCases(t *testing.T) {
	all, plain := caseBodies(t), 0
	for _, body := range all {
		if allFormats(t, body) {
			plain++
		}
	}
	t.Logf("%d of %d bodies are plain", plain, len(all))
	if plain < len(all)/2 {
		t.Errorf("%d of %d bodies are plain: most should be", plain, len(all))
	}
}

// What the docker CLI sends is plain.
func TestPlainCLI(t *testing.T) {
	for _, name := range []string{"create-permitted.json", "create-refused.json"} {
		body, err := os.ReadFile("../testdata/bench/" + name)
		if err != nil {
			t.Fatal(err)
		}
		if !differences(t, createFormat, body) {
			t.Errorf("%s is not plain", name)
		}
	}
}

// TestPlainFields fills in one field after the other, so that each is held to what encoding/json makes of its name.
func TestPlainFields(t *testing.T) {
	eachField(t, createFormat)
	eachField(t, execFormat)
	eachField(t, updateFormat)
	eachField(t, volumeFormat)
	eachField(t, networkFormat)
	eachField(t, connectFormat)
	eachField(t, disconnectFormat)
	eachField(t, serviceFormat)
}

func eachField[T any](t *testing.T, f *format[T]) {
	t.Helper()
	count, plain := 0, 0
	values := []string{`"x"`, `"\u0026\n/ä"`, `true`, `false`, `1`, `-7`, `0`, `255`, `65536`, `null`, `[]`, `[null]`, `["x"]`, `["x","y"]`, `[1,2]`, `[["a","b"]]`, `{}`, `[{}]`, `{"k":null}`, `{"k":"v"}`, `{"k":{}}`, `{"k":[{}]}`}
	var visit func(s *shape, wrap func(string) string, depth int)
	visit = func(s *shape, wrap func(string) string, depth int) {
		switch s.kind {
		case object:
			for name, fd := range s.fields {
				inner := func(v string) string { return wrap(`{` + quoteJSON(name) + `:` + v + `}`) }
				for _, v := range values {
					count++
					if differences(t, f, []byte(inner(v))) {
						plain++
					}
				}
				if depth < 7 {
					visit(fd.shape, inner, depth+1)
				}
			}
		case strictMap:
			visit(s.elem, func(v string) string { return wrap(`{"k":` + v + `}`) }, depth+1)
		case list:
			visit(s.elem, func(v string) string { return wrap(`[` + v + `]`) }, depth+1)
		default: // has nothing in it
		}
	}
	visit(f.shape(), func(v string) string { return v }, 0)
	t.Logf("%T: %d of %d bodies are plain", *new(T), plain, count)
	if plain < count/8 {
		t.Errorf("%T: %d of %d bodies are plain", *new(T), plain, count)
	}
}

func quoteJSON(s string) string {
	b, _ := json.Marshal(s)
	return string(b)
}
