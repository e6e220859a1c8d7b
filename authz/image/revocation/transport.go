package revocation

import (
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"time"

	"golang.org/x/crypto/ocsp"
)

// The largest answers that are read.
const (
	maxOCSP = 20 << 10 // what the library reads
	maxCRL  = 16 << 20
)

// transport sends questions to responders, unless an answer is at hand.
type transport struct {
	checker *Checker
	wire    http.RoundTripper
	parse   parser
	limit   int64
}

// RoundTrip implements [http.RoundTripper].
func (t *transport) RoundTrip(req *http.Request) (*http.Response, error) {
	q, ok := req.Context().Value(questionsKey{}).(*questions)
	if !ok {
		return nil, errors.New("revocation: asked for no chain")
	}
	key, err := keyOf(req)
	if err != nil {
		return nil, err
	}
	now := time.Now()
	kept, have := t.checker.options.Answers.get(key)
	var next time.Time
	if have {
		// The directory in which it may have been is not trusted, and its time may be up.
		next, err = t.parse(kept.body, q.chain)
		have = err == nil
	}
	if have && now.Sub(kept.got) < reuse {
		q.use(kept, false, earlier(next, now.Add(maxAge)))
		return reply(req, kept.body), nil
	}
	a := answer{key: key, got: now}
	var fresh time.Time
	if a.body, err = t.ask(req); err == nil {
		fresh, err = t.parse(a.body, q.chain)
	}
	if err == nil {
		q.use(a, true, earlier(fresh, now.Add(maxAge)))
		return reply(req, a.body), nil
	}
	o := t.checker.options
	if have && o.Mode == LastKnown && now.Sub(kept.got) <= o.LastKnown {
		q.use(kept, false, earlier(earlier(next, kept.got.Add(o.LastKnown)), now.Add(reuse)))
		return reply(req, kept.body), nil
	}
	q.fail(fmt.Sprintf("%s://%s %s", req.URL.Scheme, req.URL.Host, says(err)))
	return nil, err
}

// ask gets an answer from a responder, in time.
func (t *transport) ask(req *http.Request) ([]byte, error) {
	ctx, cancel := context.WithTimeout(req.Context(), t.checker.options.PerResponder)
	defer cancel()
	body, err := t.read(req.WithContext(ctx))
	if err != nil && ctx.Err() != nil {
		return nil, ctx.Err()
	}
	return body, err
}

func (t *transport) read(req *http.Request) ([]byte, error) {
	resp, err := t.wire.RoundTrip(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close() //nolint:errcheck // what counts was read, or is not used
	if resp.StatusCode != http.StatusOK {
		return nil, statusError(resp.StatusCode)
	}
	body, err := io.ReadAll(io.LimitReader(resp.Body, t.limit+1))
	if err != nil {
		return nil, err
	}
	if int64(len(body)) > t.limit {
		return nil, fmt.Errorf("%w: it is larger than %d bytes", errAnswer, t.limit)
	}
	return body, nil
}

// keyOf tells questions apart: by the URL, and what is sent to it. Nothing in a question is random, so the same question has the same key.
func keyOf(req *http.Request) (string, error) {
	h := sha256.New()
	h.Write(fmt.Appendf(nil, "%s %s\n", req.Method, req.URL))
	if req.Body != nil {
		body, err := io.ReadAll(io.LimitReader(req.Body, 1<<16))
		if err != nil {
			return "", err
		}
		_ = req.Body.Close()
		req.Body = io.NopCloser(bytes.NewReader(body))
		h.Write(body)
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}

func reply(req *http.Request, body []byte) *http.Response {
	return &http.Response{
		Status: "200 OK", StatusCode: http.StatusOK, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Header: http.Header{},
		Body: io.NopCloser(bytes.NewReader(body)), ContentLength: int64(len(body)), Request: req,
	}
}

// errAnswer says that an answer is of no use.
var errAnswer = errors.New("the answer cannot be used")

type statusError int

func (e statusError) Error() string { return fmt.Sprintf("answers with status %d", int(e)) }

// says puts a failure into words that can follow the name of a responder.
func says(err error) string {
	var status statusError
	switch {
	case errors.As(err, &status):
		return status.Error()
	case errors.Is(err, errAnswer):
		return "gives an answer that cannot be used"
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, context.Canceled):
		return "does not answer in time"
	default:
		return "cannot be reached"
	}
}

// parser finds out when an answer has to be asked for again. It fails unless the answer is a valid one for a certificate of the chain.
type parser func(body []byte, chain []*x509.Certificate) (next time.Time, err error)

func parseOCSP(body []byte, chain []*x509.Certificate) (time.Time, error) {
	for i := range len(chain) - 1 {
		issuer := chain[i+1]
		resp, err := ocsp.ParseResponseForCert(body, chain[i], issuer)
		if err != nil {
			continue
		}
		if by := resp.Certificate; by != nil && !by.Equal(issuer) {
			now := time.Now()
			if !slices.Contains(by.ExtKeyUsage, x509.ExtKeyUsageOCSPSigning) || now.Before(by.NotBefore) || now.After(by.NotAfter) {
				return time.Time{}, fmt.Errorf("%w: %q may not sign it", errAnswer, by.Subject)
			}
		}
		return inTime(resp.NextUpdate)
	}
	return time.Time{}, errAnswer
}

func parseCRL(body []byte, chain []*x509.Certificate) (time.Time, error) {
	list, err := x509.ParseRevocationList(body)
	if err != nil {
		return time.Time{}, fmt.Errorf("%w: %w", errAnswer, err)
	}
	for _, c := range chain {
		if c.IsCA && list.CheckSignatureFrom(c) == nil {
			return inTime(list.NextUpdate)
		}
	}
	return time.Time{}, errAnswer
}

func inTime(next time.Time) (time.Time, error) {
	if next.IsZero() || time.Now().After(next) {
		return time.Time{}, fmt.Errorf("%w: its time is up", errAnswer)
	}
	return next, nil
}
