package config

import (
	"encoding"
	"fmt"
	"maps"
	"math"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/BurntSushi/toml"

	"caisson/authz/image/revocation"
	"caisson/authz/rules"
)

// decoder puts parsed TOML into Go values and collects every problem on the way.
//
// The library parses; its own decoding is not used, because it stops at the first problem, knows no line for unknown keys,
// matches keys whatever their case, wraps negative numbers around, and writes a list over the elements of the default list,
// so that a field left out keeps the value that the default element in its place had.
type decoder struct {
	file     string
	lines    map[path]int
	inputs   *inputs
	answers  *revocation.Answers
	problems []Problem
}

func (d *decoder) problem(p path, format string, args ...any) {
	d.problems = append(d.problems, d.at(p, format, args...))
}

// at words a problem or a warning about a place in the file.
func (d *decoder) at(p path, format string, args ...any) Problem {
	return Problem{File: d.file, Line: d.lines[p], Key: string(p), Text: fmt.Sprintf(format, args...)}
}

// decode stores v in dst. What it finds wrong it reports, and leaves that field or list of dst as it was.
func (d *decoder) decode(p path, v any, dst reflect.Value) {
	if d.decodeItself(p, v, dst) {
		return
	}
	switch dst.Kind() {
	case reflect.Pointer:
		fresh, before := reflect.New(dst.Type().Elem()), len(d.problems)
		if d.decode(p, v, fresh.Elem()); len(d.problems) == before {
			dst.Set(fresh)
		}
	case reflect.Interface:
		dst.Set(reflect.ValueOf(v))
	case reflect.Struct:
		if text, ok := v.(string); ok && options(dst.Type()) != nil {
			d.mismatch(p, v, fmt.Sprintf("a table such as { %s = %q }", options(dst.Type())[0].name, text))
		} else if table, ok := d.table(p, v); ok {
			d.decodeStruct(p, table, dst)
		}
	case reflect.Map:
		if table, ok := d.table(p, v); ok {
			d.decodeMap(p, table, dst)
		}
	case reflect.Slice:
		d.decodeSlice(p, v, dst)
	default:
		d.decodeScalar(p, v, dst)
	}
}

// decodeItself handles types that know how they are written.
func (d *decoder) decodeItself(p path, v any, dst reflect.Value) bool {
	fresh := reflect.New(dst.Type()) // a type may add to what it holds; the file replaces
	var err error
	switch u := fresh.Interface().(type) {
	case toml.Unmarshaler:
		err = u.UnmarshalTOML(v)
	case *time.Time: // before TextUnmarshaler, which it is too
		t, ok := v.(time.Time)
		if !ok {
			err = mismatch(v, "a date without quotes, such as 2027-03-31")
		}
		*u = t
	case *time.Duration:
		s, ok := v.(string)
		if !ok {
			err = mismatch(v, `a duration such as "1h30m"`)
		} else if *u, err = time.ParseDuration(s); err != nil {
			err = fmt.Errorf("%q is not a duration such as \"1h30m\"", s)
		}
	case encoding.TextUnmarshaler:
		switch v.(type) {
		case string, int64, float64, bool:
			err = u.UnmarshalText(fmt.Append(nil, v))
		default:
			err = mismatch(v, "a string")
		}
	default:
		return false
	}
	if err != nil {
		d.problem(p, "%v", err)
		return true
	}
	dst.Set(fresh.Elem())
	return true
}

// decodeStruct sets the fields that a table has keys for. Keys in others are known besides, and for the caller to decode.
func (d *decoder) decodeStruct(p path, table map[string]any, dst reflect.Value, others ...string) {
	fields, names := map[string]reflect.Value{}, others
	for _, o := range options(dst.Type()) {
		fields[o.name] = dst.FieldByIndex(o.index)
		names = append(names, o.name)
	}
	for _, k := range slices.Sorted(maps.Keys(table)) {
		switch f, ok := fields[k]; {
		case ok:
			d.decode(p.key(k), table[k], f)
		case slices.Contains(others, k):
		case p == "" && rules.Get(rules.ID(k)) != nil:
			d.problem(p.key(k), "unknown key; did you mean [rules.%s]?", k)
		default:
			d.problem(p.key(k), "unknown key%s", suggest(k, names))
		}
	}
}

// decodeMap replaces the map: one cannot take a default entry out of a map by leaving it out.
func (d *decoder) decodeMap(p path, table map[string]any, dst reflect.Value) {
	fresh, before := reflect.MakeMapWithSize(dst.Type(), len(table)), len(d.problems)
	for k, v := range table {
		key := reflect.New(dst.Type().Key()).Elem()
		elem := reflect.New(dst.Type().Elem()).Elem()
		d.decode(p.key(k), k, key)
		d.decode(p.key(k), v, elem)
		fresh.SetMapIndex(key, elem)
	}
	if len(d.problems) == before {
		dst.Set(fresh)
	}
}

// decodeSlice replaces the list, and starts every element empty.
func (d *decoder) decodeSlice(p path, v any, dst reflect.Value) {
	list := reflect.ValueOf(v)
	if list.Kind() != reflect.Slice {
		d.mismatch(p, v, "a list")
		return
	}
	fresh, before := reflect.MakeSlice(dst.Type(), list.Len(), list.Len()), len(d.problems)
	for i := range list.Len() {
		d.decode(p.index(i), list.Index(i).Interface(), fresh.Index(i))
	}
	if len(d.problems) == before {
		dst.Set(fresh)
	}
}

func (d *decoder) decodeScalar(p path, v any, dst reflect.Value) {
	ok := false
	switch dst.Kind() {
	case reflect.String:
		var s string
		if s, ok = v.(string); ok {
			dst.SetString(s)
		}
	case reflect.Bool:
		var b bool
		if b, ok = v.(bool); ok {
			dst.SetBool(b)
		}
	case reflect.Float32, reflect.Float64:
		f, isFloat := v.(float64)
		if n, isInt := v.(int64); isInt {
			f, isFloat = float64(n), true
		}
		if ok = isFloat; ok {
			d.decodeFloat(p, f, dst)
		}
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64,
		reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		var n int64
		if n, ok = v.(int64); ok {
			d.decodeInt(p, n, dst)
		}
	}
	if !ok {
		d.mismatch(p, v, kindName(dst.Type()))
	}
}

// decodeFloat refuses what compares in unexpected ways: every limit is true of NaN, or none.
func (d *decoder) decodeFloat(p path, f float64, dst reflect.Value) {
	if math.IsNaN(f) || math.IsInf(f, 0) || dst.OverflowFloat(f) {
		d.problem(p, "%v is not a usable number", f)
		return
	}
	dst.SetFloat(f + 0) // -0 is 0
}

// decodeInt refuses what the type cannot hold, where a plain conversion would wrap around.
func (d *decoder) decodeInt(p path, n int64, dst reflect.Value) {
	converted := reflect.ValueOf(n).Convert(dst.Type())
	switch {
	case dst.CanUint() && n < 0:
		d.problem(p, "%d is below 0", n)
	case converted.Convert(reflect.TypeFor[int64]()).Int() != n:
		d.problem(p, "%d is out of range", n)
	default:
		dst.Set(converted)
	}
}

// table takes a value as a table, or reports that it is none.
func (d *decoder) table(p path, v any) (map[string]any, bool) {
	table, ok := v.(map[string]any)
	if !ok {
		d.mismatch(p, v, "a table")
	}
	return table, ok
}

func (d *decoder) mismatch(p path, v any, want string) { d.problem(p, "%v", mismatch(v, want)) }

func mismatch(v any, want string) error { return fmt.Errorf("is %s, must be %s", valueName(v), want) }

// reported tells whether there is a problem with a place, or with something in it, already.
func (d *decoder) reported(p path) bool {
	return slices.ContainsFunc(d.problems, func(known Problem) bool {
		rest, in := strings.CutPrefix(known.Key, string(p))
		return in && (rest == "" || rest[0] == '.' || rest[0] == '[')
	})
}
