package request

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func serviceCall(version, body string) Call {
	return Call{
		Method: "POST", Target: version + "/services/create", Headers: map[string]string{"Content-Type": "application/json"}, Body: []byte(body),
	}
}

// containerOnly are the settings that no service has. The rules that guard them must not take the zero value for an answer.
var containerOnly = []string{
	"Privileged", "PID", "IPC", "UTS", "UserNS", "CgroupNS", "CgroupJoin", "MaskedPaths", "ReadonlyPaths", "Annotations", "Runtime",
	"VolumeDriver", "VolumesFrom", "StorageOpt", "Devices", "DeviceCgroupRules", "DeviceRequests",
	"MemoryReservation", "KernelMemory", "KernelMemoryTCP", "OomKillDisable", "CPUQuota", "CPUPeriod", "CPUShares", "CPURealtimePeriod",
	"CPURealtimeRuntime", "CpusetCpus", "CpusetMems", "ShmSize", "BlkioWeight", "CgroupParent", "AutoRemove", "StopTimeout",
	"PublishAllPorts", "Links", "DNS", "MacAddress",
}

// TestServiceSetsEveryValue makes sure that a service sets every Value of a Workload but those that services do not have.
func TestServiceSetsEveryValue(t *testing.T) {
	r, err := Parse(serviceCall("/v1.44", `{"TaskTemplate":{"ContainerSpec":{"Image":"x"}}}`))
	if err != nil {
		t.Fatal(err)
	}
	seen := 0
	for _, part := range []any{r.Workload.Identity, r.Workload.Isolation, r.Workload.Files, r.Workload.Limits, r.Workload.Exposure} {
		v := reflect.ValueOf(part)
		for i := range v.NumField() {
			f, name := v.Field(i), v.Type().Field(i).Name
			if !strings.HasPrefix(f.Type().Name(), "Value[") {
				continue
			}
			seen++
			if has := f.FieldByName("Field").String() != ""; has == slices.Contains(containerOnly, name) {
				t.Errorf("%s: has a Field: %v", name, has)
			}
		}
	}
	if seen < 50 {
		t.Errorf("looked at %d values only", seen)
	}
}

// TestOldVersionsLoseWhatProtects lists what the Engine takes out of a request for an older version: it must not count there.
func TestOldVersionsLoseWhatProtects(t *testing.T) {
	const body = `{"TaskTemplate":{"ContainerSpec":{"Image":"x","CapabilityDrop":["ALL"],"OomScoreAdj":5,"Privileges":{"NoNewPrivileges":true}},
		"Resources":{"Limits":{"Pids":7,"MemoryBytes":100},"SwapBytes":1}}}`
	for version, want := range map[string]string{
		"/v1.40": "drop=0 pids=false nnp=0 oom=0 swap=0",
		"/v1.41": "drop=1 pids=true nnp=0 oom=0 swap=0",
		"/v1.44": "drop=1 pids=true nnp=1 oom=0 swap=0",
		"/v1.46": "drop=1 pids=true nnp=1 oom=5 swap=0",
		"/v1.52": "drop=1 pids=true nnp=1 oom=5 swap=101",
		"":       "drop=1 pids=true nnp=0 oom=0 swap=0", // as on the oldest engine
	} {
		r, err := Parse(serviceCall(version, body))
		if err != nil {
			t.Fatal(err)
		}
		w := r.Workload
		got := strings.Join([]string{
			sprint("drop", len(w.CapDrop.V)), sprint("pids", w.PidsLimit.V != nil), sprint("nnp", len(w.SecurityOpt.V)), sprint("oom", w.OomScoreAdj.V),
			sprint("swap", w.MemorySwap.V),
		}, " ")
		if got != want {
			t.Errorf("%s: got %s, want %s", version, got, want)
		}
	}
}

func TestServiceSwap(t *testing.T) {
	n := func(i int64) *int64 { return &i }
	for _, tt := range []struct {
		memory int64
		swap   *int64
		want   int64
	}{
		{100, nil, 0},
		{100, n(-1), -1},
		{100, n(-2), 0}, // the Engine passes it over
		{100, n(0), 100},
		{100, n(300), 400},
		{1<<63 - 1, n(1), -1 << 63}, // as the Engine adds: below 0, which is without end
	} {
		if got := serviceSwap(Version{52}, tt.memory, tt.swap); got != tt.want {
			t.Errorf("%d and %d: got %d, want %d", tt.memory, *tt.swap, got, tt.want)
		}
	}
}

func TestServiceMounts(t *testing.T) {
	r, err := Parse(serviceCall("/v1.44", `{"TaskTemplate":{"ContainerSpec":{"Mounts":[
		{"Source":"/a/../b","Target":"/t","BindOptions":{"Propagation":"RSHARED"}}, {"Type":"VOLUME","Source":"v","Target":"/v"},
		{"Type":"bindfs","Target":"/x"}, {"Type":"","Source":"c","Target":"/c"}, {"Type":"tmpfſ","Target":"/m"}]}}}`))
	if err != nil {
		t.Fatal(err)
	}
	want := []Mount{
		{Field: "TaskTemplate.ContainerSpec.Mounts[0]", Type: MountBind, Source: "/a/../b", Path: "/b", Target: "/t", Propagation: "rshared"},
		{Field: "TaskTemplate.ContainerSpec.Mounts[1]", Type: MountVolume, Source: "v", Target: "/v"},
		{Field: "TaskTemplate.ContainerSpec.Mounts[2]", Target: "/x", Problem: `type "bindfs" is not known`},
		{Field: "TaskTemplate.ContainerSpec.Mounts[3]", Source: "c", Target: "/c", Problem: `bind source "c" is not an absolute path`},
		{Field: "TaskTemplate.ContainerSpec.Mounts[4]", Type: MountTmpfs, Target: "/m"},
	}
	if diff := cmp.Diff(want, r.Workload.Mounts); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// TestServiceRefuses shows that the body of a service is read as strictly as that of a container.
func TestServiceRefuses(t *testing.T) {
	for body, want := range map[string]string{
		`{"TaskTemplate":{},"taskTemplate":{}}`:                                            "taskTemplate: it is given more than once",
		`{"TaskTemplate":{"ContainerSpec":{"Mounts":[{}],"mountſ":[null]}}}`:               "given more than once",
		`{"TaskTemplate":{"ContainerSpec":{"Privileges":{"Seccomp":{"Mode":"a\ud800"}}}}}`: "Seccomp.Mode: the text is not valid Unicode",
		`{"TaskTemplate":{"ContainerSpec":{"Sysctls":{"a":"1","a":"2"}}}}`:                 "Sysctls.a: it is given more than once",
		`{"TaskTemplate":{"ContainerSpec":{"CapabilityAdd":"ALL"}}}`:                       "a string where",
		`{}x`: "not the JSON",
		`[]`:  "not the JSON",
		``:    "the Engine showed Caisson no body",
	} {
		if _, err := Parse(serviceCall("/v1.44", body)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want %s", body, err, want)
		}
	}
}

func sprint(name string, v any) string { return fmt.Sprintf("%s=%v", name, v) }
