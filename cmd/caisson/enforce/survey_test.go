package enforce

import (
	"strings"
	"testing"
	"testing/fstest"

	"caisson/cmd/caisson/host"
)

// While dockerd does not run, what it will be started with is looked up. If that names plugins, the file must not.
func TestServiceFlags(t *testing.T) {
	const debian = "ExecStart={ path=/usr/sbin/dockerd ; argv[]=/usr/sbin/dockerd -H fd:// $DOCKER_OPTS ; ignore_errors=no }\n" +
		"EnvironmentFiles=/etc/default/docker (ignore_errors=yes)\n"
	for _, c := range []struct {
		name, shown, file string
		conflict          bool
	}{
		{"nothing", "ExecStart={ path=/usr/bin/dockerd ; argv[]=/usr/bin/dockerd -H fd:// }\n", "", false},
		{"command line", "ExecStart={ argv[]=/usr/bin/dockerd --authorization-plugin=other }\n", "", true},
		{"environment", "ExecStart={ argv[]=/usr/bin/dockerd $O }\nEnvironment=O=--authorization-plugin=other\n", "", true},
		{"file", debian, "# Ours.\nDOCKER_OPTS=\"--authorization-plugin=other\"\n", true},
		{"last line of a file", debian, "DOCKER_OPTS=--authorization-plugin=other", true},
		{"comment in a file", debian, " # DOCKER_OPTS=\"--authorization-plugin=other\"\nDOCKER_OPTS=\n", false},
		{"file that is not used", strings.Replace(debian, "$DOCKER_OPTS ", "", 1), "DOCKER_OPTS=--authorization-plugin=other", false},
		{"no file", debian, "", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			files := fstest.MapFS{}
			if c.file != "" {
				files["etc/default/docker"] = &fstest.MapFile{Data: []byte(c.file)}
			}
			s := &survey{flags: withEnvironment(host.Files{FS: files}, c.shown)}
			if err := s.conflict(); (err != nil) != c.conflict {
				t.Errorf("%v", err)
			}
		})
	}
}
