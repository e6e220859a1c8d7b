package packaging

import (
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestInstall installs below a folder and uninstalls again.
func TestInstall(t *testing.T) {
	t.Parallel()
	stage, root := stage(t, "v1.0.0"), t.TempDir()
	environment := []string{"DESTDIR=" + root, "prefix=/opt/caisson", "unitdir=/lib/systemd/system"}
	script(t, environment, filepath.Join(stage, "install"))
	unit, err := os.ReadFile(filepath.Join(root, "lib/systemd/system/caisson.service"))
	if err != nil || !strings.Contains(string(unit), "\nExecStart=/opt/caisson/bin/caisson serve ") {
		t.Errorf("the unit starts another program, or %v:\n%s", err, unit)
	}
	version, err := exec.Command(filepath.Join(root, "opt/caisson/bin/caisson"), "version").Output()
	if err != nil || !strings.HasPrefix(string(version), "caisson v1.0.0\n") {
		t.Errorf("version %q, %v", version, err)
	}

	checkLinks(t, filepath.Join(root, "opt/caisson/share/doc/caisson"))

	// A second time: the policy is the operator's now.
	policy := filepath.Join(root, "etc/caisson/policy.toml")
	write(t, policy, "version = 1\n")
	script(t, environment, filepath.Join(stage, "install"))
	if text, err := os.ReadFile(policy); err != nil || string(text) != "version = 1\n" {
		t.Errorf("the policy is %q, %v", text, err)
	}

	for file, text := range map[string]string{
		"etc/docker/daemon.json":                            "{\"debug\": true, \"authorization-plugins\": [\n  \"other\",\n  \"caisson\"\n]}",
		"etc/systemd/system/docker.service.d/override.conf": "[Service]\nExecStart=\nExecStart=/usr/bin/dockerd --authorization-plugin=caisson -H fd://\n",
		"etc/default/docker":                                `DOCKER_OPTS="--authorization-plugin caisson"`,
	} {
		write(t, filepath.Join(root, file), text)
		before := list(t, root)
		out, err := uninstall(stage, environment)
		if err == nil || !strings.Contains(out, "dockerd depends on Caisson: ") || !strings.Contains(out, file) {
			t.Errorf("%s: %v: %s", file, err, out)
		}
		if after := list(t, root); after != before {
			t.Errorf("%s: uninstall refused, but changed\n%s\nto\n%s", file, before, after)
		}
		if err := os.Remove(filepath.Join(root, file)); err != nil {
			t.Fatal(err)
		}
	}

	write(t, filepath.Join(root, "etc/docker/daemon.json"), `{"authorization-plugins": ["other", "caisson-next"]}`)
	if out, err := uninstall(stage, environment); err != nil {
		t.Errorf("nobody needs it, but: %s", out)
	}
	if left := list(t, root); left != "etc/caisson/policy.toml\netc/docker/daemon.json" {
		t.Errorf("left: %s", left)
	}
}

// link is one of Markdown to another file.
var link = regexp.MustCompile(`\]\(([A-Za-z./][^):#]*)[)#]`)

// checkLinks follows the links between the documents that are installed.
func checkLinks(t *testing.T, folder string) {
	t.Helper()
	found := 0
	for name := range strings.SplitSeq(list(t, folder), "\n") {
		if filepath.Ext(name) != ".md" {
			continue
		}
		text, err := os.ReadFile(filepath.Join(folder, name))
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range link.FindAllSubmatch(text, -1) {
			found++
			if _, err := os.Stat(filepath.Join(folder, filepath.Dir(name), string(m[1]))); err != nil {
				t.Errorf("%s links to %s, which is not installed", name, m[1])
			}
		}
	}
	if found < 50 {
		t.Errorf("found %d links: are the documents read correctly?", found)
	}
}

func uninstall(stage string, environment []string) (string, error) {
	cmd := exec.Command(filepath.Join(stage, "uninstall"))
	cmd.Env = append(os.Environ(), environment...)
	out, err := cmd.CombinedOutput()
	return string(out), err
}

func write(t *testing.T, file, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// list lists the files below a folder.
func list(t *testing.T, root string) string {
	t.Helper()
	var files []string
	err := fs.WalkDir(os.DirFS(root), ".", func(name string, entry fs.DirEntry, err error) error {
		if err == nil && !entry.IsDir() {
			files = append(files, name)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return strings.Join(files, "\n")
}
