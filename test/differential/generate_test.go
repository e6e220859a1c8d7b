package differential

import (
	"math/rand"
	"strings"
	"testing"
)

// hostFields are members whose values matter to a decision, each in forms that decoders could read differently.
var hostFields = []string{
	`"Privileged":true`, `"Privileged":false`, `"Privileged":null`, `"Memory":5`, `"Memory":null`, `"MemorySwap":-1`, `"PidMode":"host"`, `"PidMode":""`, `"PidMode":null`,
	`"IpcMode":"container:x"`, `"NetworkMode":"host"`, `"UTSMode":"host"`, `"UsernsMode":"host"`, `"CgroupnsMode":"host"`, `"Binds":["/:/h"]`, `"Binds":[null]`, `"Binds":[]`, `"Binds":null`,
	`"Mounts":[{"Type":"bind","Source":"/","Target":"/h"}]`, `"Mounts":[{"Target":"/ok"}]`, `"Mounts":[{}]`, `"Mounts":[]`, `"CapAdd":"ALL"`, `"CapAdd":["ALL"]`, `"CapAdd":[null]`, `"CapDrop":["sys_admın"]`,
	`"MaskedPaths":[]`, `"MaskedPaths":null`, `"ReadonlyPaths":["/proc"]`, `"SecurityOpt":["seccomp=unconfined"]`, `"SecurityOpt":[]`, `"Sysctls":{"a":"1","a":"2"}`, `"Sysctls":{"b":"1"}`, `"Sysctls":null`,
	`"Devices":[{"PathOnHost":"/dev/sda"}]`, `"Devices":[{}]`, `"PidsLimit":0`, `"PidsLimit":null`, `"OomKillDisable":true`, `"OomKillDisable":null`, `"VolumeDriver":"v"`, `"CpusetCpus":"0"`, `"CpuShares":7`,
	`"Tmpfs":{"/t":"size=1m"}`, `"Ulimits":[null,{"Name":"core","Hard":1}]`, `"LogConfig":{"Type":"syslog","Config":{"a":"b"}}`, `"LogConfig":{}`, `"RestartPolicy":{"Name":"always"}`, `"Runtime":"x"`, `"KernelMemory":1`,
	`"PortBindings":{"80/TCP":[{"HostPort":"1"}],"80/tcp":null}`, `"GroupAdd":["0"]`, `"CgroupParent":"/x"`, `"Unheard":1`,
}

var topFields = []string{
	`"Image":"x"`, `"Image":null`, `"User":"0"`, `"Env":["A=b"]`, `"Labels":{"a":"1"}`, `"Volumes":{"/v":{}}`, `"Cmd":"ls"`, `"Cmd":["ls"]`, `"Cpuset":"0"`, `"MacAddress":"02:42:ac:11:00:02"`, `"HostConfig":null`,
	`"NetworkingConfig":{"EndpointsConfig":{"n":{"NetworkID":"y"}}}`, `"NetworkingConfig":null`, `"NetworkingConfig":{}`, `"StopTimeout":1`,
}

// generate builds a body from members that are repeated, respelled and put where they do or do not belong.
func generate(r *rand.Rand) []byte {
	pick := func(list []string) string { return respell(r, list[r.Intn(len(list))]) }
	host := func() string {
		var members []string
		for range r.Intn(4) {
			members = append(members, pick(hostFields))
		}
		return respell(r, `"HostConfig":{`+strings.Join(members, ",")+`}`)
	}
	members := []string{pick(topFields)}
	for range 1 + r.Intn(4) {
		switch r.Intn(5) {
		case 0, 1:
			members = append(members, pick(topFields))
		case 2:
			members = append(members, pick(hostFields)) // flat
		default:
			members = append(members, host())
		}
	}
	tail := ""
	if r.Intn(20) == 0 {
		tail = []string{"}", "{}", "x", " \n", `{"HostConfig":{"Privileged":true}}`}[r.Intn(5)]
	}
	return []byte("{" + strings.Join(members, ",") + "}" + tail)
}

// respell writes the first key in another spelling that folds to the same field, now and then.
func respell(r *rand.Rand, member string) string {
	key, rest, _ := strings.Cut(member[1:], `"`)
	switch r.Intn(6) {
	case 0:
		key = strings.ToLower(key)
	case 1:
		key = strings.Replace(key, "s", "ſ", 1)
	case 2:
		key = strings.Replace(key, "k", "\u212a", 1)
	case 3:
		key = strings.Replace(key, "o", `\u006f`, 1)
	}
	return `"` + key + `"` + rest
}

// FuzzGeneratedAgainstOldest is FuzzCreateAgainstOldest on bodies that are nearly all well formed.
func FuzzGeneratedAgainstOldest(f *testing.F) {
	for i := range int64(300) {
		f.Add(i)
	}
	f.Fuzz(func(t *testing.T, seed int64) {
		compare(t, generate(rand.New(rand.NewSource(seed))))
	})
}

// TestGeneratorReachesBoth makes sure that the fuzz targets compare something: enough bodies pass both readers.
func TestGeneratorReachesBoth(t *testing.T) {
	both := 0
	for seed := range int64(2000) {
		body := generate(rand.New(rand.NewSource(seed)))
		if r, err := parse(body); err == nil && len(r.Unknown) == 0 {
			if _, ok := oldest(body); ok {
				both++
			}
		}
	}
	if both < 100 {
		t.Errorf("only %d of 2000 generated bodies are read by both", both)
	}
}
