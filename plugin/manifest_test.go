package plugin

import (
	"bytes"
	"encoding/json"
	"os"
	"path"
	"slices"
	"testing"

	"github.com/moby/moby/api/types/plugin"
)

// The manifest of the managed plugin is one that the Engine reads to the last word, and it agrees with the code.
func TestManifest(t *testing.T) {
	text, err := os.ReadFile("../config.json")
	if err != nil {
		t.Fatal(err)
	}
	var m plugin.Config
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(&m); err != nil {
		t.Fatal(err)
	}
	if want := (plugin.CapabilityID{Prefix: "docker", Capability: "authz", Version: "1.0"}); !slices.Equal(m.Interface.Types, []plugin.CapabilityID{want}) {
		t.Errorf("types %v", m.Interface.Types)
	}
	if m.Interface.ProtocolScheme != "" {
		t.Error("with another protocol scheme, the Engine speaks another protocol")
	}

	// The Engine looks for the socket by its name in the plugin's own SocketDir.
	i := slices.Index(m.Entrypoint, "--socket")
	if i < 0 {
		t.Fatalf("entrypoint %q names no socket", m.Entrypoint)
	}
	socket, err := SocketPath(m.Entrypoint[i+1])
	if err != nil || socket != path.Join(SocketDir, m.Interface.Socket) {
		t.Errorf("serves on %s, the manifest says %s", socket, m.Interface.Socket)
	}

	// No privilege but its folders.
	if m.Network.Type != "" || m.IpcHost || m.PidHost || m.PropagatedMount != "" || m.Linux.AllowAllDevices ||
		len(m.Linux.Capabilities)+len(m.Linux.Devices) != 0 {
		t.Error("the manifest asks for privileges")
	}
	folders := []struct{ source, destination, mode string }{
		{"/etc/caisson", "/etc/caisson", "ro"},
		{"/var/log/caisson", "/var/log/caisson", "rw"},
		{"/run", "/run/engine", "ro"}, // the folder, because the Engine makes its socket anew at each start
	}
	if len(m.Mounts) != len(folders) {
		t.Fatalf("%d mounts", len(m.Mounts))
	}
	for i, want := range folders {
		mount := m.Mounts[i]
		if mount.Destination != want.destination || *mount.Source != want.source || mount.Type != "bind" {
			t.Errorf("mount %+v", mount)
		}
		for _, o := range []string{"bind", want.mode, "nosuid", "nodev", "noexec"} {
			if !slices.Contains(mount.Options, o) {
				t.Errorf("mount %s has no option %s", mount.Name, o)
			}
		}
	}
	for name, settable := range map[string][]string{"args": m.Args.Settable, "env": m.Env[0].Settable} {
		if !slices.Equal(settable, []string{"value"}) {
			t.Errorf("%s cannot be set", name)
		}
	}
}
