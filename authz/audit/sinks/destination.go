package sinks

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// Kind is what a destination is.
type Kind string

// The kinds of destinations. The first two are local.
const (
	Stdout Kind = "stdout"
	File   Kind = "file"
	Syslog Kind = "syslog"
	OTLP   Kind = "otlp"
)

// Grammar says how destinations are written, for people.
const Grammar = `FILE; - for standard output; syslog:/dev/log, syslog:udp://HOST:PORT, syslog:tcp://HOST:PORT or syslog:tls://HOST:PORT; otlp:http://HOST:PORT or otlp:https://HOST:PORT`

// Destination is where records go, as [ParseDestination] has read it.
type Destination struct {
	Kind Kind
	// Name identifies the destination in logs and metrics. It holds no parameters.
	Name string
	Path string // of a File, and of the socket of a Syslog on this host

	network, address string      // of a Syslog
	endpoint         string      // of an OTLP
	tls              *tls.Config // nil is without
	facility         uint8       // of a Syslog
	queue            int         // how many records wait
}

// Local tells whether the destination is on this host and so counts: a decision is recorded when all of these have its record.
func (d *Destination) Local() bool { return d.Kind == Stdout || d.Kind == File }

var scheme = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9+.-]*:`)

// ParseDestination reads a destination:
//
//	/var/log/caisson/audit.log     a file
//	-                              standard output
//	syslog:/dev/log                the syslog of this host
//	syslog:tls://host:6514?ca=/etc/caisson/ca.pem
//	otlp:https://host:4318         an OpenTelemetry collector; the path is /v1/logs unless another is given
//
// Parameters follow a question mark: queue, the number of records that may wait; facility (syslog); ca, cert and key, files in PEM (TLS).
func ParseDestination(text string) (*Destination, error) {
	kind, rest, _ := strings.Cut(text, ":")
	var d *Destination
	var err error
	switch {
	case text == "":
		return nil, errors.New("no destination is given; write a file, or - for standard output")
	case text == "-":
		return &Destination{Kind: Stdout, Name: "-"}, nil
	case !scheme.MatchString(text):
		path, err := filepath.Abs(text)
		return &Destination{Kind: File, Name: text, Path: path}, err
	case kind == string(Syslog):
		d, err = parseRemote(Syslog, rest)
	case kind == string(OTLP):
		d, err = parseRemote(OTLP, rest)
	default:
		return nil, fmt.Errorf("%q is of no kind that is known; write %s; for a file whose name has a colon, write ./%s", hidden(text), Grammar, hidden(text))
	}
	if err != nil {
		return nil, fmt.Errorf("%q: %w", hidden(text), err)
	}
	return d, nil
}

// hidden is a destination without what may be secret.
func hidden(text string) string {
	text, _, _ = strings.Cut(text, "?")
	if at := strings.LastIndexByte(text, '@'); at >= 0 {
		if start := strings.Index(text, "//"); start >= 0 && start < at {
			return text[:start+2] + "…" + text[at:]
		}
	}
	return text
}

func parseRemote(kind Kind, rest string) (*Destination, error) {
	u, err := url.Parse(rest)
	switch {
	case err != nil:
		return nil, errors.New("this is no address; write " + examples[kind])
	case u.User != nil:
		return nil, errors.New("a password does not belong on a command line; use a client certificate, or for OTLP the environment variable OTEL_EXPORTER_OTLP_HEADERS")
	case u.Fragment != "" || u.Opaque != "":
		return nil, errors.New("write " + examples[kind])
	}
	d := &Destination{Kind: kind, queue: DefaultQueue, facility: facilities["authpriv"]}
	if kind == Syslog {
		err = d.syslog(u)
	} else {
		err = d.otlp(u)
	}
	if err != nil {
		return nil, err
	}
	return d, d.parameters(u)
}

var examples = map[Kind]string{
	Syslog: "syslog:/dev/log, or syslog: and udp://HOST:PORT, tcp://HOST:PORT or tls://HOST:PORT",
	OTLP:   "otlp: and http://HOST:PORT or https://HOST:PORT",
}

func (d *Destination) syslog(u *url.URL) error {
	switch {
	case u.Scheme == "" && u.Host == "" && filepath.IsAbs(u.Path):
		d.Path = filepath.Clean(u.Path)
		d.network, d.address, d.Name = "unixgram", d.Path, "syslog:"+d.Path
		return nil
	case u.Scheme == "udp" || u.Scheme == "tcp" || u.Scheme == "tls":
	default:
		return errors.New("write " + examples[Syslog])
	}
	if u.Path != "" && u.Path != "/" {
		return errors.New("the address of a syslog receiver has no path")
	}
	if err := hostPort(u); err != nil {
		return err
	}
	d.network, d.address, d.Name = u.Scheme, u.Host, "syslog:"+u.Scheme+"://"+u.Host
	if u.Scheme == "tls" {
		d.network, d.tls = "tcp", &tls.Config{MinVersion: tls.VersionTLS12}
	}
	return nil
}

func (d *Destination) otlp(u *url.URL) error {
	if u.Scheme != "http" && u.Scheme != "https" {
		return errors.New("write " + examples[OTLP])
	}
	if err := hostPort(u); err != nil {
		return err
	}
	if u.Scheme == "https" {
		d.tls = &tls.Config{MinVersion: tls.VersionTLS12}
	}
	path := u.Path
	if path == "" || path == "/" {
		path = "/v1/logs"
	}
	d.endpoint = u.Scheme + "://" + u.Host + path
	d.Name = "otlp:" + d.endpoint
	return nil
}

func hostPort(u *url.URL) error {
	port, err := strconv.ParseUint(u.Port(), 10, 16)
	if u.Hostname() == "" || err != nil || port == 0 {
		return errors.New("name a host and a port")
	}
	return nil
}

// parameters reads what follows the question mark.
func (d *Destination) parameters(u *url.URL) error {
	values, err := url.ParseQuery(u.RawQuery)
	if err != nil {
		return errors.New("the parameters cannot be read; write ?name=value&name=value")
	}
	known := []string{"queue"}
	if d.Kind == Syslog {
		known = append(known, "facility")
	}
	if d.tls != nil {
		known = append(known, "ca", "cert", "key")
	}
	for name, list := range values {
		switch {
		case !slices.Contains(known, name):
			return fmt.Errorf("there is no parameter %q here; there are %s", name, strings.Join(known, ", "))
		case len(list) > 1:
			return fmt.Errorf("%s is given twice", name)
		}
	}
	if values.Has("queue") {
		if d.queue, err = strconv.Atoi(values.Get("queue")); err != nil || d.queue < 1 || d.queue > MaxQueue {
			return fmt.Errorf("queue is a number of records from 1 to %d", MaxQueue)
		}
	}
	if values.Has("facility") {
		if d.facility, err = facility(values.Get("facility")); err != nil {
			return fmt.Errorf("facility %w", err)
		}
	}
	return d.certificates(values)
}

func (d *Destination) certificates(values url.Values) error {
	if values.Has("ca") {
		text, err := os.ReadFile(values.Get("ca")) //nolint:gosec // G703: the operator names the file
		if err != nil {
			return fmt.Errorf("ca: %w", err)
		}
		d.tls.RootCAs = x509.NewCertPool()
		if !d.tls.RootCAs.AppendCertsFromPEM(text) {
			return fmt.Errorf("ca: %s holds no certificate in PEM", values.Get("ca"))
		}
	}
	if values.Has("cert") != values.Has("key") {
		return errors.New("cert and key go together")
	}
	if values.Has("cert") {
		pair, err := tls.LoadX509KeyPair(values.Get("cert"), values.Get("key"))
		if err != nil {
			return fmt.Errorf("cert and key: %w", err)
		}
		d.tls.Certificates = []tls.Certificate{pair}
	}
	return nil
}
