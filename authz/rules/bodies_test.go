package rules_test

import (
	"encoding/json"
	"reflect"
	"slices"
	"strings"

	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/api/types/network"
	"github.com/moby/moby/api/types/swarm"
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
	{
		name: "service", door: request.DoorService, typ: reflect.TypeFor[swarm.ServiceSpec](),
		legacy: []string{"Networks.Target", "Networks.Aliases", "Networks.DriverOpts"},
	},
	{name: "network", op: request.NetworkCreate, typ: reflect.TypeFor[network.CreateRequest](), legacy: []string{"CheckDuplicate"}},
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
