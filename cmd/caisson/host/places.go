package host

import (
	"encoding/json"
	"fmt"
	"io/fs"
	"path"
	"strings"
)

// PluginFolders are where dockerd looks for plugins that are services: for sockets in the first, for descriptions in the others. It
// looks for managed plugins first.
var PluginFolders = []string{"/run/docker/plugins", "/etc/docker/plugins", "/usr/lib/docker/plugins"}

// Place is where dockerd finds a plugin of a name.
type Place struct {
	Path    string // of a socket, or of a file that says where the plugin is; "" if there is none
	Kind    Kind
	Managed *Managed // for ManagedPlugin
}

// Kind is how a plugin is made known to dockerd.
type Kind int

// The kinds. The zero value is none.
const (
	Nowhere       Kind = iota
	Socket             // a socket in /run/docker/plugins
	Description        // a .spec or .json file, which names an address
	ManagedPlugin      // docker plugin install
)

// Managed is a managed plugin, as the Engine lists it.
type Managed struct {
	ID      string `json:"Id"`
	Name    string
	Enabled bool
	Config  struct {
		Interface struct {
			Socket string
			Types  []any
		}
	}
}

// named tells whether dockerd would take the plugin for one of a name.
func (m *Managed) named(plugin string) bool {
	short := strings.TrimPrefix(strings.TrimPrefix(m.Name, "docker.io/"), "library/")
	for _, n := range []string{m.Name, short} {
		if n == plugin || strings.TrimSuffix(n, ":latest") == plugin {
			return true
		}
	}
	return m.ID == plugin
}

// Places lists where a plugin of a name is, in the order in which dockerd looks: it takes the first.
func (f Files) Places(plugin string, managed []Managed) []Place {
	var list []Place
	for i := range managed {
		if m := &managed[i]; m.named(plugin) {
			// Its own socket is the only one in a folder that bears its ID.
			socket := path.Join(PluginFolders[0], m.ID, m.Config.Interface.Socket)
			list = append(list, Place{Path: socket, Kind: ManagedPlugin, Managed: m})
		}
	}
	for _, file := range beside(PluginFolders[0], plugin, ".sock") {
		if info, err := f.Stat(file); err == nil && info.Mode()&fs.ModeSocket != 0 {
			list = append(list, Place{Path: file, Kind: Socket})
		}
	}
	for _, folder := range PluginFolders[1:] {
		for _, extension := range []string{".spec", ".json"} {
			for _, file := range beside(folder, plugin, extension) {
				if _, err := f.Stat(file); err == nil {
					list = append(list, Place{Path: file, Kind: Description})
				}
			}
		}
	}
	return list
}

// beside are the two names under which dockerd looks for a file of a plugin.
func beside(folder, plugin, extension string) []string {
	return []string{path.Join(folder, plugin+extension), path.Join(folder, plugin, plugin+extension)}
}

// Address reads where a description says that a plugin is. Only unix sockets are followed: to a plugin elsewhere, dockerd's questions go
// over a network.
func (f Files) Address(file string) (socket string, err error) {
	text, err := f.Read(file)
	if err != nil {
		return "", err
	}
	address := strings.TrimSpace(string(text))
	if strings.HasSuffix(file, ".json") {
		var described struct{ Addr string }
		if err := json.Unmarshal(text, &described); err != nil {
			return "", fmt.Errorf("%s: %w", file, err)
		}
		address = described.Addr
	}
	socket, ok := strings.CutPrefix(address, "unix://")
	if !ok {
		return "", fmt.Errorf("%s sends dockerd to %s, which cannot be checked from here; fix: give the plugin a socket", file, address)
	}
	return socket, nil
}
