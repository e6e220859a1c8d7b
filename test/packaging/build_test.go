// Package packaging tests how Caisson is installed: the service under a real systemd, the Debian package, make install, and the release.
package packaging

import (
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
)

// shared is the folder of what several tests need, made once.
var shared string

func TestMain(m *testing.M) {
	var err error
	if shared, err = os.MkdirTemp("", "caisson-packaging-"); err != nil {
		panic(err)
	}
	m.Run()
	_ = os.RemoveAll(shared) // what is left is below /tmp
}

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

var staging sync.Mutex

// stage lays out a version of Caisson for this machine.
func stage(t *testing.T, version string) string {
	t.Helper()
	staging.Lock()
	defer staging.Unlock()
	dir := filepath.Join(shared, version)
	if _, err := os.Stat(dir); err == nil {
		return dir
	}
	environment := []string{"VERSION=" + version}
	binary := dir + ".binary"
	script(t, environment, "../../hack/build", binary)
	script(t, environment, "../../hack/stage", binary, dir)
	return dir
}
