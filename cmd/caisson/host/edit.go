package host

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/tailscale/hujson"
)

// pluginsKey is where dockerd's configuration file names authorization plugins. dockerd knows it in this spelling only.
const pluginsKey = "authorization-plugins"

// bom is the mark that some editors put before a text.
var bom = []byte("\xef\xbb\xbf")

// AddPlugin puts a plugin at the end of the authorization plugins that a configuration file names. Everything else stays as it is, byte
// for byte; a file that names the plugin is returned unchanged. An empty text is a file without settings.
func AddPlugin(text []byte, plugin string) ([]byte, error) {
	d, err := parse(text)
	if err != nil {
		return nil, err
	}
	switch list, err := d.plugins(); {
	case err != nil:
		return nil, err
	case slices.Contains(list, plugin):
		return text, nil
	}
	name := hujson.Value{Value: hujson.String(plugin)}
	switch member := d.member(); {
	case member == nil:
		d.append(name)
	case member.Value.Value.Kind() == 'n':
		member.Value.Value = &hujson.Array{Elements: []hujson.ArrayElement{name}}
	default:
		array := member.Value.Value.(*hujson.Array) // plugins has looked
		if last := len(array.Elements) - 1; last >= 0 {
			name.BeforeExtra = between(array.Elements[last].BeforeExtra, last == 0, hujson.Extra(" "))
		} else {
			array.AfterExtra = nil
		}
		array.Elements = append(array.Elements, name)
	}
	return d.pack(), nil
}

// RemovePlugin takes a plugin out of the list, however often it is there, and the list itself with the last one in it. Everything else
// stays as it is, byte for byte.
func RemovePlugin(text []byte, plugin string) ([]byte, error) {
	d, err := parse(text)
	if err != nil {
		return nil, err
	}
	switch list, err := d.plugins(); {
	case err != nil:
		return nil, err
	case !slices.Contains(list, plugin):
		return text, nil
	}
	array := d.member().Value.Value.(*hujson.Array) // plugins has looked
	for i, element := range slices.Backward(array.Elements) {
		if literal(element) == plugin {
			array.Elements = removeElement(array.Elements, i)
		}
	}
	if len(array.Elements) == 0 {
		d.removeMember()
	}
	return d.pack(), nil
}

// document is a configuration file with every byte of it.
type document struct {
	mark   []byte // bom, or nothing
	root   hujson.Value
	object *hujson.Object
}

// parse reads a configuration file. What dockerd would not take, or not alike in every version, is an error.
func parse(text []byte) (*document, error) {
	d := &document{}
	rest, found := bytes.CutPrefix(text, bom)
	if found {
		d.mark = bom
	}
	if len(bytes.TrimSpace(rest)) == 0 {
		d.object = &hujson.Object{}
		d.root = hujson.Value{Value: d.object, AfterExtra: hujson.Extra("\n")}
		return d, nil
	}
	var err error
	if d.root, err = hujson.Parse(rest); err != nil {
		return nil, fmt.Errorf("not JSON: %s; fix: correct it there", strings.TrimPrefix(err.Error(), "hujson: "))
	}
	if !d.root.IsStandard() {
		return nil, errors.New("not JSON as dockerd takes it: there is a comment in it, or a comma after the last value")
	}
	var ok bool
	if d.object, ok = d.root.Value.(*hujson.Object); !ok {
		return nil, errors.New("there is no JSON object in it")
	}
	return d, nil
}

func (d *document) pack() []byte { return append(bytes.Clone(d.mark), d.root.Pack()...) }

// member finds the list of plugins, or nil.
func (d *document) member() *hujson.ObjectMember {
	for i := range d.object.Members {
		if literal(d.object.Members[i].Name) == pluginsKey {
			return &d.object.Members[i]
		}
	}
	return nil
}

// plugins returns the names in the list.
func (d *document) plugins() ([]string, error) {
	seen := false
	var list []string
	for i := range d.object.Members {
		m := &d.object.Members[i]
		key := literal(m.Name)
		switch {
		case key != pluginsKey && strings.EqualFold(key, pluginsKey):
			return nil, fmt.Errorf("%q is no setting of dockerd; write %q", key, pluginsKey)
		case key != pluginsKey:
			continue
		case seen:
			return nil, fmt.Errorf("%q is there twice; keep one", pluginsKey)
		}
		seen = true
		var err error
		if list, err = names(m.Value); err != nil {
			return nil, err
		}
	}
	return list, nil
}

func names(v hujson.Value) (list []string, err error) {
	if v.Value.Kind() == 'n' {
		return nil, nil
	}
	array, ok := v.Value.(*hujson.Array)
	if !ok {
		return nil, fmt.Errorf("%q is no list", pluginsKey)
	}
	for _, e := range array.Elements {
		if e.Value.Kind() != '"' {
			return nil, fmt.Errorf("%q holds something that is no name", pluginsKey)
		}
		list = append(list, literal(e))
	}
	return list, nil
}

// literal is the text of a JSON string.
func literal(v hujson.Value) string {
	if l, ok := v.Value.(hujson.Literal); ok && l.Kind() == '"' {
		return l.String()
	}
	return ""
}

// append puts a list with one plugin after the last member, written like that one.
func (d *document) append(plugin hujson.Value) {
	m := hujson.ObjectMember{
		Name:  hujson.Value{BeforeExtra: hujson.Extra("\n  "), Value: hujson.String(pluginsKey)},
		Value: hujson.Value{BeforeExtra: hujson.Extra(" "), Value: &hujson.Array{Elements: []hujson.ArrayElement{plugin}}},
	}
	if last := len(d.object.Members) - 1; last >= 0 {
		like := &d.object.Members[last]
		m.Value.BeforeExtra = like.Value.BeforeExtra
		m.Name.BeforeExtra = between(like.Name.BeforeExtra, last == 0, like.Value.BeforeExtra)
	} else {
		d.object.AfterExtra = hujson.Extra("\n")
	}
	d.object.Members = append(d.object.Members, m)
}

// removeMember takes the list out.
func (d *document) removeMember() {
	members := d.object.Members
	i := slices.IndexFunc(members, func(m hujson.ObjectMember) bool { return literal(m.Name) == pluginsKey })
	if i == 0 && len(members) > 1 {
		members[1].Name.BeforeExtra = members[0].Name.BeforeExtra
	}
	members = slices.Delete(members, i, i+1)
	if last := len(members) - 1; last >= 0 {
		members[last].Value.AfterExtra = nil // it would mean a comma after it
	} else {
		d.object.AfterExtra = nil
	}
	d.object.Members = members
}

func removeElement(list []hujson.ArrayElement, i int) []hujson.ArrayElement {
	if i == 0 && len(list) > 1 {
		list[1].BeforeExtra = list[0].BeforeExtra
	}
	list = slices.Delete(list, i, i+1)
	if last := len(list) - 1; last >= 0 {
		list[last].AfterExtra = nil // it would mean a comma after it
	}
	return list
}

// between is the space to put before another value, after one that has some before it. If that one is the only one, and stands on the
// line of the bracket, its own space says nothing; then it is the usual one.
func between(before hujson.Extra, only bool, usual hujson.Extra) hujson.Extra {
	newline := bytes.LastIndexByte(before, '\n')
	switch {
	case newline < 0 && only && len(before) == 0:
		return usual
	case newline > 0 && before[newline-1] == '\r':
		newline--
	}
	return before[max(newline, 0):]
}
