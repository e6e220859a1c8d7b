package sinks

import (
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"go.uber.org/zap"
)

func TestParseDestination(t *testing.T) {
	for text, want := range map[string]string{
		"-":                                "stdout -",
		"/var/log/audit.log":               "file /var/log/audit.log",
		"./a:b":                            "file ./a:b",
		"syslog:/dev/log":                  "syslog syslog:/dev/log",
		"syslog:///dev/log?facility=audit": "syslog syslog:/dev/log",
		"syslog:udp://[::1]:514":           "syslog syslog:udp://[::1]:514",
		"syslog:tls://h:6514?queue=9":      "syslog syslog:tls://h:6514",
		"otlp:http://127.0.0.1:4318":       "otlp otlp:http://127.0.0.1:4318/v1/logs",
		"otlp:https://h:4318/x?queue=1":    "otlp otlp:https://h:4318/x",
	} {
		d, err := ParseDestination(text)
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		if got := string(d.Kind) + " " + d.Name; got != want {
			t.Errorf("%s: got %s, want %s", text, got, want)
		}
	}
}

func TestBadDestinations(t *testing.T) {
	notPEM := filepath.Join(t.TempDir(), "not.pem")
	if err := os.WriteFile(notPEM, []byte("text"), 0o600); err != nil {
		t.Fatal(err)
	}
	for text, want := range map[string]string{
		"":                                   "no destination is given; write a file, or - for standard output",
		"sylog:/dev/log":                     `"sylog:/dev/log" is of no kind that is known; write FILE; - for standard output; syslog:/dev/log`,
		"http://h:1":                         "is of no kind that is known",
		"file:x":                             "for a file whose name has a colon, write ./file:x",
		"syslog:":                            `"syslog:": write syslog:/dev/log, or syslog: and udp://HOST:PORT`,
		"syslog:dev/log":                     "write syslog:/dev/log",
		"syslog:http://h:1":                  "write syslog:/dev/log",
		"syslog:tcp://h":                     "name a host and a port",
		"syslog:tcp://:514":                  "name a host and a port",
		"syslog:tcp://h:0":                   "name a host and a port",
		"syslog:tcp://h:99999":               "name a host and a port",
		"syslog:tcp://h:1/x":                 "the address of a syslog receiver has no path",
		"syslog:tcp://h:1#x":                 "write syslog:/dev/log",
		"syslog:tcp://u:geheim@h:1":          `"syslog:tcp://…@h:1": a password does not belong on a command line`,
		"syslog:tcp://h:1?queue=0":           "queue is a number of records from 1 to 1048576",
		"syslog:tcp://h:1?queue=x":           "queue is a number of records from 1 to 1048576",
		"syslog:tcp://h:1?queue=1&queue=2":   "queue is given twice",
		"syslog:tcp://h:1?facility=kern":     `facility "kern" is not one of auth, authpriv`,
		"syslog:tcp://h:1?ca=x":              `there is no parameter "ca" here; there are queue, facility`,
		"syslog:tls://h:1?ca=/none":          "ca: open /none: no such file or directory",
		"syslog:tls://h:1?ca=" + notPEM:      "holds no certificate in PEM",
		"syslog:tls://h:1?cert=x":            "cert and key go together",
		"syslog:tls://h:1?cert=/a&key=/none": "cert and key: open /a: no such file or directory",
		"otlp:h:4318":                        "write otlp: and http://HOST:PORT or https://HOST:PORT",
		"otlp:grpc://h:4317":                 "write otlp: and http://HOST:PORT",
		"otlp:http://h":                      "name a host and a port",
		"otlp:http://h:1?facility=audit":     `there is no parameter "facility" here; there are queue`,
		"otlp:http://h:1?queue=%zz":          "the parameters cannot be read",
	} {
		_, err := ParseDestination(text)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want %s", text, err, want)
		}
		if err != nil && strings.Contains(err.Error(), "geheim") {
			t.Errorf("%s: the password shows", text)
		}
	}
}

// TestOpenChecks refuses an audit log that would not be one.
func TestOpenChecks(t *testing.T) {
	for want, list := range map[string][]string{
		"records must be kept on this host too":       {"syslog:/dev/log", "otlp:http://h:1"},
		"a is named twice":                            {"b", "./a", "a"},
		"- is named twice":                            {"-", "-"},
		"syslog:udp://h:1 is named twice":             {"-", "syslog:udp://h:1", "syslog:udp://h:1?queue=3"},
		"open audit log: open /none/x: no such file":  {"-", "/none/x"},
		"name a file, or - for standard output, as w": nil,
	} {
		var parsed []*Destination
		for _, text := range list {
			d, err := ParseDestination(text)
			if err != nil {
				t.Fatal(err)
			}
			parsed = append(parsed, d)
		}
		if _, err := Open(Options{Destinations: parsed, Log: zap.NewNop(), Stdout: io.Discard}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: got %v, want %s", list, err, want)
		}
	}
}
