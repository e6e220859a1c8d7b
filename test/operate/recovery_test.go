package operate

import (
	"strings"
	"testing"
	"time"

	"caisson/test/engine"
)

// What is asked of the machine again and again.
const (
	ordinary   = "timeout 100 docker run --rm --memory 64m " + engine.Image + " echo hello"
	privileged = "timeout 100 docker create --memory 64m --privileged " + engine.Image
)

// guards tells whether the Engine refuses what it should, and nothing else.
func (m *machine) guards() bool {
	out, err := m.output(privileged)
	return err != nil && strings.Contains(out, "authorization denied by plugin caisson") && m.try(ordinary) == nil
}

// open tells whether the Engine refuses nothing.
func (m *machine) open() bool { return m.try(privileged) == nil && m.try(ordinary) == nil }

// diagnosed tells whether the doctor, too, finds the managed plugin and nothing wrong with it.
func (m *machine) diagnosed() bool {
	out, err := m.output("caisson doctor --quiet --plugin caisson-managed")
	m.t.Logf("%s", out)
	return err == nil && m.guards()
}

// must waits for a state. What comes back from a failure may need a moment, and a second try.
func (m *machine) must(what string, state func() bool) {
	m.t.Helper()
	if !m.within(2*time.Minute, state) {
		m.t.Fatalf("in vain: %s", what)
	}
}

// TestRecovery takes a machine from nothing to an enforced Engine with the commands of the README, breaks it in every way that
// docs/recovery.md knows, and comes back with the commands that stand there.
func TestRecovery(t *testing.T) {
	onEach(t, func(t *testing.T, version engine.Version) {
		m := boot(t, version, "docs/recovery.md")
		followed := make(map[string]bool)
		follow := func(block string) {
			t.Helper()
			followed[block] = true
			m.follow(block)
		}
		// The audit log gets a disk of its own, for it to be full.
		m.do("mkdir -m 0700 /var/log/caisson && mount -t tmpfs -o size=2m,mode=700 tmpfs /var/log/caisson")

		follow("install")
		follow("service")
		if !m.open() {
			t.Fatal("installing has changed what the Engine does")
		}
		follow("on")
		m.must("audit mode lets everything pass", m.open)
		follow("enforce")
		m.must("the Engine is guarded", m.guards)
		if t.Failed() {
			return
		}

		stop := "systemctl stop caisson.socket caisson.service"
		for _, way := range []struct {
			name, blow string
			broken     func() bool // it really is
			blocks     []string
			good       func() bool
		}{
			{"gone", stop, func() bool { return m.try("timeout 5 docker ps") != nil }, []string{"gone"}, m.guards},
			{"gone for good", stop, func() bool { return m.try("timeout 5 docker ps") != nil }, []string{"out"}, m.open},
			{"nothing is refused", "systemctl start caisson.socket caisson.service", m.open, []string{"back"}, m.guards},
			{"hangs", "systemctl kill --signal=STOP caisson.service", func() bool { return m.try("timeout 5 docker ps") != nil }, []string{"hangs"}, m.guards},
			{
				"disk full", "dd if=/dev/zero of=/var/log/caisson/audit.log.1 bs=4k 2>/dev/null || true",
				func() bool {
					out, _ := m.output("docker ps")
					return strings.Contains(out, "audit record cannot be written")
				},
				[]string{"full"},
				m.guards,
			},
			{
				"policy broken", "echo '[rules.memory' >> /etc/caisson/policy.toml && systemctl restart caisson.service",
				func() bool {
					out, _ := m.output(m.blocks["broken"])
					return strings.Contains(out, "not TOML") && m.guards()
				},
				[]string{"anew", "broken"},
				m.guards,
			},
			{"policy too strict", "", m.guards, []string{"record"}, m.open},
			{"to be enforced", "", m.open, []string{"enforce"}, m.guards},
			{
				"dockerd does not start", stuck, func() bool { return m.try("timeout 5 docker ps") != nil },
				[]string{"anew", "docker"},
				m.guards,
			},
			{
				"dockerd does not start, and Caisson neither", stuck, func() bool { return m.try("timeout 5 docker ps") != nil },
				[]string{"without"},
				m.open,
			},
			{
				"managed plugin disabled", managed + disabled, m.open, []string{"managed"}, m.open,
			},
			{
				"managed plugin disabled, and dockerd restarted",
				disabled + "systemctl restart --no-block docker.service; sleep 5",
				func() bool { return m.try("timeout 5 docker ps") != nil },
				[]string{"managed-out"},
				m.open,
			},
			{"managed plugin to enforce", "sed -i '0,/^mode = \"audit\"/s//mode = \"enforce\"/' /etc/caisson/policy.toml", m.guards, nil, m.diagnosed},
		} {
			begin := time.Now()
			m.do(way.blow)
			m.must(way.name+": it is not broken", way.broken)
			for _, block := range way.blocks {
				follow(block)
			}
			m.must(way.name+": no way back", way.good)
			t.Logf("== %s: there and back in %v", way.name, time.Since(begin).Round(time.Second))
		}
		for name := range m.blocks {
			if !followed[name] {
				t.Errorf("the commands %q of the documents are not tried", name)
			}
		}
	})
}

// stuck is a Caisson that does not start, for it has no policy that could be used, and a dockerd that needs it.
const stuck = `
systemctl stop docker.service docker.socket caisson.socket caisson.service
echo nonsense > /etc/caisson/policy.toml
rm -rf /var/lib/caisson/last-good
systemctl start --no-block docker.service
sleep 5
`

// managed puts Caisson into the Engine as a managed plugin, which dockerd is to ask.
const managed = `
caisson policy default --profile baseline > /etc/caisson/policy.toml
sed -i '0,/^mode = "enforce"/s//mode = "audit"/' /etc/caisson/policy.toml
CAISSON_BINARY=bin/caisson hack/plugin create caisson-managed
docker plugin set caisson-managed policy.source=/etc/caisson audit.source=/var/log/caisson engine.source=/run
docker plugin enable caisson-managed
caisson enforce on --yes --plugin caisson-managed
`

// disabled is what audit mode lets pass.
const disabled = "docker plugin disable caisson-managed\n! caisson enforce status --plugin caisson-managed\n"
