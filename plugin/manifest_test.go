package plugin

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path"
	"reflect"
	"slices"
	"testing"

	"github.com/moby/moby/api/types/plugin"
)

// readManifest reads a manifest to the last word.
func readManifest(t *testing.T, text []byte) plugin.Config {
	t.Helper()
	var m plugin.Config
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(&m); err != nil {
		t.Fatal(err)
	}
	return m
}

// checkMount checks a mount of a folder that an operator can put somewhere else.
func checkMount(t *testing.T, m plugin.Mount, source, destination, mode string) {
	t.Helper()
	if m.Destination != destination || *m.Source != source || m.Type != "bind" || !slices.Equal(m.Settable, []string{"source"}) ||
		!slices.Equal(m.Options, []string{"bind", mode, "nosuid", "nodev", "noexec"}) {
		t.Errorf("mount %+v", m)
	}
}

// The manifest of the managed plugin is one that the Engine reads to the last word, and it agrees with the code.
func TestManifest(t *testing.T) {
	text, err := os.ReadFile("../config.json")
	if err != nil {
		t.Fatal(err)
	}
	m := readManifest(t, text)
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
		{"/var/lib/caisson", "/var/lib/caisson", "rw"},
		{"/run", "/run/engine", "ro"}, // the folder, because the Engine makes its socket anew at each start
	}
	if len(m.Mounts) != len(folders) {
		t.Fatalf("%d mounts", len(m.Mounts))
	}
	for i, want := range folders {
		checkMount(t, m.Mounts[i], want.source, want.destination, want.mode)
	}
	for name, settable := range map[string][]string{"args": m.Args.Settable, "env": m.Env[0].Settable} {
		if !slices.Equal(settable, []string{"value"}) {
			t.Errorf("%s cannot be set", name)
		}
	}
}

// The variant with a network differs in that, and in what it takes to use it.
func TestNetworkManifest(t *testing.T) {
	jq, err := exec.LookPath("jq")
	if err != nil {
		t.Skip("there is no jq; make install-tools installs it")
	}
	text, err := exec.Command(jq, "--from-file", "../packaging/plugin/network.jq", "../config.json").Output()
	if err != nil {
		t.Fatal(err)
	}
	m := readManifest(t, text)
	plain, err := os.ReadFile("../config.json")
	if err != nil {
		t.Fatal(err)
	}
	want := readManifest(t, plain)
	checkMount(t, m.Mounts[len(m.Mounts)-1], "/etc/ssl/certs", "/etc/ssl/certs", "ro")
	for _, e := range m.Env {
		if !slices.Equal(e.Settable, []string{"value"}) {
			t.Errorf("%s cannot be set", e.Name)
		}
	}
	if m.Network.Type != "host" || m.Description == want.Description {
		t.Errorf("network %q, description %q", m.Network.Type, m.Description)
	}
	m.Network, m.Description = want.Network, want.Description
	m.Mounts, m.Env = m.Mounts[:len(want.Mounts)], m.Env[:len(want.Env)]
	if !reflect.DeepEqual(m, want) {
		t.Errorf("the variant differs in more: %+v, want %+v", m, want)
	}
}
