package rules_test

import (
	"bufio"
	"encoding/json"
	"maps"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/api/types/network"
	"github.com/moby/moby/api/types/volume"

	"caisson/authz/request"
	"caisson/authz/rules"
)

// body is what one door or operation takes.
type body struct {
	name   string // in testdata/reviewed_fields.txt
	door   request.Door
	op     request.Operation
	typ    reflect.Type
	legacy []string // fields that only older supported engines have
}

var bodies = []body{
	{
		name: "create", door: request.DoorCreate, typ: reflect.TypeFor[container.CreateRequest](),
		legacy: []string{"MacAddress", "HostConfig.KernelMemory", "HostConfig.KernelMemoryTCP"},
	},
	{name: "exec", door: request.DoorExec, typ: reflect.TypeFor[container.ExecCreateRequest](), legacy: []string{"Detach", "Container"}},
	{name: "volume", door: request.DoorVolume, typ: reflect.TypeFor[volume.CreateRequest]()},
	{name: "connect", door: request.DoorConnect, typ: reflect.TypeFor[network.ConnectRequest]()},
	{name: "network", op: request.NetworkCreate, typ: reflect.TypeFor[network.CreateRequest](), legacy: []string{"CheckDuplicate"}},
}

// TestFields is red when the Engine's API grows: each field of a body that Caisson judges must be claimed by a rule, or be listed
// in testdata/reviewed_fields.txt with the reason why no rule looks at it.
func TestFields(t *testing.T) {
	reviewed := readReviewed(t)
	for _, b := range bodies {
		fields := append(fieldsOf(b.typ, ""), b.legacy...)
		claimed := b.claims()
		for _, f := range fields {
			if !covers(claimed, f) && !covers(slices.Collect(maps.Keys(reviewed[b.name])), f) {
				t.Errorf("%s %s: no rule claims it and testdata/reviewed_fields.txt does not list it", b.name, f)
			}
		}
		for r := range reviewed[b.name] {
			if !slices.ContainsFunc(fields, func(f string) bool { return covers([]string{r}, f) }) {
				t.Errorf("testdata/reviewed_fields.txt: %s %s: the API has no such field (any more)", b.name, r)
			}
			if covers(claimed, r) {
				t.Errorf("testdata/reviewed_fields.txt: %s %s: a rule claims it; remove the line", b.name, r)
			}
		}
		delete(reviewed, b.name)
	}
	for name := range reviewed {
		t.Errorf("testdata/reviewed_fields.txt: %q is no body", name)
	}
}

// TestClaimedFieldsExist finds misspelled claims.
func TestClaimedFieldsExist(t *testing.T) {
	for _, s := range rules.All() {
		var fields []string
		for _, b := range bodies {
			if b.judgedBy(s) {
				fields = append(append(fields, fieldsOf(b.typ, "")...), b.legacy...)
			}
		}
		for _, claim := range s.Fields {
			if !slices.ContainsFunc(fields, func(f string) bool { return covers([]string{claim}, f) }) {
				t.Errorf("%s: claims %s, which no body at its doors has", s.ID, claim)
			}
		}
	}
}

func (b body) judgedBy(s *rules.Spec) bool {
	return b.door != request.NoDoor && slices.Contains(s.Doors, b.door) || b.op != "" && slices.Contains(s.Ops, b.op)
}

func (b body) claims() []string {
	var list []string
	for _, s := range rules.All() {
		if b.judgedBy(s) {
			list = append(list, s.Fields...)
		}
	}
	return list
}

// covers tells whether a field is one of the claims or below one.
func covers(claims []string, field string) bool {
	return slices.ContainsFunc(claims, func(c string) bool { return field == c || strings.HasPrefix(field, c+".") })
}

var unmarshaler = reflect.TypeFor[json.Unmarshaler]()

// fieldsOf lists the JSON fields of a type that hold values, with the path to them. Lists and maps add nothing to the path.
func fieldsOf(t reflect.Type, path string) []string {
	for t.Kind() == reflect.Pointer || t.Kind() == reflect.Slice || t.Kind() == reflect.Map {
		t = t.Elem()
	}
	if t.Kind() != reflect.Struct || t.NumField() == 0 || reflect.PointerTo(t).Implements(unmarshaler) {
		return []string{path}
	}
	var list []string
	for _, f := range reflect.VisibleFields(t) {
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		if !f.IsExported() || name == "-" || f.Anonymous && name == "" {
			continue
		}
		if name == "" {
			name = f.Name
		}
		if path != "" {
			name = path + "." + name
		}
		list = append(list, fieldsOf(f.Type, name)...)
	}
	if list == nil { // no fields of its own, such as netip.Addr
		return []string{path}
	}
	return list
}

// readReviewed reads the reasons by body and field.
func readReviewed(t *testing.T) map[string]map[string]string {
	t.Helper()
	file, err := os.Open("testdata/reviewed_fields.txt")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	list := make(map[string]map[string]string)
	lines := bufio.NewScanner(file)
	for lines.Scan() {
		line := strings.TrimSpace(lines.Text())
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		place, reason, _ := strings.Cut(line, ": ")
		name, field, ok := strings.Cut(place, " ")
		if !ok || reason == "" {
			t.Errorf("testdata/reviewed_fields.txt: %q is not of the form \"body field: reason\"", line)
			continue
		}
		if list[name] == nil {
			list[name] = make(map[string]string)
		}
		if list[name][field] != "" {
			t.Errorf("testdata/reviewed_fields.txt: %s %s is listed twice", name, field)
		}
		list[name][field] = reason
	}
	return list
}
