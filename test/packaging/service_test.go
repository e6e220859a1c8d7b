package packaging

import (
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// exposure is what "systemd-analyze security" may say at most, times 10. The rest is what Caisson is for: it runs as root beside dockerd,
// and sees the host's files as dockerd does.
const exposure = "13"

// TestService runs the units under a real systemd, in front of a real dockerd.
func TestService(t *testing.T) {
	t.Parallel()
	m := boot(t)
	m.must(t, "dpkg --install /mnt/"+filepath.Base(deb(t, "v1.0.0", m.share)))
	m.must(t, "systemctl stop caisson.service caisson.socket")
	if out := m.must(t, "systemd-analyze verify caisson.service caisson.socket"); out != "" {
		t.Errorf("systemd-analyze verify: %s", out)
	}
	m.must(t, "systemd-analyze security --no-pager --threshold="+exposure+" caisson.service")

	t.Run("a start before dockerd's", func(t *testing.T) {
		m.must(t, `echo '{"authorization-plugins": ["caisson"]}' >/etc/docker/daemon.json && systemctl start docker`)
		m.mustNot(t, create, named)
		for _, unit := range []string{"caisson.socket", "caisson.service"} {
			m.must(t, "systemctl show --value --property=After docker.service | tr ' ' '\\n' | grep -qx "+unit)
		}
		if state := m.property(t, "ActiveState"); state != "active" {
			t.Errorf("the service is %s", state)
		}
	})

	t.Run("readiness", func(t *testing.T) {
		// Neither a policy nor a copy: it never gets ready, and start says so.
		m.must(t, "systemctl stop docker caisson.service caisson.socket && rm -r /var/lib/caisson/last-good && mv /etc/caisson/policy.toml /root/ && echo 'profil = 1' >/etc/caisson/policy.toml")
		m.mustNot(t, "systemctl start caisson.service", "failed")
		m.must(t, "mv /root/policy.toml /etc/caisson/ && systemctl stop caisson.service caisson.socket && systemctl reset-failed && systemctl start caisson.service docker")
		m.mustNot(t, create, named)
	})

	t.Run("restarts", func(t *testing.T) {
		stop := m.keepAsking(t)
		for range 5 {
			m.must(t, "systemctl restart caisson.service && sleep 0.3")
		}
		m.must(t, "systemctl reload caisson.service")
		stop()
	})

	t.Run("a crash", func(t *testing.T) {
		before := m.property(t, "MainPID")
		m.must(t, "systemctl kill --signal=KILL caisson.service")
		m.must(t, "docker volume ls")
		if after := m.property(t, "MainPID"); after == before || after == "0" {
			t.Errorf("process %s, before the crash %s", after, before)
		}
	})

	t.Run("the watchdog", func(t *testing.T) {
		m.must(t, "mkdir -p /run/systemd/system/caisson.service.d && printf '[Service]\\nWatchdogSec=2\\n' >/run/systemd/system/caisson.service.d/watchdog.conf && systemctl daemon-reload && systemctl restart caisson.service")
		time.Sleep(3 * time.Second) // one that answers is left alone
		before := m.property(t, "MainPID")
		if restarts := m.property(t, "NRestarts"); restarts != "0" {
			t.Errorf("%s restarts of a service that answers", restarts)
		}
		m.must(t, "kill -STOP "+before)
		m.must(t, "docker volume ls")
		if after := m.property(t, "MainPID"); after == before || after == "0" {
			t.Errorf("process %s, stopped was %s", after, before)
		}
		m.must(t, "journalctl --unit=caisson.service | grep -q 'Watchdog timeout'")
		m.must(t, "rm -r /run/systemd/system/caisson.service.d && systemctl daemon-reload && systemctl restart caisson.service")
	})

	t.Run("rotation of the audit log", func(t *testing.T) {
		m.must(t, "docker volume ls && logrotate --force /etc/logrotate.d/caisson")
		m.must(t, "docker volume create rotated")
		m.eventually(t, "grep -l VolumeCreate /var/log/caisson/audit.log", "/var/log/caisson/audit.log")
		m.must(t, "grep -q VolumeList /var/log/caisson/audit.log.1")
	})

	t.Run("the network", func(t *testing.T) {
		namespace := func() string { return m.must(t, "readlink /proc/"+m.property(t, "MainPID")+"/ns/net") }
		host := m.must(t, "readlink /proc/1/ns/net")
		if namespace() == host {
			t.Error("it has the host's network")
		}
		m.must(t, "mkdir -p /etc/systemd/system/caisson.service.d && cp /usr/share/doc/caisson/examples/caisson.service.d/network.conf /etc/systemd/system/caisson.service.d/ && systemctl daemon-reload && systemctl restart caisson.service")
		if namespace() != host {
			t.Error("the drop-in gives it no network")
		}
		if families := strings.Fields(m.property(t, "RestrictAddressFamilies")); len(families) != 3 {
			t.Errorf("address families %q", families)
		}
		m.mustNot(t, create, named)
	})
}
