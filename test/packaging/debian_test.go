package packaging

import (
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"caisson/test/engine"
)

const nameIt = `echo '{"authorization-plugins": ["caisson"]}' >/etc/docker/daemon.json && systemctl reload docker`

// unnamed is docker's answer for want of an image; named is Caisson's.
const (
	create  = "docker create --pull=never --privileged no-such-image"
	unnamed = "No such image"
	named   = "authorization denied by plugin caisson"
)

// deb builds the package of a version into a folder.
func deb(t *testing.T, version, folder string) string {
	t.Helper()
	return strings.TrimSpace(script(t, []string{"VERSION=" + version}, "../../hack/deb", stage(t, version), runtime.GOARCH, folder))
}

// TestDebianPackage installs the package on a machine with Docker, upgrades it, fails to remove it while it is needed, and purges it.
func TestDebianPackage(t *testing.T) {
	t.Parallel()
	engine.Need(t, "dpkg-deb", "lintian")
	m := boot(t)
	old, next := deb(t, "v1.0.0", m.share), deb(t, "v1.0.1-3-gabcdef0", m.share)
	if out, err := exec.Command("lintian", "--allow-root", "--fail-on=error,warning", "--tag-display-limit=0", old).CombinedOutput(); err != nil {
		t.Errorf("lintian: %v:\n%s", err, out)
	}

	m.must(t, "systemctl start docker")
	install := "dpkg --install /mnt/"
	m.must(t, install+filepath.Base(old))
	m.eventually(t, "systemctl is-active caisson.socket caisson.service", "active\nactive")
	m.must(t, "systemctl is-enabled caisson.socket caisson.service")
	if got := m.must(t, "stat --format='%a %U' /etc/caisson /etc/caisson/policy.toml"); got != "700 root\n600 root" {
		t.Errorf("modes %q", got)
	}
	m.must(t, "caisson policy validate /etc/caisson/policy.toml && test $(caisson policy default | md5sum | cut -c1-32) = $(md5sum </etc/caisson/policy.toml | cut -c1-32)")
	m.must(t, "man caisson-serve >/dev/null && test -s /usr/share/bash-completion/completions/caisson")
	m.must(t, "test ! -e /etc/docker/daemon.json")
	m.mustNot(t, create, unnamed) // nothing is enforced until daemon.json says so

	m.must(t, nameIt)
	m.mustNot(t, create, named)
	m.must(t, "echo '# edited' >>/etc/caisson/policy.toml")
	stop := m.keepAsking(t)
	m.must(t, install+filepath.Base(next))
	stop()
	m.mustNot(t, create, named)
	m.must(t, "grep -q '# edited' /etc/caisson/policy.toml")
	if version, running := m.must(t, "caisson version"), m.must(t, "readlink /proc/"+m.property(t, "MainPID")+"/exe"); !strings.HasPrefix(version, "caisson v1.0.1-3-gabcdef0\n") || running != "/usr/bin/caisson" {
		t.Errorf("after the upgrade: %q, %q runs", version, running)
	}

	const removal = "dpkg --remove caisson"
	m.mustNot(t, removal, "/etc/docker/daemon.json names it in authorization-plugins")
	m.mustNot(t, create, named)
	m.must(t, "rm /etc/docker/daemon.json")
	m.mustNot(t, removal, "it still asks Caisson")
	m.must(t, "systemctl reload docker")
	m.mustNot(t, create, unnamed)
	m.must(t, removal)
	m.must(t, "test ! -e /usr/bin/caisson && test ! -e /run/docker/plugins/caisson.sock && grep -q '# edited' /etc/caisson/policy.toml && test -s /var/log/caisson/audit.log")
	m.must(t, "systemctl restart docker")
	m.mustNot(t, create, unnamed)

	m.must(t, install+filepath.Base(next)+" && systemctl is-active caisson.service && touch /etc/caisson/key")
	m.must(t, "dpkg --purge caisson")
	m.must(t, "test -e /etc/caisson/key")
	if left := m.must(t, "find /etc /lib/systemd /usr /var/lib/caisson /var/log/caisson -xdev -name '*caisson*' ! -path /etc/caisson 2>/dev/null || true"); left != "" {
		t.Errorf("left by purge: %s", left)
	}
}
