package request

import "strings"

// NamespaceMode is where a namespace of the workload comes from.
type NamespaceMode uint8

// The modes. Other is the zero value: a spelling this package does not know, to be treated as the host's.
const (
	NamespaceOther     NamespaceMode = iota
	NamespaceDefault                 // not given; what the Engine then takes depends on the field
	NamespacePrivate                 // its own
	NamespaceHost                    // the host's
	NamespaceContainer               // that of the container Namespace.Ref
	NamespaceShareable               // its own, which others may join (IPC)
	NamespaceNone                    // its own and empty (IPC without /dev/shm, network without interfaces)
	NamespaceNetwork                 // its own, attached to the network Namespace.Ref
)

// Namespace is one namespace setting.
type Namespace struct {
	Mode NamespaceMode
	Ref  string // container or network
	Raw  string // as given
}

// parseNamespace reads a mode as the Engine does: exact, case-sensitive, not trimmed, with container:<name or ID>. known maps the
// other spellings of the field.
//
// Source: moby api/types/container/hostconfig.go.
func parseNamespace(raw string, known map[string]NamespaceMode) Namespace {
	if kind, ref, ok := strings.Cut(raw, ":"); ok && kind == "container" {
		return Namespace{NamespaceContainer, ref, raw}
	}
	return Namespace{Mode: known[raw], Raw: raw}
}

var (
	pidModes    = map[string]NamespaceMode{"": NamespaceDefault, "host": NamespaceHost}
	utsModes    = pidModes
	usernsModes = pidModes
	joinModes   = map[string]NamespaceMode{"": NamespaceDefault}
	cgroupModes = map[string]NamespaceMode{"": NamespaceDefault, "private": NamespacePrivate, "host": NamespaceHost}
	ipcModes    = map[string]NamespaceMode{
		"": NamespaceDefault, "none": NamespaceNone, "private": NamespacePrivate, "shareable": NamespaceShareable, "host": NamespaceHost,
	}
	networkModes = map[string]NamespaceMode{
		"": NamespaceDefault, "default": NamespaceDefault, "bridge": NamespaceDefault, "none": NamespaceNone, "host": NamespaceHost,
	}
)

// parseNetworkMode differs in one thing: what is no keyword names a network.
func parseNetworkMode(raw string) Namespace {
	n := parseNamespace(raw, networkModes)
	if n.Mode == NamespaceOther {
		n.Mode, n.Ref = NamespaceNetwork, raw
	}
	return n
}
