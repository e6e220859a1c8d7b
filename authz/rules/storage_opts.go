package rules

import (
	"slices"
	"strings"

	"caisson/authz/request"
)

// StorageOpts says which options of the storage driver a container may set.
type StorageOpts struct {
	Allow []string `toml:"allow" comment:"storage options that may be set, in lower case"`
}

var _ = register(&Spec{
	ID:     "storage-opts",
	Title:  "Only listed storage options",
	Why:    "Storage options go to the storage driver that makes the container's root file system. All but a size limit are for the operator to set.",
	Fix:    "drop the --storage-opt, or have the operator add its name to rules.storage-opts.allow",
	Doors:  []request.Door{request.DoorCreate},
	Fields: []string{"HostConfig.StorageOpt"},

	Profiles: Everywhere,
	New:      func() Rule { return &StorageOpts{Allow: []string{"size"}} },
})

// Check implements [Rule]. Storage drivers take the names in any case (moby daemon/graphdriver/overlay2, parseStorageOpt).
func (s *StorageOpts) Check(r *request.Request, out *Findings) {
	given := r.Workload.StorageOpt
	for _, key := range request.Keys(given.V) {
		if !slices.Contains(s.Allow, strings.ToLower(key)) {
			out.Add(given.Key(key), "is set", listed(s.Allow))
		}
	}
}
