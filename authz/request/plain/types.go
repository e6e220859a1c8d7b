package plain

import (
	"encoding"
	"encoding/json"
	"reflect"
	"slices"
	"strings"
)

// node says how a Go type is decoded.
type node struct {
	kind      kind
	typ       reflect.Type
	elem      *node          // pointer, list, array, dictionary
	empty     reflect.Value  // list: one without elements, which is not nil
	unbounded bool           // list, dictionary
	fields    []field        // object
	byName    map[string]int // object: fields by their JSON names
}

type field struct {
	key   string // name in quotes, and the colon
	zero  string // how clients write a value that leaves the field as it is; "" if that cannot be told
	index []int  // way to it through embedded structs
	node  *node
}

type kind uint8

const (
	foreign kind = iota // decodes itself, or is of a kind that no body has; never plain
	text
	boolean
	signed
	unsigned
	binary // base64
	pointer
	object
	dictionary
	list
	array
)

// zeros are values as they are written that leave a field as it is. After a number, something has to show where it ends.
var zeros = [...]string{
	foreign: "", text: `""`, boolean: "false", signed: "0,", unsigned: "0,", binary: "null", pointer: "null", object: "null", dictionary: "null",
	list: "null", array: "null",
}

// maxFields bounds the fields of a struct. Those beyond are not plain.
const maxFields = 256

// compiler makes the nodes of a type.
type compiler struct {
	options Options
	nodes   map[reflect.Type]*node // also those in the making: types may hold themselves
}

var (
	jsonUnmarshaler = reflect.TypeFor[json.Unmarshaler]()
	textUnmarshaler = reflect.TypeFor[encoding.TextUnmarshaler]()
)

func (c *compiler) compile(t reflect.Type) *node {
	if n := c.nodes[t]; n != nil {
		return n
	}
	n := &node{typ: t}
	c.nodes[t] = n
	itself := reflect.PointerTo(t).Implements(jsonUnmarshaler) || reflect.PointerTo(t).Implements(textUnmarshaler)
	if itself && !slices.Contains(c.options.Lists, t) {
		return n
	}
	switch t.Kind() {
	case reflect.String:
		n.kind = text
	case reflect.Bool:
		n.kind = boolean
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		n.kind = signed
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		n.kind = unsigned
	case reflect.Pointer:
		n.kind, n.elem = pointer, c.compile(t.Elem())
	case reflect.Slice:
		n.kind, n.elem, n.empty = list, c.compile(t.Elem()), reflect.MakeSlice(t, 0, 0)
		if t == reflect.TypeFor[[]byte]() {
			n.kind = binary
		} else if t.Elem().Kind() == reflect.Uint8 {
			n.kind = foreign
		}
	case reflect.Array:
		n.kind, n.elem = array, c.compile(t.Elem())
	case reflect.Map:
		if t.Key().Kind() == reflect.String && c.compile(t.Key()).kind == text {
			n.kind, n.elem = dictionary, c.compile(t.Elem())
		}
	case reflect.Struct:
		n.kind = object
		c.fields(n)
	}
	return n
}

// fields finds the fields that encoding/json decodes into. Of two with one name it takes the shallower; where there is no such, none.
func (c *compiler) fields(n *node) {
	n.byName = make(map[string]int)
	for _, f := range reflect.VisibleFields(n.typ) {
		name, options, _ := strings.Cut(f.Tag.Get("json"), ",")
		if !f.IsExported() || name == "-" && options == "" || f.Anonymous && name == "" {
			continue
		}
		if name == "" {
			name = f.Name
		}
		member := field{key: `"` + name + `":`, index: f.Index, node: c.member(n.typ, f, name, options)}
		member.zero = zeros[member.node.kind]
		i, taken := n.byName[name]
		switch {
		case !taken && len(n.fields) == maxFields:
		case !taken:
			n.byName[name] = len(n.fields)
			n.fields = append(n.fields, member)
		case len(n.fields[i].index) > len(f.Index):
			n.fields[i] = member
		case len(n.fields[i].index) == len(f.Index):
			n.fields[i].node, n.fields[i].zero = &node{}, ""
		}
	}
}

// member is the node of a field.
func (c *compiler) member(t reflect.Type, f reflect.StructField, name, options string) *node {
	for i := 1; i < len(f.Index); i++ {
		if t.FieldByIndex(f.Index[:i]).Type.Kind() != reflect.Struct { // embedded by a pointer
			return &node{}
		}
	}
	if strings.Contains(options, "string") {
		return &node{}
	}
	if !c.options.Unbounded[name] {
		return c.compile(f.Type)
	}
	free := &compiler{options: Options{Lists: c.options.Lists}, nodes: make(map[reflect.Type]*node)}
	n := free.compile(f.Type)
	for _, n := range free.nodes {
		n.unbounded = true
	}
	return n
}
