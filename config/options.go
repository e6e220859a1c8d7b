package config

import (
	"encoding"
	"reflect"
	"strings"
	"time"

	"caisson/authz/rules"
)

// option is a field that a policy file can set.
type option struct {
	name    string // as in the file
	comment string
	index   []int
	typ     reflect.Type
}

// options lists the fields of a struct that have a toml tag, in their order. Fields of embedded structs count as its own.
func options(t reflect.Type) []option {
	var list []option
	for _, f := range reflect.VisibleFields(t) {
		name, _, _ := strings.Cut(f.Tag.Get("toml"), ",")
		if f.IsExported() && name != "" && name != "-" {
			list = append(list, option{name: name, comment: f.Tag.Get("comment"), index: f.Index, typ: f.Type})
		}
	}
	return list
}

// fields lists the fields of a table that the option holds, or holds a list of.
func (o *option) fields() []option {
	t := o.typ
	for t.Kind() == reflect.Slice || t.Kind() == reflect.Map || t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	if t.Kind() != reflect.Struct || reflect.PointerTo(t).Implements(reflect.TypeFor[encoding.TextUnmarshaler]()) {
		return nil
	}
	return options(t)
}

// typeName says in words what the option is, for the reference.
func typeName(t reflect.Type) string {
	switch {
	case t == reflect.TypeFor[rules.Size]():
		return "size"
	case t == reflect.TypeFor[time.Duration]():
		return "duration"
	case t == reflect.TypeFor[rules.Days]():
		return "days"
	case t == reflect.TypeFor[time.Time]():
		return "date"
	case reflect.PointerTo(t).Implements(reflect.TypeFor[encoding.TextUnmarshaler]()):
		return "string"
	}
	switch t.Kind() {
	case reflect.Pointer:
		return typeName(t.Elem())
	case reflect.Slice:
		return "list of " + typeName(t.Elem()) + "s"
	case reflect.Map:
		if t.Elem().Kind() == reflect.Interface {
			return "tables"
		}
		return "table of " + typeName(t.Elem()) + "s"
	case reflect.Bool:
		return "boolean"
	default:
		return strings.TrimPrefix(strings.TrimPrefix(kindName(t), "a "), "an ")
	}
}

// kindName says in words what a value of a type must be.
func kindName(t reflect.Type) string {
	switch t.Kind() {
	case reflect.Bool:
		return "true or false"
	case reflect.String:
		return "a string"
	case reflect.Float32, reflect.Float64:
		return "a number"
	case reflect.Slice:
		return "a list"
	case reflect.Map, reflect.Struct:
		return "a table"
	default:
		return "an integer"
	}
}

// valueName says in words what a parsed value is.
func valueName(v any) string {
	switch v := v.(type) {
	case bool:
		if v {
			return "true"
		}
		return "false"
	case string:
		return "a string"
	case int64:
		return "an integer"
	case float64:
		return "a float"
	case time.Time:
		return "a date"
	case map[string]any:
		return "a table"
	default:
		return "a list"
	}
}
