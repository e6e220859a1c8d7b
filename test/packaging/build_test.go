// Package packaging tests how Caisson is installed: the service under a real systemd, the Debian package, make install, and the release.
package packaging

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"caisson/test/engine"
)

func TestMain(m *testing.M) { engine.Main(m) }

// when is the time of all that the tests build.
const when = "1790000000"

// script runs one of the scripts that build.
func script(t *testing.T, environment []string, name string, args ...string) string {
	t.Helper()
	cmd := exec.Command(name, args...)
	cmd.Env = append(append(os.Environ(), "SOURCE_DATE_EPOCH="+when), environment...)
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s %q: %v", name, args, err)
	}
	return string(out)
}

// stage lays out a version of Caisson for this machine.
func stage(t *testing.T, version string) string {
	t.Helper()
	dir := t.TempDir()
	environment := []string{"VERSION=" + version}
	script(t, environment, "../../hack/build", filepath.Join(dir, "caisson"))
	script(t, environment, "../../hack/stage", filepath.Join(dir, "caisson"), filepath.Join(dir, "stage"))
	return filepath.Join(dir, "stage")
}
