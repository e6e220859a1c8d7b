package registry

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"oras.land/oras-go/v2/errdef"
	"oras.land/oras-go/v2/registry/remote/auth"
	"oras.land/oras-go/v2/registry/remote/errcode"

	"caisson/authz/image"
)

// worded turns an error of a question into one of an [image.Source], and tells whose fault it is. Texts of libraries are left out where
// they may hold addresses: those of storage services carry signatures that let anybody read.
func (h *host) worded(ctx context.Context, err error) outcome {
	if err == nil {
		return outcome{}
	}
	if ctx.Err() != nil {
		return outcome{err: ctx.Err(), moot: true} // the caller's time is over, not ours
	}
	var (
		status   *statusError
		answer   *errcode.ErrorResponse
		unusable *unusableError
	)
	switch {
	case errors.Is(err, image.ErrNotFound), errors.Is(err, errdef.ErrNotFound):
		return outcome{err: image.ErrNotFound}
	case errors.As(err, &status):
		return h.status(status)
	case errors.As(err, &answer) && answer.StatusCode == http.StatusNotFound && answer.URL != nil && strings.HasPrefix(answer.URL.Path, "/v2/"):
		return outcome{err: image.ErrNotFound} // there is no such repository
	case errors.As(err, &answer):
		s := &statusError{code: answer.StatusCode, known: true, token: true}
		if answer.URL != nil {
			s.host = answer.URL.Hostname()
		}
		return h.status(s)
	case errors.As(err, &unusable):
		return h.unavailable("gives an answer that cannot be used: " + unusable.why)
	case errors.Is(err, auth.ErrBasicCredentialNotFound):
		return h.denied("wants credentials, and Caisson has none for it (401)")
	case errors.Is(err, errHelper):
		return h.unavailable("is not asked, because the credential helper named in " + h.login.path + " fails")
	case errors.Is(err, errRedirects), errors.Is(err, errDowngrade), errors.Is(err, errBlocked):
		return h.unavailable(bottom(err).Error())
	}
	if why := network(err); why != "" {
		if other := h.elsewhere(err); other != "" {
			why = "sends Caisson to " + other + ", which " + why
		}
		o := h.unavailable(why)
		o.failed = true
		return o
	}
	if errors.Is(err, context.Canceled) { // of another question, which was fetching the token for this one too
		o := h.unavailable("did not answer before another question was given up")
		o.moot = true
		return o
	}
	if strings.Contains(err.Error(), "realm") {
		return h.unavailable("names a token service that Caisson does not go to")
	}
	return h.unavailable("gives an answer that is not what was asked for")
}

func (h *host) unavailable(why string) outcome {
	return outcome{err: &image.UnavailableError{Host: h.name, Why: why}}
}

func (h *host) denied(why string) outcome {
	return outcome{err: &image.UnavailableError{Host: h.name, Denied: true, Why: why}}
}

// status words an answer by its status code.
func (h *host) status(s *statusError) outcome {
	other := s.host != "" && !h.own(s.host)
	switch {
	case other && !s.token: // where it redirects to, and no credentials go
	case s.code == http.StatusUnauthorized && !s.known:
		return h.denied("wants credentials, and Caisson has none for it (401)")
	case s.code == http.StatusUnauthorized:
		return h.denied("refuses the credentials of Caisson (401)")
	case s.code == http.StatusForbidden && s.path != "":
		return h.denied("does not let Caisson read " + s.path + " (403)")
	case s.code == http.StatusForbidden:
		return h.denied("refuses the credentials of Caisson (403)")
	}
	why := strings.TrimSpace(fmt.Sprintf("answers %d %s", s.code, http.StatusText(s.code)))
	if other {
		why = "sends Caisson to " + s.host + ", which " + why
	}
	o := h.unavailable(why)
	o.failed = s.code >= 500 || s.code == http.StatusTooManyRequests
	if o.failed {
		o.after = retryAfter(s.after, time.Now())
	}
	return o
}

// retryAfter reads the header Retry-After: seconds or a date. 0 is that there is none.
func retryAfter(v string, now time.Time) time.Duration {
	if s, err := strconv.Atoi(v); err == nil {
		return time.Duration(max(0, min(s, int(maxAfter/time.Second)))) * time.Second
	}
	if t, err := http.ParseTime(v); err == nil {
		return max(0, min(t.Sub(now), maxAfter))
	}
	return 0
}

// network words what went wrong below HTTP; "" if it was nothing of that kind.
func network(err error) string {
	var (
		op   *net.OpError
		dns  *net.DNSError
		cert *tls.CertificateVerificationError
		rec  tls.RecordHeaderError
		al   tls.AlertError
	)
	text := err.Error()
	switch {
	case errors.As(err, &cert):
		return "has a certificate that is not trusted: " + bottom(cert.Err).Error()
	case errors.As(err, &dns) && dns.IsNotFound:
		return "cannot be found: no such host"
	case errors.As(err, &dns):
		return "cannot be found: the name service does not answer"
	case errors.As(err, &op) && op.Op == "dial" && op.Timeout():
		return fmt.Sprintf("does not accept a connection within %.0f s", dialTimeout.Seconds())
	case errors.As(err, &op) && (op.Op == "dial" || op.Op == "proxyconnect"):
		return "cannot be connected to: " + bottom(op.Err).Error()
	case strings.Contains(text, "server gave HTTP response to HTTPS client"), errors.As(err, &rec):
		return "does not speak TLS; if that is meant, list it as one for plain HTTP"
	case errors.As(err, &al), strings.Contains(text, "tls: "):
		return "fails in the TLS handshake: " + bottom(err).Error()
	case strings.Contains(text, "awaiting response headers"), strings.Contains(text, "TLS handshake timeout"):
		return fmt.Sprintf("does not answer within %.0f s", headerTimeout.Seconds())
	case errors.Is(err, context.DeadlineExceeded):
		return fmt.Sprintf("does not finish its answer within %.0f s", totalTimeout.Seconds())
	case errors.As(err, &op), strings.Contains(text, "EOF"), strings.Contains(text, "server closed"), strings.Contains(text, "malformed HTTP"), strings.Contains(text, "stream error"):
		return "breaks off its answer"
	}
	return ""
}

// elsewhere is the host that a request failed at, if it is not the registry itself: its token service, or where it redirects to.
func (h *host) elsewhere(err error) string {
	var u *url.Error
	if !errors.As(err, &u) {
		return ""
	}
	at, e := url.Parse(u.URL)
	if e != nil || h.own(at.Hostname()) {
		return ""
	}
	return at.Hostname()
}

// own tells whether a host without port is that of the registry.
func (h *host) own(name string) bool { return strings.EqualFold(name, endpoint(h.name)) }

// bottom is the innermost error, which says what happened without saying where.
func bottom(err error) error {
	for {
		inner := errors.Unwrap(err)
		if inner == nil {
			return err
		}
		err = inner
	}
}
