package doctor

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"math/big"
	"slices"
	"strings"
	"syscall"
	"testing"
	"testing/fstest"
	"time"

	"caisson/authz"
	"caisson/cmd/caisson/host"
	"caisson/config"
)

var now = time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)

// file makes up a file of a host.
func file(mode fs.FileMode, uid, gid uint32, text string) *fstest.MapFile {
	return &fstest.MapFile{Mode: mode, Data: []byte(text), Sys: &syscall.Stat_t{Uid: uid, Gid: gid}}
}

// policy compiles a policy file.
func policy(t *testing.T, text string) *config.File {
	t.Helper()
	f, err := config.Read("/etc/caisson/policy.toml", []byte(text), now)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// daemon makes up dockerd's configuration.
func daemon(t *testing.T, text string) *host.Config {
	t.Helper()
	c, err := host.ParseConfig([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

const enforcing = "version = 1\nprofile = \"baseline\"\n"

// good are the facts of a host that is as it should be.
func good(t *testing.T) *Facts {
	t.Helper()
	f := &Facts{
		Now: now, Plugin: "caisson", EngineSocket: "/run/docker.sock", ConfigFile: "/etc/docker/daemon.json",
		Config: daemon(t, `{"authorization-plugins":["caisson"],"live-restore":true,"userns-remap":"default",
			"builder":{"entitlements":{"network-host":false,"security-insecure":false,"device":false}}}`),
		Dockerd: &host.Dockerd{PID: 100}, Version: EngineVersion{Version: "25.0.17", APIVersion: "1.44"},
		Guard: host.Guarded, GuardSeen: "seen", PluginSocket: "/run/docker/plugins/caisson.sock",
		Outcomes: []host.Outcome{{Attack: "an attack", Refused: true, By: "caisson", Status: 403}},
		Places:   []host.Place{{Path: "/run/docker/plugins/caisson.sock", Kind: host.Socket}},
		Policy:   policy(t, enforcing), PolicyFile: "/etc/caisson/policy.toml",
		Serving: &Serving{LastGood: enforcing}, Existing: &Existing{All: 2},
		Files: host.Files{FS: fstest.MapFS{
			"run":                             file(fs.ModeDir|0o755, 0, 0, ""),
			"run/docker":                      file(fs.ModeDir|0o711, 0, 0, ""),
			"run/docker/plugins":              file(fs.ModeDir|0o700, 0, 0, ""),
			"run/docker/plugins/caisson.sock": file(fs.ModeSocket|0o600, 0, 0, ""),
			"run/docker.sock":                 file(fs.ModeSocket|0o660, 0, 999, ""),
			"run/containerd/containerd.sock":  file(fs.ModeSocket|0o660, 0, 0, ""),
			"etc/docker":                      file(fs.ModeDir|0o755, 0, 0, ""),
			"etc/docker/daemon.json":          file(0o644, 0, 0, "{}"),
			"etc/caisson":                     file(fs.ModeDir|0o700, 0, 0, ""),
			"etc/caisson/policy.toml":         file(0o600, 0, 0, enforcing),
			"etc/group":                       file(0o644, 0, 0, "root:x:0:\ndocker:x:999:\n"),
			"etc/passwd":                      file(0o644, 0, 0, "root:x:0:0::/root:/bin/bash\n"),
			"proc/100/cmdline":                file(0o444, 0, 0, "/usr/bin/dockerd\x00-H\x00fd://\x00"),
		}},
	}
	for _, a := range attacks() {
		v := judge(t.Context(), f.Policy.Policy, a)
		v.Asked, v.PluginRefused, v.PluginRules = true, v.Refused, v.Rules
		f.Attacks = append(f.Attacks, v)
	}
	return f
}

// put changes one file of the host.
func (f *Facts) put(name string, m *fstest.MapFile) { f.Files.FS.(fstest.MapFS)[name] = m }

func TestGoodHost(t *testing.T) {
	f := good(t)
	if !f.Enforcing() {
		t.Error("not enforcing")
	}
	for _, x := range Examine(f) {
		if x.Severity != OK && (x.Severity != Info || x.Check != "engine-version") { // of every version something is known
			t.Errorf("%+v", x)
		}
	}
	if r := NewReport(f); !r.Healthy() || r.Failed+r.Warned != 0 {
		t.Errorf("%+v", r)
	}
}

// grant lets a user write a file whose owner, group and mode do not show it.
func grant(file string) func(f *Facts) {
	return func(f *Facts) {
		f.Files.ACL = func(name string) []byte {
			if name != file {
				return nil
			}
			return []byte("\x02\x00\x00\x00" + "\x02\x00\x06\x00\xe8\x03\x00\x00" + "\x10\x00\x06\x00\xff\xff\xff\xff") // user 1000, the mask
		}
	}
}

// Each case is one thing that is not as it should be. No check may be without a case.
func TestChecks(t *testing.T) {
	tried := make(map[string]bool)
	for _, c := range []struct {
		check    string
		severity Severity
		want     string // in what is found
		change   func(f *Facts)
	}{
		{"engine", Fail, "nobody answers", func(f *Facts) { f.EngineErr = fmt.Errorf("%w: gone", host.ErrNoEngine) }},
		{"engine", Fail, "does not answer", func(f *Facts) { f.EngineErr = fmt.Errorf("%w: slow", host.ErrSilent) }},
		{"engine", Fail, "reset", func(f *Facts) { f.EngineErr = errors.New("connection reset") }},
		{"engine", Info, "was refused", func(f *Facts) { f.Version = EngineVersion{} }},
		{"engine", Warn, "API 1.99", func(f *Facts) { f.Version.APIVersion = "1.99" }},
		{"existing-containers", Warn, "2 of this host's containers could not be started under the policy (a, b); those that run go on, and are not started or entered again", func(f *Facts) {
			f.Existing = &Existing{All: 3, Refused: []string{"a", "b"}}
		}},
		{"existing-containers", Warn, "(a); once the policy is enforced, those that run are stopped, and are not started", func(f *Facts) {
			f.Policy.Policy.Mode, f.Policy.Policy.Watch = authz.Audit, authz.Enforce
			f.Existing = &Existing{All: 3, Refused: []string{"a"}}
		}},
		{"existing-containers", Warn, "(a, b, c, d, e and 1 more); those that run go on; whoever may use the Engine may start and enter them: existing_containers.mode is audit", func(f *Facts) {
			f.Policy.Policy.Existing = authz.Audit
			f.Existing = &Existing{All: 6, Refused: []string{"a", "b", "c", "d", "e", "f"}}
		}},
		{"existing-containers", Warn, "of 1 of this host's containers Caisson cannot say whether they could be started (a)", func(f *Facts) {
			f.Existing = &Existing{All: 3, Undecided: []string{"a"}}
		}},
		{"existing-containers", Warn, "could not be looked at: refused", func(f *Facts) { f.ExistingErr = errors.New("refused") }},
		{"in-force", Fail, "does not ask", func(f *Facts) { f.Guard = host.Unguarded }},
		{"in-force", Warn, "cannot be seen", func(f *Facts) { f.Guard = host.Unknown }},
		{"dockerd-config", Fail, "cannot be used", func(f *Facts) { f.Config, f.ConfigErr = nil, errors.New("not JSON") }},
		{"dockerd-config", Fail, "will not start again", func(f *Facts) { f.Dockerd.Plugins = []string{"caisson"} }},
		{"dockerd-config", Fail, "after a restart it will not", func(f *Facts) { f.Config.Plugins = nil }},
		{"dockerd-config", Fail, "neither", func(f *Facts) { f.Config.Plugins, f.Guard = nil, host.Unguarded }},
		{"dockerd-config", Fail, "has not read that yet", func(f *Facts) { f.Guard = host.Unguarded }},
		{"dockerd-config", Info, "other is asked before", func(f *Facts) { f.Config.Plugins = []string{"other", "caisson"} }},
		{"dockerd-config", Fail, "everybody can write", func(f *Facts) { f.put("etc/docker/daemon.json", file(0o666, 0, 0, "{}")) }},
		{"plugin-answers", Fail, "silent", func(f *Facts) { f.PluginErr = errors.New("silent") }},
		{"plugin-answers", Fail, "no room", func(f *Facts) { f.PluginErr = fmt.Errorf("%w: no room", host.ErrRefusesPing) }},
		{"self-test", Fail, "answered 404", func(f *Facts) { f.Outcomes[0] = host.Outcome{Attack: "an attack", Status: 404} }},
		{"self-test", Fail, "mode is audit", func(f *Facts) {
			f.Outcomes[0].Refused, f.Policy = false, policyOf("mode = \"audit\"\n"+enforcing)
		}},
		{"self-test", Fail, "an attack", func(f *Facts) { f.Outcomes[0].Refused, f.Guard = false, host.Unguarded }},
		{"self-test", Info, "by plugin other", func(f *Facts) { f.Outcomes[0].By = "other" }},
		{"policy-attacks", Warn, "lets 1 of", func(f *Facts) { f.Attacks[0].Refused = false }},
		{"policy", Fail, "there is no policy", func(f *Facts) { f.Policy, f.PolicyErr = nil, fs.ErrNotExist }},
		{"policy", Fail, "line 1; line 2", func(f *Facts) { f.Policy, f.PolicyErr = nil, errors.New("line 1\nline 2") }},
		{"policy", Fail, "mode is audit in", func(f *Facts) { f.Policy = policyOf("mode = \"audit\"\n" + enforcing) }},
		{"policy", Fail, "--mode=audit", func(f *Facts) { f.Serving.Mode = "audit" }},
		{"policy", Info, "1 rules only record: privileged", func(f *Facts) { f.Policy = policyOf(enforcing + "[rules.privileged]\nmode = \"audit\"\n") }},
		{"policy", Fail, "user 1000 can write", func(f *Facts) { f.put("etc/caisson/policy.toml", file(0o600, 1000, 0, "")) }},
		{"policy", Fail, "group 50 can write /etc/caisson,", func(f *Facts) { f.put("etc/caisson", file(fs.ModeDir|0o770, 0, 50, "")) }},
		{"policy", Fail, "user 1000 can write /etc/caisson/policy.toml,", grant("/etc/caisson/policy.toml")},
		{"dockerd-config", Fail, "user 1000 can write", grant("/etc/docker/daemon.json")},
		{"plugin-folders", Fail, "user 1000 can write to /run/docker/plugins", grant("/run/docker/plugins")},
		{"plugin-socket", Fail, "user 1000 can connect", grant("/run/docker/plugins/caisson.sock")},
		{"containerd-socket", Fail, "user 1000 can open", grant("/run/containerd/containerd.sock")},
		{"engine-socket", Info, "by user 1000", grant("/run/docker.sock")},
		{"policy-in-force", Fail, "took up another text", func(f *Facts) { f.Serving.LastGood = "version = 1\n" }},
		{"policy-in-force", Fail, "decides otherwise", func(f *Facts) { f.Attacks[0].PluginRefused = false }},
		{"policy-in-force", Fail, "decides otherwise", func(f *Facts) { f.Serving, f.Attacks[0].PluginRules = nil, []string{"memory"} }},
		{"exceptions", Warn, "ended at 2026-11-02", func(f *Facts) { f.Policy = policyOf(exception("2026-11-01")) }},
		{"exceptions", Warn, "ends at 2026-12-02", func(f *Facts) { f.Policy = policyOf(exception("2026-12-01")) }},
		{"plugin-socket", Fail, "everybody can connect", func(f *Facts) { f.put("run/docker/plugins/caisson.sock", file(fs.ModeSocket|0o666, 0, 0, "")) }},
		{"plugin-socket", Fail, "group 999 can connect", func(f *Facts) { f.put("run/docker/plugins/caisson.sock", file(fs.ModeSocket|0o660, 0, 999, "")) }},
		{"plugin-folders", Fail, "everybody can write to /run/docker/plugins", func(f *Facts) { f.put("run/docker/plugins", file(fs.ModeDir|0o777, 0, 0, "")) }},
		{"plugin-folders", Fail, "group 7 can write to /etc/docker", func(f *Facts) { f.put("etc/docker", file(fs.ModeDir|0o775, 0, 7, "")) }},
		{"plugin-name", Fail, "bears the name caisson too", func(f *Facts) {
			f.Places = append(f.Places, host.Place{Path: "/etc/docker/plugins/caisson.spec", Kind: host.Description})
		}},
		{"plugin-name", Fail, "takes the managed one", func(f *Facts) {
			f.Places = append([]host.Place{{Kind: host.ManagedPlugin, Managed: &host.Managed{Name: "caisson:latest", Enabled: true}}}, f.Places...)
		}},
		{"plugin-name", Fail, "is disabled", func(f *Facts) {
			f.Places = []host.Place{{Kind: host.ManagedPlugin, Managed: &host.Managed{Name: "caisson:latest"}}}
		}},
		{"plugin-name", Fail, "from /usr/lib", func(f *Facts) {
			f.Places = []host.Place{{Path: "/usr/lib/docker/plugins/caisson.json", Kind: host.Description}}
		}},
		{"engine-socket", Fail, "mode 0666", func(f *Facts) { f.put("run/docker.sock", file(fs.ModeSocket|0o666, 0, 0, "")) }},
		{"engine-socket", Warn, "user 1000", func(f *Facts) { f.put("run/docker.sock", file(fs.ModeSocket|0o600, 1000, 0, "")) }},
		{"engine-socket", Info, "group docker: ann, bob", func(f *Facts) {
			f.put("etc/group", file(0o644, 0, 0, "docker:x:999:ann\n"))
			f.put("etc/passwd", file(0o644, 0, 0, "bob:x:1001:999::/:/bin/sh\n"))
		}},
		{"listeners", Fail, "tcp://0.0.0.0:2375", func(f *Facts) { f.Dockerd.Hosts = []string{"0.0.0.0:2375"} }},
		{"listeners", Warn, "tcp://127.0.0.1:2375", func(f *Facts) { f.Config.Hosts = []string{"tcp://127.0.0.1:2375"} }},
		{"listeners", Fail, "tcp://:2376", func(f *Facts) {
			no := false
			f.Config.Hosts, f.Config.TLSVerify, f.Dockerd.TLS = []string{"tcp://:2376"}, &no, true
		}},
		{"containerd-socket", Fail, "group 44 can open", func(f *Facts) { f.put("run/containerd/containerd.sock", file(fs.ModeSocket|0o660, 0, 44, "")) }},
		{"containerd-socket", Fail, "/opt/c.sock", func(f *Facts) {
			f.Dockerd.Containerd = "/opt/c.sock"
			f.put("opt/c.sock", file(fs.ModeSocket|0o666, 0, 0, ""))
		}},
		{"other-engines", Info, "/run/user/1000/docker.sock", func(f *Facts) { f.put("run/user/1000/docker.sock", file(fs.ModeSocket|0o660, 1000, 0, "")) }},
		{"other-engines", Info, "process 200", func(f *Facts) { f.put("proc/200/cmdline", file(0o444, 0, 0, "dockerd\x00")) }},
		{"builder-entitlements", Fail, "privileged steps", func(f *Facts) { f.Config.Builder.Entitlements["security-insecure"] = true }},
		{"builder-entitlements", Info, "host's network", func(f *Facts) { f.Config.Builder.Entitlements = nil }},
		{"experimental", Warn, "experimental", func(f *Facts) { f.Version.Experimental = true }},
		{"experimental", Warn, "experimental", func(f *Facts) { f.Config.Experimental = true }},
		{"live-restore", Info, "stops every container", func(f *Facts) { f.Config.LiveRestore = false }},
		{"min-api-version", Info, "API 1.24", func(f *Facts) { f.Config.MinAPI = "1.24" }},
		{"userns-remap", Info, "root on the host", func(f *Facts) { f.Config.UsernsRemap = "" }},
		{"certificates", Fail, "ended at 2026-11-23", func(f *Facts) { f.certificate(now.Add(-24 * time.Hour)) }},
		{"certificates", Warn, "ends at 2026-12-04", func(f *Facts) { f.certificate(now.Add(10 * 24 * time.Hour)) }},
		{"certificates", Warn, "cannot be read", func(f *Facts) { f.Config.TLSCert = "/no/such.pem" }},
		{"certificates", Warn, "no certificate in", func(f *Facts) { f.Config.TLSCACert = "/etc/group" }},
		{"trust-certificates", Warn, "root.pem (certificates of the statement \"team\") ended at 2026-11-23", func(f *Facts) { f.trust(now.Add(-24 * time.Hour)) }},
		{"trust-certificates", Warn, "root.pem (certificates of the statement \"team\") ends at 2026-12-04", func(f *Facts) { f.trust(now.Add(10 * 24 * time.Hour)) }},
		{"trust-certificates", Warn, "registry.pem (ca of the registry registry.example.com) ends at 2026-12-04", func(f *Facts) { f.trust(now.Add(10 * 24 * time.Hour)) }},
		{"trust-certificates", OK, "2 files of certificates", func(f *Facts) { f.trust(now.AddDate(1, 0, 0)) }},
		{"trust-certificates", Warn, "cannot be read", func(f *Facts) {
			f.trust(now.AddDate(1, 0, 0))
			delete(f.Files.FS.(fstest.MapFS), "etc/caisson/registry.pem")
		}},
		{"trust-certificates", Warn, "no certificate in", func(f *Facts) {
			f.trust(now.AddDate(1, 0, 0))
			f.put("etc/caisson/registry.pem", file(0o644, 0, 0, ""))
		}},
		{"trust-network", Warn, "no network", func(f *Facts) { f.trust(now.AddDate(1, 0, 0)); f.Serving.Offline = true }},
		{"trust-network", OK, "has a network", func(f *Facts) { f.trust(now.AddDate(1, 0, 0)) }},
		{"engine-version", Warn, "CVE-2026-34040", func(f *Facts) { f.Version.Version = "28.5.2" }},
		{"engine-version", Info, "not that of a release", func(f *Facts) { f.Version.Version = "dev" }},
	} {
		t.Run(c.check+" "+c.want, func(t *testing.T) {
			tried[c.check] = true
			f := good(t)
			c.change(f)
			found := slices.ContainsFunc(Examine(f), func(x Finding) bool {
				return x.Check == c.check && x.Severity == c.severity && strings.Contains(x.What, c.want)
			})
			if !found {
				for _, x := range Examine(f) {
					if x.Severity != OK || x.Check == c.check {
						t.Errorf("found: %s %s: %s", x.Severity, x.Check, x.What)
					}
				}
			}
			if r := NewReport(f); c.severity == Fail && r.Healthy() {
				t.Error("healthy all the same")
			}
		})
	}
	for _, c := range Checks() {
		if !tried[c.ID] {
			t.Errorf("the check %s has no case", c.ID)
		}
	}
}

// policyOf is policy for texts that are known to be good.
func policyOf(text string) *config.File {
	f, err := config.Read("policy.toml", []byte(text), now)
	if err != nil {
		panic(err)
	}
	return f
}

func exception(expires string) string {
	return enforcing + "[[exceptions]]\nname = \"x\"\nrules = [\"host-pid\"]\nuser = \"ann\"\nexpires = " + expires + "\nowner = \"ops\"\nreason = \"why\"\n"
}

// certificate gives dockerd one that ends at a time.
func (f *Facts) certificate(end time.Time) {
	f.Config.TLSCert = "/etc/docker/cert.pem"
	f.put("etc/docker/cert.pem", certificate(end))
}

func certificate(end time.Time) *fstest.MapFile {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		panic(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotBefore: end.Add(-1000 * time.Hour), NotAfter: end, IsCA: true, BasicConstraintsValid: true,
		Subject: pkix.Name{CommonName: "Test", Organization: []string{"Test"}, Country: []string{"DE"}},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		panic(err)
	}
	return file(0o644, 0, 0, string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})))
}

// trust gives the policy a registry and a folder of signers' authorities, with certificates that end at a time.
func (f *Facts) trust(end time.Time) {
	f.put("etc/caisson/registry.pem", certificate(end))
	f.put("etc/caisson/signers/root.pem", certificate(end))
	f.put("etc/caisson/signers/.hidden", file(0o644, 0, 0, ""))
	policy, err := config.Reader{Files: trustFiles{f.Files}}.Read("/etc/caisson/policy.toml", []byte(enforcing+`
[[image_trust.registries]]
host = "registry.example.com"
ca   = ["registry.pem"]

[[image_trust.statements]]
name         = "team"
repositories = ["registry.example.com/team"]
certificates = ["signers"]
identities   = ["*"]
`), now)
	if err != nil {
		panic(err)
	}
	f.Policy = policy
}

// trustFiles are a host's files, as the policy reads them.
type trustFiles struct{ files host.Files }

func (t trustFiles) ReadFile(name string) ([]byte, error) { return t.files.Read(name) }

func (t trustFiles) ReadFolder(name string) ([]string, error) {
	info, err := t.files.Stat(name)
	if err != nil || !info.IsDir() {
		return nil, fs.ErrNotExist
	}
	return []string{name + "/root.pem"}, nil
}

// A host is enforcing only if that was seen.
func TestEnforcing(t *testing.T) {
	for name, change := range map[string]func(f *Facts){
		"not asked": func(f *Facts) { f.Guard = host.Unguarded },
		"another refuses": func(f *Facts) {
			f.Config.Plugins = []string{"other", "caisson"}
			f.Guard, f.Outcomes[0].By = host.Unknown, "other"
		},
		"not tried":         func(f *Facts) { f.Outcomes = nil },
		"one passed":        func(f *Facts) { f.Outcomes = append(f.Outcomes, host.Outcome{}) },
		"audit":             func(f *Facts) { f.Policy = policyOf("mode = \"audit\"\n" + enforcing) },
		"audit by flag":     func(f *Facts) { f.Serving.Mode = "audit" },
		"plugin not itself": func(f *Facts) { f.PluginErr = errors.New("silent") },
		"nothing known":     func(f *Facts) { *f = Facts{Now: now, Files: f.Files} },
	} {
		f := good(t)
		change(f)
		if f.Enforcing() || NewReport(f).Healthy() {
			t.Errorf("%s: counts as enforcing", name)
		}
	}
	f := good(t)
	f.Guard = host.Unknown // another plugin refuses the mark, and Caisson the attack
	if !f.Enforcing() {
		t.Error("what Caisson refuses does not count")
	}
}

// Every attack is refused by the weakest profile that is meant to protect, and by every one above it.
func TestAttacks(t *testing.T) {
	if len(attacks()) < 20 {
		t.Errorf("%d attacks", len(attacks()))
	}
	for _, profile := range []string{"baseline", "standard", "restricted", "cis-docker-1.6"} {
		p := policy(t, "version = 1\nprofile = \""+profile+"\"\n").Policy
		for _, a := range attacks() {
			if a.Why == "" || strings.Contains(a.Why, "\n") {
				t.Errorf("%s does not say in one line what it is", a.Name)
			}
			if v := judge(t.Context(), p, a); !v.Refused {
				t.Errorf("%s: %s is not refused", profile, v.Name)
			}
		}
	}
}

// The image of an attack is not there, so it is not the image for which the plugin refuses: nor may the file's own verdict be.
func TestAttacksAreOfNoImage(t *testing.T) {
	p := policy(t, "version = 1\nprofile = \"standard\"\n").Policy
	named := 0
	for _, a := range attacks() {
		if !strings.Contains(string(a.Call().Body), `"Image":`) {
			continue
		}
		named++
		if v := judge(t.Context(), p, a); slices.Contains(v.Rules, "image-signature") {
			t.Errorf("%s: %v", a.Name, v.Rules)
		}
	}
	if named == 0 {
		t.Error("no attack names an image")
	}
}

// A restart does not help a Caisson that runs and cannot record.
func TestRefusesEverything(t *testing.T) {
	f := good(t)
	f.PluginErr = fmt.Errorf("%w: no room", host.ErrRefusesPing)
	for _, x := range Examine(f) {
		if x.Check == "plugin-answers" && strings.Contains(x.Do, "restart") {
			t.Errorf("%+v", x)
		}
	}
}

// A policy file that is gone comes back as it was, if Caisson has kept it.
func TestPolicyGone(t *testing.T) {
	f := good(t)
	f.Policy, f.PolicyErr, f.PolicyFile = nil, fs.ErrNotExist, "/etc/caisson/policy.toml"
	f.Serving = &Serving{LastGood: enforcing, StateDir: "/var/lib/caisson"}
	const kept = "cp /var/lib/caisson/last-good/etc/caisson/policy.toml /etc/caisson/policy.toml"
	if got := f.restore(); got != kept {
		t.Errorf("%q, want %q", got, kept)
	}
	f.Serving.LastGood = ""
	if got := f.restore(); got != "caisson policy default > /etc/caisson/policy.toml" {
		t.Errorf("without a copy: %q", got)
	}
}
