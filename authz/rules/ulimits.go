package rules

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/docker/go-units"

	"caisson/authz/request"
)

// Ulimits bounds the resource limits that a container sets for its processes.
type Ulimits struct {
	Max        map[string]int64 `toml:"max" comment:"largest soft and hard value of each limit, in the kernel's units; -1 sets no bound"`
	OnlyListed bool             `toml:"only_listed" comment:"refuse limits that max does not name"`

	max map[string]int64 // by name as the Engine spells it for the runtime
}

var _ = register(&Spec{
	ID:    "ulimits",
	Title: "Resource limits of processes stay within bounds",
	Why: "A raised limit lets a container lock memory, hold open files or run realtime threads beyond what the host's administrator set " +
		"as the daemon's default.",
	Fix:    "drop or lower the --ulimit (ulimits in a compose file), or have the operator raise it in rules.ulimits.max",
	Refs:   []string{"CIS 5.19"},
	Doors:  []request.Door{request.DoorCreate, request.DoorService},
	Fields: []string{"HostConfig.Ulimits", "TaskTemplate.ContainerSpec.Ulimits"},

	// Not in baseline: databases and search engines ask for unlimited locked memory.
	Profiles: Profiles{Restricted: Default, CIS: Default},
	New:      func() Rule { return &Ulimits{Max: defaultUlimits()} },
})

// defaultUlimits lets ordinary servers run: 1048576 open files is the kernel's own ceiling (fs.nr_open), 64 MiB of locked memory
// holds the keys and rings of common programs, 819200 bytes of message queues is the kernel's default. Core dumps show memory, and
// niceness and realtime priorities come before the host's own services, so there is none of those.
func defaultUlimits() map[string]int64 {
	return map[string]int64{
		"core": 0, "memlock": 64 << 20, "msgqueue": 819200, "nice": 0, "nofile": 1 << 20, "nproc": 1 << 16, "rtprio": 0,
	}
}

// Prepare implements [Preparer]. The names that it takes are those of the CLI.
func (u *Ulimits) Prepare() error {
	u.max = make(map[string]int64, len(u.Max))
	for _, name := range slices.Sorted(maps.Keys(u.Max)) {
		if _, err := units.ParseUlimit(name + "=0"); err != nil {
			return fmt.Errorf("max: %q is no resource limit; see ulimits in the reference of docker run", name)
		}
		if u.Max[name] < -1 {
			return fmt.Errorf("max: %s is %d; write -1 for no bound", name, u.Max[name])
		}
		u.max[runtimeUlimit(name)] = u.Max[name]
	}
	return nil
}

// runtimeUlimit spells a name as the runtime gets it: NOFILE and nofile are one limit (moby daemon/oci_linux.go, withRlimits).
func runtimeUlimit(name string) string { return "RLIMIT_" + strings.ToUpper(name) }

// Check implements [Rule]. A limit may come twice, and the runtime takes the last one; each is judged.
func (u *Ulimits) Check(r *request.Request, out *Findings) {
	for i, l := range r.Workload.Ulimits.V {
		bound, listed := u.max[runtimeUlimit(l.Name)]
		switch {
		case !listed && u.OnlyListed:
			out.Add(r.Workload.Ulimits.At(i), "sets "+quote(l.Name), "the limits "+strings.Join(slices.Sorted(maps.Keys(u.Max)), ", "))
		case !listed || bound < 0:
		case above(l.Soft, bound) || above(l.Hard, bound):
			out.Add(r.Workload.Ulimits.At(i), fmt.Sprintf("sets %s to %s:%s", quote(l.Name), ulimitValue(l.Soft), ulimitValue(l.Hard)),
				fmt.Sprintf("at most %d", bound))
		}
	}
}

// above compares as the kernel does, to which the Engine hands negative numbers as huge ones.
func above(value, bound int64) bool { return value < 0 || value > bound }

// ulimitValue words a limit for a message.
func ulimitValue(v int64) string {
	if v < 0 {
		return "unlimited"
	}
	return strconv.FormatInt(v, 10)
}
