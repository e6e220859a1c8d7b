package config

import (
	"encoding"
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/BurntSushi/toml"
)

// render writes a value as TOML in one line, in the only way that this package writes it. Decoding gives the same value back.
func render(v reflect.Value) string { return renderIn(v, false) }

// renderIn leaves zero fields of a struct out if sparse. That is for elements of lists and maps: decoding starts them empty.
func renderIn(v reflect.Value, sparse bool) string {
	if v.Kind() == reflect.Pointer {
		return renderIn(v.Elem(), sparse)
	}
	if s, ok := renderItself(v); ok {
		return s
	}
	switch v.Kind() {
	case reflect.String:
		return quote(v.String())
	case reflect.Slice:
		return "[" + strings.Join(elements(v), ", ") + "]"
	case reflect.Map:
		var pairs []string
		for _, k := range v.MapKeys() {
			key := toml.Key{fmt.Sprint(k.Interface())}.String()
			pairs = append(pairs, key+" = "+renderIn(v.MapIndex(k), true))
		}
		slices.Sort(pairs)
		return inlineTable(pairs)
	case reflect.Struct:
		var pairs []string
		for _, o := range options(v.Type()) {
			if f := v.FieldByIndex(o.index); !absent(f) && (!sparse || !f.IsZero()) {
				pairs = append(pairs, o.name+" = "+renderIn(f, sparse))
			}
		}
		return inlineTable(pairs)
	case reflect.Interface:
		return renderIn(v.Elem(), true)
	default: // what is left is written in TOML as in Go
		return fmt.Sprint(v.Interface())
	}
}

// renderItself handles types that know how they are written.
func renderItself(v reflect.Value) (string, bool) {
	switch m := v.Interface().(type) {
	case toml.Marshaler:
		if text, err := m.MarshalTOML(); err == nil {
			return string(text), true
		}
	case time.Time:
		return m.UTC().Format(time.RFC3339Nano), true
	case time.Duration:
		return quote(m.String()), true
	case encoding.TextMarshaler:
		text, err := m.MarshalText()
		// A text may be rounded, like that of a size. Then the number says what is meant.
		if v.CanInt() && (err != nil || !meansSame(v, text)) {
			return strconv.FormatInt(v.Int(), 10), true
		}
		return quote(string(text)), err == nil
	}
	return "", false
}

// meansSame tells whether a text decodes to a value.
func meansSame(v reflect.Value, text []byte) bool {
	back := reflect.New(v.Type())
	u, ok := reflect.TypeAssert[encoding.TextUnmarshaler](back)
	return ok && u.UnmarshalText(text) == nil && back.Elem().Equal(v)
}

// elements renders each element of a list.
func elements(list reflect.Value) []string {
	var all []string
	for i := range list.Len() {
		all = append(all, renderIn(list.Index(i), true))
	}
	return all
}

// absent tells whether an option has no value at all, which TOML can only express by leaving it out.
func absent(v reflect.Value) bool {
	return (v.Kind() == reflect.Pointer || v.Kind() == reflect.Interface) && v.IsNil()
}

func inlineTable(pairs []string) string {
	if len(pairs) == 0 {
		return "{}"
	}
	return "{ " + strings.Join(pairs, ", ") + " }"
}

// quote writes a basic string.
func quote(s string) string {
	if !strings.ContainsFunc(s, escaped) {
		return `"` + s + `"` // as below, and most of them
	}
	out, err := toml.Marshal(map[string]string{"s": s})
	if err != nil {
		return strconv.Quote(s)
	}
	return strings.TrimSuffix(strings.TrimPrefix(string(out), "s = "), "\n")
}

// escaped tells whether a character may not stand for itself in a basic string.
func escaped(r rune) bool { return r < ' ' || r > '~' || r == '"' || r == '\\' }
