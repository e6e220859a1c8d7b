package test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"caisson/test/engine"
)

// forbidden are settings that the profile baseline refuses, one rule each.
var forbidden = map[string]map[string]any{
	"privileged":    {"Privileged": true},
	"host-pid":      {"PidMode": "host"},
	"host-ipc":      {"IpcMode": "host"},
	"host-network":  {"NetworkMode": "host"},
	"host-uts":      {"UTSMode": "host"},
	"bind-mounts":   {"Binds": []string{"/:/host"}},
	"capabilities":  {"CapAdd": []string{"SYS_ADMIN"}},
	"devices":       {"Devices": []map[string]string{{"PathOnHost": "/dev/null", "PathInContainer": "/dev/x", "CgroupPermissions": "rwm"}}},
	"seccomp":       {"SecurityOpt": []string{"seccomp=unconfined"}},
	"sysctls":       {"Sysctls": map[string]string{"net.ipv4.ip_forward": "1"}},
	"cgroup-parent": {"CgroupParent": "/elsewhere"},
	"system-paths":  {"MaskedPaths": []string{}},
	"oom":           {"OomScoreAdj": -500},
}

// TestAuditMode compares the two modes: the same requests all pass and are recorded as what they are, or are all refused.
func TestAuditMode(t *testing.T) {
	onEach(t, func(t *testing.T, version engine.Version) {
		e := guarded(t, version, "mode = \"audit\"\n"+baseline)
		for _, mode := range []string{"audit", "enforce"} {
			passes := mode == "audit"
			if !passes {
				setPolicy(t, e.Caisson, baseline)
			}
			for rule, hostConfig := range forbidden {
				t.Run(mode+"/"+rule, func(t *testing.T) {
					name := mode + "-" + rule
					body := map[string]any{"Image": engine.Image, "HostConfig": hostConfig}
					answer, err := e.Call("POST", "/v1.41/containers/create?name="+name, body)
					if err != nil || (answer.Status == http.StatusCreated) != passes || (answer.Status == http.StatusForbidden) == passes {
						t.Errorf("%d %s, %v", answer.Status, answer.Message(), err)
					}
					if _, found, err := e.Container(name); found != passes || err != nil {
						t.Errorf("the container is there: %t; %v", found, err)
					}
					records, err := e.Caisson.Audit()
					if err != nil || len(records) == 0 {
						t.Fatalf("%d records, %v", len(records), err)
					}
					record := records[len(records)-1]
					if record["verdict"] != "deny" || record["mode"] != mode || record["passed"] != passes || record["object"] != name ||
						!strings.Contains(fmt.Sprint(record["violations"]), "rule:"+rule) {
						t.Errorf("recorded: %v", record)
					}
				})
			}
		}
	})
}
