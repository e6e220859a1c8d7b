package host

import (
	"bytes"
	"cmp"
	"fmt"
	"io"
	"net"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/pflag"
	"golang.org/x/sys/unix"
)

// Dockerd is the process of a Docker Engine.
type Dockerd struct {
	PID  int
	Args []string // its command line, without the program

	// What the command line sets. dockerd does not start when the configuration file sets the same.
	Plugins     []string // --authorization-plugin
	Hosts       []string
	TLS         bool
	TLSVerify   bool
	TLSCACert   string
	TLSCert     string
	ConfigFile  string // "" is the usual one
	Containerd  string
	LiveRestore bool
}

// Find are the ways to a dockerd, in the order in which they are tried.
type Find struct {
	PIDFile string  // as the operator says; nothing else is tried then
	Engine  string  // path of the Engine's socket: whoever listens there
	Config  *Config // names another PID file, perhaps; nil is none
}

// FindDockerd returns the dockerd that runs, or nil if none does. A process that is no dockerd is an error if the operator has named it,
// because what is sent to it is a signal.
func (f Files) FindDockerd(by Find) (*Dockerd, error) {
	if by.PIDFile != "" {
		pid, err := f.readPID(by.PIDFile)
		if err != nil {
			return nil, fmt.Errorf("--pidfile: %w", err)
		}
		d, err := f.dockerd(pid)
		if err == nil && d == nil {
			return nil, fmt.Errorf("--pidfile: %s names process %d, which is no dockerd", by.PIDFile, pid)
		}
		return d, err
	}
	// With socket activation systemd listens, and the PID file says who answers.
	if d, err := f.dockerd(listener(by.Engine)); d != nil || err != nil {
		return d, err
	}
	file := pidFile
	if by.Config != nil {
		file = cmp.Or(by.Config.PIDFile, file)
	}
	pid, err := f.readPID(file)
	if err != nil {
		return nil, nil //nolint:nilerr // dockerd removes the file when it ends
	}
	return f.dockerd(pid)
}

func (f Files) readPID(file string) (int, error) {
	text, err := f.Read(file)
	if err != nil {
		return 0, err
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(text)))
	if err != nil || pid <= 1 {
		return 0, fmt.Errorf("%s does not hold the number of a process", file)
	}
	return pid, nil
}

// listener is the process that listens on a socket, 0 if there is none.
func listener(socket string) int {
	conn, err := net.Dial("unix", socket)
	if err != nil {
		return 0
	}
	defer conn.Close() //nolint:errcheck // nothing is sent on it
	raw, err := conn.(*net.UnixConn).SyscallConn()
	if err != nil {
		return 0
	}
	pid := 0
	_ = raw.Control(func(fd uintptr) {
		if peer, err := unix.GetsockoptUcred(int(fd), unix.SOL_SOCKET, unix.SO_PEERCRED); err == nil {
			pid = int(peer.Pid)
		}
	})
	return pid
}

// dockerd describes a process, or returns nil if it is no dockerd.
func (f Files) dockerd(pid int) (*Dockerd, error) {
	if pid <= 0 {
		return nil, nil
	}
	line, err := f.commandLine(pid)
	if err != nil || len(line) == 0 || path.Base(line[0]) != "dockerd" {
		return nil, nil //nolint:nilerr // it has ended, or is not ours to see
	}
	d := &Dockerd{PID: pid, Args: line[1:]}
	if err := d.parse(); err != nil {
		return nil, fmt.Errorf("the command line of dockerd (process %d): %w", pid, err)
	}
	return d, nil
}

// parse reads the flags, spelt in any of the ways that dockerd takes.
func (d *Dockerd) parse() error {
	set := pflag.NewFlagSet("dockerd", pflag.ContinueOnError)
	set.ParseErrorsWhitelist.UnknownFlags = true
	set.SetOutput(io.Discard)
	set.Usage = func() {}
	set.StringArrayVar(&d.Plugins, "authorization-plugin", nil, "")
	set.StringArrayVarP(&d.Hosts, "host", "H", nil, "")
	set.BoolVar(&d.TLS, "tls", false, "")
	set.BoolVar(&d.TLSVerify, "tlsverify", false, "")
	set.StringVar(&d.TLSCACert, "tlscacert", "", "")
	set.StringVar(&d.TLSCert, "tlscert", "", "")
	set.StringVar(&d.ConfigFile, "config-file", "", "")
	set.StringVar(&d.Containerd, "containerd", "", "")
	set.BoolVar(&d.LiveRestore, "live-restore", false, "")
	// Short flags without a value, which would take what follows for one.
	set.BoolP("debug", "D", false, "")
	set.BoolP("version", "v", false, "")
	return set.Parse(d.Args)
}

// Program is the file that the process runs. It can be run also if it has been replaced since.
func (d *Dockerd) Program() string { return fmt.Sprintf("/proc/%d/exe", d.PID) }

// Alive tells whether the process is still there.
func (d *Dockerd) Alive() bool {
	state, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", d.PID))
	if err != nil {
		return false
	}
	_, rest, _ := strings.Cut(string(state), ") ")
	return !strings.HasPrefix(rest, "Z")
}

// Unit is the systemd unit that runs the process, "" if none does.
func (f Files) Unit(pid int) string {
	text, _ := f.Read(fmt.Sprintf("/proc/%d/cgroup", pid)) // without it there is no unit to be seen
	for line := range strings.Lines(string(text)) {
		if base := path.Base(strings.TrimSpace(line)); strings.HasSuffix(base, ".service") {
			return base
		}
	}
	return ""
}

func (f Files) commandLine(pid int) ([]string, error) {
	text, err := f.Read(fmt.Sprintf("/proc/%d/cmdline", pid))
	if err != nil {
		return nil, err
	}
	return strings.Split(strings.TrimSuffix(string(text), "\x00"), "\x00"), nil
}

// Process is one that runs on the host.
type Process struct {
	PID  int
	Args []string // its command line, without the program
}

// Serving are every "caisson serve" on the host.
func (f Files) Serving() []Process {
	var list []Process
	for _, entry := range f.List("/proc") {
		pid, err := strconv.Atoi(entry)
		if err != nil {
			continue
		}
		line, err := f.commandLine(pid)
		if err == nil && len(line) > 1 && filepath.Base(line[0]) == "caisson" && line[1] == "serve" {
			list = append(list, Process{pid, slices.Clone(line[1:])})
		}
	}
	return list
}

// Offline tells whether a process is cut off from every network but a loopback of its own, as PrivateNetwork= of systemd does it: it has no
// route to anywhere else. What cannot be seen counts as a network.
func (f Files) Offline(pid int) bool {
	routes, err := f.Read(fmt.Sprintf("/proc/%d/net/route", pid))
	if err != nil || bytes.Count(bytes.TrimSpace(routes), []byte("\n")) > 0 { // the first line is a heading
		return false
	}
	routes, _ = f.Read(fmt.Sprintf("/proc/%d/net/ipv6_route", pid)) // not there without IPv6
	for line := range strings.Lines(string(routes)) {
		if columns := strings.Fields(line); len(columns) > 0 && columns[len(columns)-1] != "lo" {
			return false
		}
	}
	return true
}

// Dockerds are all that run, also in containers and as users.
func (f Files) Dockerds() []*Dockerd {
	var list []*Dockerd
	for _, entry := range f.List("/proc") {
		if pid, err := strconv.Atoi(entry); err == nil {
			if d, err := f.dockerd(pid); err == nil && d != nil {
				list = append(list, d)
			}
		}
	}
	return list
}
