package cosign

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
)

// maxDepth is how deep objects and lists may be in each other.
const maxDepth = 32

// decode reads JSON in the one way in which nobody can read it differently: names are compared as they are written, none may come twice in an
// object, and nothing may follow.
func decode(text []byte) (any, error) {
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	v, err := value(d, 0)
	if err != nil {
		return nil, err
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("something follows the JSON value")
	}
	return v, nil
}

func value(d *json.Decoder, depth int) (any, error) {
	t, err := d.Token()
	if err != nil {
		return nil, err
	}
	delim, ok := t.(json.Delim)
	if !ok {
		return t, nil
	}
	if depth == maxDepth {
		return nil, errors.New("the JSON value is too deep")
	}
	if delim == '[' {
		var list []any
		for d.More() {
			v, err := value(d, depth+1)
			if err != nil {
				return nil, err
			}
			list = append(list, v)
		}
		_, err := d.Token()
		return list, err
	}
	object := map[string]any{}
	for d.More() {
		t, err := d.Token()
		if err != nil {
			return nil, err
		}
		name, ok := t.(string)
		if !ok {
			return nil, errors.New("a name in the JSON value is no string")
		}
		if _, twice := object[name]; twice {
			return nil, fmt.Errorf("the name %.100q is there twice", name)
		}
		if object[name], err = value(d, depth+1); err != nil {
			return nil, err
		}
	}
	_, err = d.Token()
	return object, err
}

// at returns what is at a path of names; nil if it is not there.
func at(v any, path ...string) any {
	for _, name := range path {
		object, ok := v.(map[string]any)
		if !ok {
			return nil
		}
		v = object[name]
	}
	return v
}

// text returns the string at a path of names; "" if there is none.
func text(v any, path ...string) string {
	s, _ := at(v, path...).(string)
	return s
}

// only tells whether what is at a path of names is an object with some names and no others.
func only(v any, names []string, path ...string) bool {
	object, ok := at(v, path...).(map[string]any)
	if !ok || len(object) != len(names) {
		return false
	}
	for _, n := range names {
		if _, ok := object[n]; !ok {
			return false
		}
	}
	return true
}
