package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/coreos/go-systemd/v22/unit"

	"caisson/plugin"
)

// serveFlags parses a command line of serve and returns its flags.
func serveFlags(t *testing.T, args []string) *serveOptions {
	t.Helper()
	if len(args) < 2 || filepath.Base(args[0]) != "caisson" || args[1] != "serve" {
		t.Fatalf("%q is not caisson serve", args)
	}
	cmd := newServe()
	if err := cmd.ParseFlags(args[2:]); err != nil {
		t.Fatalf("%q: %v", args, err)
	}
	get := func(name string) string { return cmd.Flags().Lookup(name).Value.String() }
	logs, err := cmd.Flags().GetStringArray("audit-log")
	if err != nil {
		t.Fatal(err)
	}
	return &serveOptions{policy: get("policy"), state: get("state-dir"), socket: get("socket"), auditLogs: logs}
}

// The units start a command line that exists, on the socket that the code means, with the folders that it uses.
func TestUnits(t *testing.T) {
	read := func(name string) map[string]string {
		t.Helper()
		f, err := os.Open("../../packaging/systemd/" + name)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		options, err := unit.DeserializeOptions(f)
		if err != nil {
			t.Fatal(err)
		}
		m := map[string]string{}
		for _, o := range options {
			m[o.Section+"."+o.Name] = o.Value
		}
		return m
	}
	socket, service := read("caisson.socket"), read("caisson.service")
	o := serveFlags(t, strings.Fields(service["Service.ExecStart"]))
	path, err := plugin.SocketPath(o.socket)
	if err != nil {
		t.Fatal(err)
	}
	for got, want := range map[string]string{
		socket["Socket.ListenStream"]:                                        path,
		socket["Socket.SocketMode"]:                                          "0600",
		socket["Socket.DirectoryMode"]:                                       "0700",
		"/var/lib/" + service["Service.StateDirectory"]:                      o.state,
		"/var/log/" + service["Service.LogsDirectory"] + "/audit.log":        o.auditLogs[0],
		"/etc/" + service["Service.ConfigurationDirectory"] + "/policy.toml": policyFile,
		service["Service.Type"]:                                              "notify",
	} {
		if got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
	for _, unit := range []map[string]string{socket, service} {
		if unit["Unit.Before"] != "docker.service" {
			t.Error("dockerd may start first, and then fails")
		}
	}
	for key, value := range socket {
		if strings.HasSuffix(key, "RequiredBy") {
			t.Errorf("%s=%s: a restart of Caisson would restart Docker", key, value)
		}
	}
}

// The manifest's command line exists.
func TestManifestFlags(t *testing.T) {
	text, err := os.ReadFile("../../config.json")
	if err != nil {
		t.Fatal(err)
	}
	var m struct {
		Entrypoint []string
		Args       struct{ Value []string }
		Mounts     []struct{ Destination string }
	}
	if err := json.Unmarshal(text, &m); err != nil {
		t.Fatal(err)
	}
	o := serveFlags(t, append(m.Entrypoint, m.Args.Value...))
	if got := filepath.Dir(o.auditLogs[0]); got != m.Mounts[1].Destination {
		t.Errorf("the audit log is in %s", got)
	}
	if got := filepath.Dir(policyFile); got != m.Mounts[0].Destination {
		t.Errorf("the policy is in %s", got)
	}
	if o.state != m.Mounts[2].Destination {
		t.Errorf("the state is in %s", o.state)
	}
}
