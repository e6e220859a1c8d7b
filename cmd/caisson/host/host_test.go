package host

import (
	"encoding/binary"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"testing/fstest"

	"golang.org/x/sys/unix"
)

func file(mode fs.FileMode, uid, gid uint32, text string) *fstest.MapFile {
	return &fstest.MapFile{Mode: mode, Data: []byte(text), Sys: &syscall.Stat_t{Uid: uid, Gid: gid}}
}

// What dockerd takes for a flag is read as one, and nothing else is.
func TestDockerdFlags(t *testing.T) {
	for line, check := range map[string]func(d *Dockerd) bool{
		"--authorization-plugin=caisson":          func(d *Dockerd) bool { return slices.Equal(d.Plugins, []string{"caisson"}) },
		"--authorization-plugin caisson -D":       func(d *Dockerd) bool { return slices.Equal(d.Plugins, []string{"caisson"}) },
		"-H fd:// --host=tcp://:1 -Htcp://:2":     func(d *Dockerd) bool { return slices.Equal(d.Hosts, []string{"fd://", "tcp://:1", "tcp://:2"}) },
		"--no-such --tlsverify":                   func(d *Dockerd) bool { return d.TLSVerify },
		"--tlsverify=false --tls":                 func(d *Dockerd) bool { return !d.TLSVerify && d.TLS },
		"-D --config-file=/a --config-file /b":    func(d *Dockerd) bool { return d.ConfigFile == "/b" },
		"--data-root /x --live-restore":           func(d *Dockerd) bool { return d.LiveRestore },
		"--label a=--authorization-plugin=other":  func(d *Dockerd) bool { return d.Plugins == nil },
		"--exec-opt native.cgroupdriver=cgroupfs": func(d *Dockerd) bool { return d.Plugins == nil && d.Hosts == nil },
	} {
		files := Files{FS: fstest.MapFS{
			"run/docker.pid":  file(0o644, 0, 0, "42\n"),
			"proc/42/cmdline": file(0o444, 0, 0, "/usr/bin/dockerd\x00"+strings.ReplaceAll(line, " ", "\x00")+"\x00"),
		}}
		d, err := files.FindDockerd(Find{})
		if err != nil || d == nil || d.PID != 42 || !check(d) {
			t.Errorf("%s: %+v, %v", line, d, err)
		}
	}
}

// A signal goes to a dockerd, or to nobody.
func TestFindDockerd(t *testing.T) {
	tree := fstest.MapFS{
		"run/docker.pid":    file(0o644, 0, 0, "42"),
		"var/other.pid":     file(0o644, 0, 0, "43"),
		"var/nonsense.pid":  file(0o644, 0, 0, "-1"),
		"var/everybody.pid": file(0o644, 0, 0, "1"),
		"proc/42/cmdline":   file(0o444, 0, 0, "/usr/bin/vim\x00dockerd\x00"),
		"proc/43/cmdline":   file(0o444, 0, 0, "dockerd\x00"),
	}
	files := Files{FS: tree}
	if d, err := files.FindDockerd(Find{}); d != nil || err != nil {
		t.Errorf("somebody else with an old number: %+v, %v", d, err)
	}
	if _, err := files.FindDockerd(Find{PIDFile: "/run/docker.pid"}); err == nil || !strings.Contains(err.Error(), "no dockerd") {
		t.Errorf("somebody else, named by the operator: %v", err)
	}
	for _, bad := range []string{"/var/nonsense.pid", "/var/everybody.pid", "/var/none.pid"} {
		if _, err := files.FindDockerd(Find{PIDFile: bad}); err == nil {
			t.Errorf("%s was taken", bad)
		}
	}
	for _, by := range []Find{{PIDFile: "/var/other.pid"}, {Config: &Config{PIDFile: "/var/other.pid"}}} {
		if d, err := files.FindDockerd(by); err != nil || d == nil || d.PID != 43 {
			t.Errorf("%+v: %+v, %v", by, d, err)
		}
	}
	if got := files.Dockerds(); len(got) != 1 || got[0].PID != 43 {
		t.Errorf("all: %+v", got)
	}
}

// Plugins are found in dockerd's order: managed ones, sockets, descriptions.
func TestPlaces(t *testing.T) {
	files := Files{FS: fstest.MapFS{
		"run/docker/plugins/caisson.sock":             file(fs.ModeSocket|0o600, 0, 0, ""),
		"run/docker/plugins/caisson/caisson.sock":     file(fs.ModeSocket|0o600, 0, 0, ""),
		"run/docker/plugins/file.sock":                file(0o600, 0, 0, ""),
		"run/docker/plugins/caisson.spec":             file(0o600, 0, 0, ""), // not looked at there
		"etc/docker/plugins/caisson.json":             file(0o600, 0, 0, `{"Addr":"unix:///a.sock"}`),
		"usr/lib/docker/plugins/caisson/caisson.spec": file(0o600, 0, 0, "tcp://somewhere:80\n"),
	}}
	managed := []Managed{{ID: "1234", Name: "other:latest"}, {ID: "5678", Name: "caisson:latest", Enabled: true}}
	managed[1].Config.Interface.Socket = "c.sock"
	var got []string
	for _, p := range files.Places("caisson", managed) {
		got = append(got, p.Path)
	}
	want := []string{
		"/run/docker/plugins/5678/c.sock", "/run/docker/plugins/caisson.sock", "/run/docker/plugins/caisson/caisson.sock",
		"/etc/docker/plugins/caisson.json", "/usr/lib/docker/plugins/caisson/caisson.spec",
	}
	if !slices.Equal(got, want) {
		t.Errorf("got %q\nwant %q", got, want)
	}
	if got := files.Places("file", nil); len(got) != 0 {
		t.Errorf("a file that is no socket: %+v", got)
	}
	if socket, err := files.Address(want[3]); err != nil || socket != "/a.sock" {
		t.Errorf("%q, %v", socket, err)
	}
	if _, err := files.Address(want[4]); err == nil || !strings.Contains(err.Error(), "tcp://somewhere:80") {
		t.Errorf("a plugin elsewhere: %v", err)
	}
}

func TestManagedNames(t *testing.T) {
	m := Managed{ID: "5678", Name: "docker.io/library/caisson:latest"}
	for name, want := range map[string]bool{"caisson": true, "caisson:latest": true, "5678": true, "docker.io/library/caisson:latest": true, "caisso": false, "caisson:1": false} {
		if m.named(name) != want {
			t.Errorf("%s: %v", name, !want)
		}
	}
}

func TestWritable(t *testing.T) {
	for _, c := range []struct {
		mode     fs.FileMode
		uid, gid uint32
		want     string
	}{
		{0o755, 0, 0, ""},
		{0o775, 0, 0, ""},
		{0o775, 0, 5, "group 5"},
		{0o757, 0, 5, "everybody"},
		{fs.ModeDir | fs.ModeSticky | 0o777, 0, 0, "everybody"},
		{0o755, 7, 0, "user 7"},
		{0o555, 7, 0, ""},
	} {
		files := Files{FS: fstest.MapFS{"f": file(c.mode, c.uid, c.gid, "")}}
		info, err := files.Stat("/f")
		if err != nil {
			t.Fatal(err)
		}
		if got := writable(info); got != c.want {
			t.Errorf("%v of %d:%d: %q, want %q", c.mode, c.uid, c.gid, got, c.want)
		}
	}
}

func TestServing(t *testing.T) {
	files := Files{FS: fstest.MapFS{
		"proc/7/cmdline":    file(0o444, 0, 0, "/usr/local/bin/caisson\x00serve\x00--mode\x00audit\x00"),
		"proc/8/cmdline":    file(0o444, 0, 0, "/usr/local/bin/caisson\x00doctor\x00"),
		"proc/self/cmdline": file(0o444, 0, 0, "caisson\x00serve\x00"),
	}}
	if got := files.Serving(); len(got) != 1 || got[0].PID != 7 || !slices.Equal(got[0].Args, []string{"serve", "--mode", "audit"}) {
		t.Errorf("%+v", got)
	}
}

// TestOffline reads what the kernel shows: of a namespace that is new, of one whose loopback is up, and of those with a route to elsewhere.
func TestOffline(t *testing.T) {
	const (
		heading = "Iface\tDestination\tGateway\n"
		away    = "eth0\t00000000\t010200C0\n"
		loop    = "00000000000000000000000000000001 80 00000000000000000000000000000000 80200001       lo\n"
		away6   = "fd000000000000000000000000000000 40 00000000000000000000000000000000 00000001     eth0\n"
	)
	for _, c := range []struct {
		route, ipv6 string
		want        bool
	}{
		{"", loop, true},
		{heading, loop + loop, true},
		{heading, "", true},
		{heading + away, loop, false},
		{heading, loop + away6, false},
	} {
		files := Files{FS: fstest.MapFS{"proc/7/net/route": file(0o444, 0, 0, c.route), "proc/7/net/ipv6_route": file(0o444, 0, 0, c.ipv6)}}
		if got := files.Offline(7); got != c.want {
			t.Errorf("%q, %q: %t", c.route, c.ipv6, got)
		}
		if files.Offline(8) {
			t.Error("a process that cannot be seen is taken for one without a network")
		}
	}
}

func TestReadConfig(t *testing.T) {
	files := Files{FS: fstest.MapFS{
		"good":  file(0o644, 0, 0, "\xef\xbb\xbf{\"authorization-plugins\":[\"a\"],\"tlsverify\":false,\"no-such\":{}}"),
		"blank": file(0o644, 0, 0, "\n"),
		"kind":  file(0o644, 0, 0, `{"hosts":"tcp://:1"}`),
	}}
	if c, err := files.ReadConfig("/good"); err != nil || !slices.Equal(c.Plugins, []string{"a"}) || c.TLSVerify == nil || *c.TLSVerify {
		t.Errorf("%+v, %v", c, err)
	}
	if c, err := files.ReadConfig("/none"); err != nil || !c.Missing {
		t.Errorf("%+v, %v", c, err)
	}
	if c, err := files.ReadConfig("/blank"); err != nil || c.Missing {
		t.Errorf("%+v, %v", c, err)
	}
	if _, err := files.ReadConfig("/kind"); err == nil || !strings.Contains(err.Error(), "hosts") {
		t.Errorf("%v", err)
	}
}

// TestGranted has an access control list let somebody write whom owner, group and mode do not show.
func TestGranted(t *testing.T) {
	const user, group, mask = 0x02, 0x08, 0x10
	list := func(entries ...[3]uint32) []byte {
		none := uint32(math.MaxUint32)
		b := binary.LittleEndian.AppendUint32(nil, 2)
		for _, e := range slices.Concat([][3]uint32{{0x01, 6, none}}, entries, [][3]uint32{{0x20, 4, none}}) {
			b = binary.LittleEndian.AppendUint16(b, uint16(e[0]))
			b = binary.LittleEndian.AppendUint16(b, uint16(e[1]))
			b = binary.LittleEndian.AppendUint32(b, e[2])
		}
		return b
	}
	for _, c := range []struct {
		name string
		list []byte
		want string
	}{
		{"none", nil, ""},
		{"cut off", []byte{2, 0}, ""},
		{"user", list([3]uint32{user, 6, 1000}, [3]uint32{0x04, 4, math.MaxUint32}, [3]uint32{mask, 6, math.MaxUint32}), "user 1000"},
		{"group", list([3]uint32{0x04, 4, math.MaxUint32}, [3]uint32{group, 2, 999}, [3]uint32{mask, 7, math.MaxUint32}), "group 999"},
		{"masked", list([3]uint32{user, 6, 1000}, [3]uint32{0x04, 4, math.MaxUint32}, [3]uint32{mask, 4, math.MaxUint32}), ""},
		{"reads", list([3]uint32{user, 4, 1000}, [3]uint32{0x04, 6, math.MaxUint32}, [3]uint32{mask, 6, math.MaxUint32}), ""},
		{"root", list([3]uint32{user, 6, 0}, [3]uint32{group, 6, 0}, [3]uint32{mask, 6, math.MaxUint32}), ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := granted(c.list); got != c.want {
				t.Errorf("%q, want %q", got, c.want)
			}
			if c.want == "" {
				return
			}
			file := filepath.Join(t.TempDir(), "policy.toml")
			if err := os.WriteFile(file, nil, 0o600); err != nil {
				t.Fatal(err)
			}
			if err := unix.Setxattr(file, "system.posix_acl_access", c.list, 0); err != nil {
				t.Skip(err) // a file system without them
			}
			info, err := Root().Stat(file)
			if err != nil {
				t.Fatal(err)
			}
			if got := Root().Writable(file, info); os.Geteuid() == 0 && got != c.want {
				t.Errorf("%s: %q, want %q", info.Mode(), got, c.want)
			}
		})
	}
}
