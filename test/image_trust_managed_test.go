package test

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"caisson/authz/image/imagetest"
	"caisson/test/engine"
)

// TestImageTrustManaged verifies images in the managed plugin: policy and certificates come in a mount that it cannot write, what it proved
// goes into another one, and it reaches the registry by the host's network.
func TestImageTrustManaged(t *testing.T) {
	onEach(t, func(t *testing.T, version engine.Version) {
		e := engine.Start(t, engine.Options{Version: version, HostNetwork: true})
		x := trustOf(t, e, newFront(t, startHub(t)), imagetest.NewPKI(t, imagetest.PKIOptions{}))
		x.command(t, "create", "--name", "box", engine.Image, "true")
		x.pushSigned(t, "team/app", "1")
		x.push(t, "team/other", "1")
		f := x.flipped(t)

		folders := map[string]string{}
		for _, name := range []string{"policy", "audit", "state"} {
			folders[name] = filepath.Join(x.folder, name)
			if err := os.Mkdir(folders[name], 0o700); err != nil {
				t.Fatal(err)
			}
		}
		folders["engine"] = e.Dir
		host := x.ca
		x.ca = "/etc/caisson/ca" // as the plugin sees it
		write(t, filepath.Join(folders["policy"], "policy.toml"), x.policy(trustPolicy{}))
		if err := os.Rename(host, filepath.Join(folders["policy"], "ca")); err != nil {
			t.Fatal(err)
		}
		x.plugin(t, folders)

		if !engine.Eventually(func() bool { return x.Docker("create", "--network", "none", x.name("team/other", ":1")).Code != 0 }) {
			t.Fatal("the plugin is not asked")
		}
		x.runs(t, x.name("team/app", ":1"))
		x.refuses(t, "unsigned", x.name("team/other", ":1"))
		if kept, _ := filepath.Glob(filepath.Join(folders["state"], "evidence", "blobs", "sha256", "*")); len(kept) == 0 {
			t.Error("no evidence is kept")
		}
		x.raceFor(t, f, true, 60, 40*time.Second)
	})
}

// plugin creates a managed plugin from config.json that uses the host's network and these folders, and has the engine ask it.
func (x *trust) plugin(t *testing.T, folders map[string]string) {
	t.Helper()
	binary, err := engine.Binary()
	if err != nil {
		t.Fatal(err)
	}
	root := filepath.Join(x.folder, "plugin")
	if err := os.MkdirAll(filepath.Join(root, "rootfs/usr/bin"), 0o755); err != nil {
		t.Fatal(err)
	}
	if text, err := exec.Command("cp", binary, filepath.Join(root, "rootfs/usr/bin/caisson")).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, text)
	}
	write(t, filepath.Join(root, "config.json"), string(marshal(t, manifestWith(t, folders))))
	x.command(t, "plugin", "create", "caisson-managed", root)
	x.command(t, "plugin", "enable", "caisson-managed")
	if err := x.WriteConfig(map[string]any{"authorization-plugins": []string{"caisson-managed"}}); err != nil {
		t.Fatal(err)
	}
	if err := x.ReloadDaemon(); err != nil {
		t.Fatal(err)
	}
}

// manifestWith reads config.json and changes where its mounts come from.
func manifestWith(t *testing.T, folders map[string]string) map[string]any {
	t.Helper()
	var manifest map[string]any
	unmarshal(t, read(t, "../config.json"), &manifest)
	manifest["Network"] = map[string]any{"Type": "host"}
	mounts := manifest["Mounts"].([]any)
	if !slices.ContainsFunc(mounts, func(m any) bool { return m.(map[string]any)["Name"] == "state" }) {
		mounts = append(mounts, map[string]any{
			"Name": "state", "Destination": "/var/lib/caisson", "Type": "bind", "Options": []string{"bind", "rw", "nosuid", "nodev", "noexec"},
		})
		manifest["Mounts"] = mounts
	}
	for _, m := range mounts {
		mount := m.(map[string]any)
		if source, ok := folders[mount["Name"].(string)]; ok {
			mount["Source"] = source
		}
		if mount["Name"] == "policy" && !strings.Contains(string(marshal(t, mount["Options"])), `"ro"`) {
			t.Error("the policy's mount can be written")
		}
	}
	return manifest
}
