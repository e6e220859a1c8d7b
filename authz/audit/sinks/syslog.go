package sinks

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strconv"
	"syscall"
	"time"

	"github.com/leodido/go-syslog/v4"
	"github.com/leodido/go-syslog/v4/rfc5424"
)

// The times that a syslog receiver has.
const (
	dialTime = 5 * time.Second
	sendTime = 5 * time.Second
)

// Severities of verdicts, for syslog.
//
// Source: RFC 5424, section 6.2.1.
const (
	severityError   = 3
	severityWarning = 4
	severityInfo    = 6
)

// syslogReceiver sends records as messages of RFC 5424, whose text is the record's JSON. Over UDP and the socket of the host each is a
// datagram (RFC 5426); over TCP and TLS they are counted in octets (RFC 6587, RFC 5425).
type syslogReceiver struct {
	network, address string
	tls              *tls.Config // nil is without
	facility         uint8
	host, process    string

	conn net.Conn
}

func newSyslogReceiver(d *Destination) *syslogReceiver {
	host, err := os.Hostname()
	if err != nil {
		host = "-" // as the RFC writes what is not known
	}
	return &syslogReceiver{
		network: d.network, address: d.address, tls: d.tls, facility: d.facility, host: host, process: strconv.Itoa(os.Getpid()),
	}
}

func (s *syslogReceiver) stream() bool { return s.network == "tcp" }

func (s *syslogReceiver) deliver(ctx context.Context, records []entry) (done, rejected int, err error) {
	if err := s.connect(ctx); err != nil {
		return 0, 0, err
	}
	if err := s.conn.SetWriteDeadline(time.Now().Add(sendTime)); err != nil {
		return 0, 0, s.broken(err)
	}
	if s.stream() {
		return s.deliverStream(records)
	}
	for i := range records {
		text, err := s.message(&records[i])
		if err == nil {
			_, err = s.conn.Write([]byte(text))
		}
		switch {
		case errors.Is(err, syscall.EMSGSIZE), errors.Is(err, errUnsayable): // it never will be taken
			rejected++
		case err != nil:
			return i, rejected, s.broken(err)
		}
	}
	return len(records), rejected, nil
}

// deliverStream sends all records in one write. If that breaks off, all are sent again: there is no telling which have arrived.
func (s *syslogReceiver) deliverStream(records []entry) (done, rejected int, err error) {
	var frames []byte
	for i := range records {
		text, err := s.message(&records[i])
		if err != nil {
			rejected++
			continue
		}
		frames = strconv.AppendInt(frames, int64(len(text)), 10)
		frames = append(frames, ' ')
		frames = append(frames, text...)
	}
	if _, err := s.conn.Write(frames); err != nil {
		return 0, 0, s.broken(err)
	}
	return len(records), rejected, nil
}

func (s *syslogReceiver) connect(ctx context.Context) error {
	if s.conn != nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, dialTime)
	defer cancel()
	var dial interface {
		DialContext(ctx context.Context, network, address string) (net.Conn, error)
	} = new(net.Dialer)
	if s.tls != nil {
		dial = &tls.Dialer{Config: s.tls}
	}
	conn, err := dial.DialContext(ctx, s.network, s.address)
	if err != nil {
		return err
	}
	if s.stream() {
		// A receiver says nothing. If it hangs up, the next write is to fail, and not the one after.
		go func() {
			_, _ = io.Copy(io.Discard, conn)
			_ = conn.Close()
		}()
	}
	s.conn = conn
	return nil
}

// broken ends a connection.
func (s *syslogReceiver) broken(err error) error {
	_ = s.conn.Close()
	s.conn = nil
	return err
}

func (s *syslogReceiver) close() error {
	if s.conn == nil {
		return nil
	}
	return s.conn.Close()
}

var errUnsayable = errors.New("the record is no syslog message")

// message is a record in syslog's words.
func (s *syslogReceiver) message(r *entry) (string, error) {
	app, kind := "caisson", "decision"
	m := rfc5424.SyslogMessage{Version: 1, Base: syslog.Base{
		Timestamp: &r.at, Hostname: &s.host, Appname: &app, ProcID: &s.process, MsgID: &kind, Message: &r.line,
	}}
	m.SetPriority(s.facility*8 + severity(r.verdict))
	out, err := m.String()
	if err != nil {
		return "", errUnsayable
	}
	return out, nil
}

func severity(verdict string) uint8 {
	switch verdict {
	case "allow":
		return severityInfo
	case "deny":
		return severityWarning
	default:
		return severityError
	}
}

// facilities are those that suit a log of decisions.
//
// Source: RFC 5424, section 6.2.1.
var facilities = map[string]uint8{
	"user": 1, "daemon": 3, "auth": 4, "authpriv": 10, "audit": 13,
	"local0": 16, "local1": 17, "local2": 18, "local3": 19, "local4": 20, "local5": 21, "local6": 22, "local7": 23,
}

func facility(name string) (uint8, error) {
	if f, ok := facilities[name]; ok {
		return f, nil
	}
	return 0, fmt.Errorf("%q is not one of auth, authpriv, audit, daemon, user, local0 to local7", name)
}
