package request

import (
	"reflect"
	"strings"
)

// shape is what the Engine's decoder makes of a JSON value: an object with known fields, a map, a list, or a single value.
// It is derived from the Go type that the body is decoded into, so it cannot fall behind that type.
type shape struct {
	kind   shapeKind
	fields map[string]*field // object: by exact JSON name
	order  []*field          // object: for matching by case folding, as encoding/json does
	elem   *shape            // list, strictMap
	flat   *shape            // object: fields that old engines also read here (see create.go)
}

type field struct {
	name    string
	shape   *shape
	pointer bool // a zero value is not the same as none
}

type shapeKind uint8

const (
	scalar    shapeKind = iota
	object              // a Go struct: keys fold, unknown keys are reported, no key may come twice
	strictMap           // a Go map whose keys are judged: no key may come twice
	list
	free // labels, environment, commands: not judged, so held to nothing but valid JSON
)

// freeFields are the JSON names, anywhere in a body, of texts that only the container or other clients read.
var freeFields = map[string]bool{
	"Labels": true, "Env": true, "Cmd": true, "Entrypoint": true, "Shell": true, "OnBuild": true, "Test": true,
}

var textUnmarshaler = reflect.TypeFor[interface{ UnmarshalText([]byte) error }]()

// shapeOf derives the shape of a Go type by the rules of encoding/json: embedded structs are flattened, and of two fields
// with one name the shallower counts.
func shapeOf(t reflect.Type) *shape {
	switch {
	case t.Kind() == reflect.Pointer:
		return shapeOf(t.Elem())
	case reflect.PointerTo(t).Implements(textUnmarshaler):
		return &shape{kind: scalar}
	}
	switch t.Kind() {
	case reflect.Struct:
		return structShape(t)
	case reflect.Map:
		return &shape{kind: strictMap, elem: shapeOf(t.Elem())}
	case reflect.Slice, reflect.Array:
		return &shape{kind: list, elem: shapeOf(t.Elem())}
	}
	return &shape{kind: scalar}
}

func structShape(t reflect.Type) *shape {
	s := &shape{kind: object, fields: make(map[string]*field)}
	depth := make(map[string]int)
	for _, f := range reflect.VisibleFields(t) {
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		if !f.IsExported() || name == "-" || f.Anonymous && name == "" {
			continue
		}
		if name == "" {
			name = f.Name
		}
		if d, seen := depth[name]; seen && d <= len(f.Index) {
			continue
		}
		depth[name] = len(f.Index)
		sub := &shape{kind: free}
		if !freeFields[name] {
			sub = shapeOf(f.Type)
		}
		if old := s.fields[name]; old != nil {
			old.shape = sub
			continue
		}
		fd := &field{name: name, shape: sub, pointer: f.Type.Kind() == reflect.Pointer}
		s.fields[name], s.order = fd, append(s.order, fd)
	}
	return s
}

// field finds the field a JSON key stands for: by exact name first, else by case folding with Unicode rules, which
// strings.EqualFold shares with encoding/json.
func (s *shape) field(key string) *field {
	if f := s.fields[key]; f != nil {
		return f
	}
	for _, f := range s.order {
		if strings.EqualFold(f.name, key) {
			return f
		}
	}
	return nil
}

// flatField finds the field that only old engines read here.
func (s *shape) flatField(key string) *field {
	if s.flat == nil {
		return nil
	}
	return s.flat.field(key)
}
