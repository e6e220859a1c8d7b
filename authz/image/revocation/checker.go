package revocation

import (
	"context"
	"crypto/sha256"
	"crypto/x509"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"time"

	corerevocation "github.com/notaryproject/notation-core-go/revocation"
	"github.com/notaryproject/notation-core-go/revocation/crl"
	"github.com/notaryproject/notation-core-go/revocation/ocsp"
	"github.com/notaryproject/notation-core-go/revocation/purpose"
	"github.com/notaryproject/notation-core-go/revocation/result"
)

// Mode says what happens if a responder cannot be reached.
type Mode uint8

// The modes. The zero value is the strictest.
const (
	Require   Mode = iota // nothing is known, so nobody is trusted
	LastKnown             // the last answer counts, if it is not too old
	Ignore                // nobody is asked at all
)

// Defaults and limits.
const (
	DefaultLastKnown    = 24 * time.Hour
	DefaultPerResponder = time.Second
	maxAge              = 24 * time.Hour // answers, and verdicts that rest on them, are not relied on for longer, whatever they say of themselves
	reuse               = time.Hour      // an answer that is younger is not asked for again
	maxOutcomes         = 4096
)

// Options says how a [Checker] works. The zero value asks for every certificate, and relies on nothing but what is said now.
type Options struct {
	Mode         Mode
	LastKnown    time.Duration // how old an answer may be that counts while its responder is away; 0 is DefaultLastKnown
	PerResponder time.Duration // how long one responder may take; 0 is DefaultPerResponder
	Answers      *Answers      // where answers are kept; nil: in memory
}

// Checker asks about certificates. It is safe for concurrent use.
type Checker struct {
	options Options
	code    corerevocation.Validator
	tsa     corerevocation.Validator

	mu       sync.Mutex
	outcomes map[[sha256.Size]byte]outcome
}

// outcome is what was found out about one certificate. It outlives the answers that it rests on, which the library takes for nothing once
// their time is up.
type outcome struct {
	result result.Result
	at     time.Time
}

// New returns a checker.
func New(o Options) (*Checker, error) {
	if o.LastKnown < 0 || o.PerResponder < 0 {
		return nil, errors.New("revocation: a duration is negative")
	}
	if o.LastKnown == 0 {
		o.LastKnown = DefaultLastKnown
	}
	if o.PerResponder == 0 {
		o.PerResponder = DefaultPerResponder
	}
	if o.Answers == nil {
		o.Answers = NewAnswers("")
	}
	c := &Checker{options: o, outcomes: map[[sha256.Size]byte]outcome{}}
	if o.Mode == Ignore {
		c.code, c.tsa = unasked{}, unasked{}
		return c, nil
	}
	for chain, validator := range map[purpose.Purpose]*corerevocation.Validator{purpose.CodeSigning: &c.code, purpose.Timestamping: &c.tsa} {
		lists, err := crl.NewHTTPFetcher(c.client(parseCRL, maxCRL))
		if err != nil {
			return nil, err
		}
		inner, err := corerevocation.NewWithOptions(corerevocation.Options{
			OCSPHTTPClient: c.client(parseOCSP, maxOCSP), CRLFetcher: lists, CertChainPurpose: chain,
		})
		if err != nil {
			return nil, err
		}
		*validator = &validating{checker: c, inner: inner, timestamping: chain == purpose.Timestamping}
	}
	return c, nil
}

// CodeSigning returns the validator for chains of signers.
func (c *Checker) CodeSigning() corerevocation.Validator { return c.code }

// Timestamping returns the validator for chains of timestamping authorities.
func (c *Checker) Timestamping() corerevocation.Validator { return c.tsa }

// client asks responders directly, through no proxy, and follows no redirection: the certificate says who is to be asked.
func (c *Checker) client(parse parser, limit int64) *http.Client {
	return &http.Client{
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		Transport: &transport{
			checker: c, parse: parse, limit: limit,
			wire: &http.Transport{DisableKeepAlives: true, MaxResponseHeaderBytes: 1 << 16},
		},
	}
}

// unasked finds no certificate revoked.
type unasked struct{}

func (unasked) ValidateContext(_ context.Context, o corerevocation.ValidateContextOptions) ([]*result.CertRevocationResult, error) {
	list := make([]*result.CertRevocationResult, len(o.CertChain))
	for i := range list {
		list[i] = &result.CertRevocationResult{Result: result.ResultNonRevokable}
	}
	return list, nil
}

// validating is a validator of the library whose questions go through a checker.
type validating struct {
	checker      *Checker
	inner        corerevocation.Validator
	timestamping bool
}

// ValidateContext implements the library's interface. What it finds goes into the [Report] of the context too.
func (v *validating) ValidateContext(ctx context.Context, o corerevocation.ValidateContextOptions) ([]*result.CertRevocationResult, error) {
	q := &questions{chain: o.CertChain}
	ctx = context.WithValue(ctx, questionsKey{}, q)
	list, err := v.inner.ValidateContext(ctx, o)
	if err != nil {
		return nil, err
	}
	decided := true
	finding := Finding{Result: Good}
	for i, r := range list {
		v.checker.remember(o, i, r, q)
		switch r.Result {
		case result.ResultRevoked:
			finding.Result, finding.Subject = Revoked, o.CertChain[i].Subject.String()
		case result.ResultUnknown:
			decided = false
			if finding.Result != Revoked {
				finding.Result, finding.Subject = Unknown, o.CertChain[i].Subject.String()
			}
		case result.ResultOK, result.ResultNonRevokable:
		}
	}
	if decided {
		v.checker.options.Answers.put(q.new)
	}
	finding.Until, finding.Why = q.until, q.why(list)
	if report, ok := ctx.Value(reportKey{}).(*Report); ok {
		if v.timestamping {
			report.TSA = finding
		} else {
			report.Signer = finding
		}
	}
	return list, nil
}

// remember keeps what was found out about a certificate, or, if that is nothing because its responders are away, falls back on what was
// found out before.
func (c *Checker) remember(o corerevocation.ValidateContextOptions, i int, r *result.CertRevocationResult, q *questions) {
	if i+1 == len(o.CertChain) || r.Result == result.ResultNonRevokable {
		return
	}
	// What an answer says can depend on the time of the signature.
	key := sha256.Sum256(fmt.Appendf(nil, "%x %x %d", sha256.Sum256(o.CertChain[i].Raw), sha256.Sum256(o.CertChain[i+1].Raw), o.AuthenticSigningTime.Unix()))
	now := time.Now()
	c.mu.Lock()
	defer c.mu.Unlock()
	if r.Result != result.ResultUnknown {
		if len(c.outcomes) >= maxOutcomes {
			clear(c.outcomes)
		}
		c.outcomes[key] = outcome{result: r.Result, at: q.asked(now)}
		return
	}
	for _, s := range r.ServerResults {
		// This is an answer: the issuer does not know the certificate.
		if errors.As(s.Error, &ocsp.UnknownStatusError{}) {
			return
		}
	}
	last, ok := c.outcomes[key]
	if !ok {
		return
	}
	if last.result == result.ResultRevoked {
		r.Result = last.result
		return
	}
	if c.options.Mode == LastKnown && now.Sub(last.at) <= c.options.LastKnown {
		r.Result = last.result
		q.bound(earlier(last.at.Add(c.options.LastKnown), now.Add(reuse)))
	}
}

// earlier returns the earlier one of two times, of which zero is none.
func earlier(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}

type questionsKey struct{}

// questions are what is asked for the certificates of one chain.
type questions struct {
	chain []*x509.Certificate

	mu     sync.Mutex
	new    []answer
	until  time.Time // when the answers have to be asked for again; zero if there is none
	oldest time.Time // when the oldest of them was got; zero if there is none
	failed []string
}

// use notes that an answer was given, new from a responder or kept since an earlier look.
func (q *questions) use(a answer, isNew bool, until time.Time) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if isNew {
		q.new = append(q.new, a)
	}
	q.until, q.oldest = earlier(q.until, until), earlier(q.oldest, a.got)
}

// asked returns how old what was found out may be.
func (q *questions) asked(now time.Time) time.Time {
	q.mu.Lock()
	defer q.mu.Unlock()
	return earlier(q.oldest, now)
}

func (q *questions) bound(t time.Time) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.until = earlier(q.until, t)
}

// fail notes that a responder gave no answer that can be used.
func (q *questions) fail(why string) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.failed = append(q.failed, why)
}

// why says what stood in the way of an answer.
func (q *questions) why(list []*result.CertRevocationResult) string {
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.failed) > 0 {
		return q.failed[0]
	}
	for _, r := range list {
		for _, s := range r.ServerResults {
			if r.Result == result.ResultUnknown && s.Error != nil {
				return s.Server + ": " + s.Error.Error()
			}
		}
	}
	return ""
}
