package clair

import (
	"context"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"time"

	"github.com/maypok86/otter/v2"
	"github.com/opencontainers/go-digest"
	"golang.org/x/sync/singleflight"

	"caisson/authz/image"
)

// DefaultTimeout bounds one question to Clair. It answers in milliseconds what it has indexed.
const DefaultTimeout = 5 * time.Second

// Options says where Clair is.
type Options struct {
	URL       string           // of the API, in front of /matcher/api/v1
	Key       string           // the pre-shared key in base64, as in Clair's own configuration; "" if Clair wants none
	Issuer    string           // who signs the tokens, one of Clair's list; needed with a Key
	CA        *x509.CertPool   // who vouches for Clair's certificate; nil is the system's
	PlainHTTP bool             // permits http to other hosts than this one
	Timeout   time.Duration    // of one question; 0 is [DefaultTimeout]
	Now       func() time.Time // nil is [time.Now]
}

// Reporter is an [image.Reporter] that asks Clair.
type Reporter struct {
	base   *url.URL
	key    []byte
	issuer string
	client *http.Client
	limit  time.Duration
	now    func() time.Time

	answers *otter.Cache[digest.Digest, answer]
	asking  singleflight.Group
}

// answer is what Clair said about a manifest.
type answer struct {
	report image.Report
	keep   time.Duration
}

// New prepares questions to a Clair, and asks none yet. An error names the option first.
func New(o Options) (*Reporter, error) {
	base, err := url.Parse(o.URL)
	switch {
	case err != nil || base.Host == "" || base.Scheme != "http" && base.Scheme != "https":
		return nil, errors.New("url: it is not of the form https://clair.example.com")
	case base.User != nil:
		return nil, errors.New("url: it holds credentials; Clair takes a key and an issuer instead")
	case base.RawQuery != "" || base.Fragment != "":
		return nil, errors.New("url: it has a query or a fragment")
	case base.Scheme == "http" && !o.PlainHTTP && !loopback(base.Hostname()):
		return nil, fmt.Errorf("url: %s is asked without TLS, so that others can answer in its place; use https, or permit plain http", base.Host)
	case (o.Key == "") != (o.Issuer == ""):
		return nil, errors.New("issuer: key and issuer belong together")
	}
	key, err := base64.StdEncoding.DecodeString(strings.TrimSpace(o.Key))
	if err != nil {
		return nil, errors.New("key: it is not base64, which Clair's own configuration has it in")
	}
	r := &Reporter{base: base, key: key, issuer: o.Issuer, limit: o.Timeout, now: o.Now}
	if r.limit <= 0 {
		r.limit = DefaultTimeout
	}
	if r.now == nil {
		r.now = time.Now
	}
	r.client = newClient(base, o.CA)
	r.answers = otter.Must(&otter.Options[digest.Digest, answer]{
		MaximumWeight:    maxKept,
		Weigher:          func(_ digest.Digest, a answer) uint32 { return uint32(1 + len(a.report.Found)) }, //nolint:gosec // bounded by MaxReport
		ExpiryCalculator: otter.ExpiryWritingFunc(func(e otter.Entry[digest.Digest, answer]) time.Duration { return e.Value.keep }),
	})
	return r, nil
}

// maxKept bounds what is kept of answers, in vulnerabilities. Each takes some 200 bytes.
const maxKept = 100_000

// loopback tells whether a host is this one, by an address or by the name that stands for it everywhere.
func loopback(host string) bool {
	addr, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && addr.IsLoopback()
}

// name is how reports call this Clair.
func (r *Reporter) name() string { return "Clair at " + r.base.Scheme + "://" + r.base.Host }

// Report implements [image.Reporter]. Several who ask about one image share a question.
func (r *Reporter) Report(ctx context.Context, source image.Source, a image.Artifact) image.Report {
	manifest, err := image.ManifestOf(ctx, source, a)
	if err != nil {
		return image.Report{Unknown: err.Error()}
	}
	d := manifest.Digest
	if kept, ok := r.answers.GetIfPresent(d); ok {
		return kept.report
	}
	// Whoever waits may give up. The answer is worth having all the same, for the next one.
	background := context.WithoutCancel(ctx)
	done := r.asking.DoChan(string(d), func() (any, error) {
		fresh := r.ask(background, d)
		r.answers.Set(d, fresh)
		return fresh, nil
	})
	select {
	case result := <-done:
		if fresh, ok := result.Val.(answer); ok {
			return fresh.report
		}
		return image.Report{Unknown: r.name() + " could not be asked"}
	case <-ctx.Done():
		return image.Report{Unknown: r.name() + " takes longer to answer than the request may wait"}
	}
}

// How long answers without a report are kept: long enough that many requests for one image do not trouble Clair.
const (
	keepUnknown = 30 * time.Second // nobody has indexed it, and somebody may any moment
	keepFailure = 3 * time.Second
)

// ask asks Clair about a manifest.
//
// Source: quay/clair httptransport/matcher_v1.go.
func (r *Reporter) ask(ctx context.Context, d digest.Digest) answer {
	ctx, cancel := context.WithTimeout(ctx, r.limit)
	defer cancel()
	resp, err := r.get(ctx, d)
	if err != nil {
		return r.unknown(keepFailure, "cannot be asked: %s", cause(err))
	}
	defer resp.Body.Close() //nolint:errcheck // it was only read
	switch code := resp.StatusCode; code {
	case http.StatusOK:
	case http.StatusAccepted:
		return r.unknown(keepUnknown, "has no data about vulnerabilities yet")
	case http.StatusNotFound:
		return r.unknown(keepUnknown, "has not indexed %s; submit it from the registry or the build", d)
	case http.StatusUnauthorized, http.StatusForbidden:
		return r.unknown(keepFailure, "refuses the credentials (%d); look at key and issuer, and at the clocks", code)
	default:
		return r.unknown(keepFailure, "answers %d", code)
	}
	body, err := io.ReadAll(io.LimitReader(resp.Body, image.MaxReport+1))
	switch {
	case err != nil:
		return r.unknown(keepFailure, "breaks off its answer: %s", cause(err))
	case len(body) > image.MaxReport:
		return r.unknown(keepUnknown, "has a report of more than %d MiB", image.MaxReport>>20)
	}
	read, err := parse(body, d)
	if err != nil {
		return r.unusable(err)
	}
	found, err := read.found()
	if err != nil {
		return r.unusable(err)
	}
	out := answer{report: image.Report{Source: r.name(), Found: found}, keep: lifetime(resp.Header)}
	if why := read.blind(); why != "" {
		out.report.Unknown, out.keep = r.name()+" "+why, keepUnknown
	}
	return out
}

func (r *Reporter) unusable(err error) answer {
	return r.unknown(keepFailure, "gives a report that cannot be used: %v", err)
}

func (r *Reporter) unknown(keep time.Duration, format string, args ...any) answer {
	return answer{report: image.Report{Unknown: r.name() + " " + fmt.Sprintf(format, args...)}, keep: keep}
}
