package image

import (
	"context"
	"errors"
	"runtime/debug"
	"strings"
	"sync/atomic"
	"time"

	"github.com/distribution/reference"
	"github.com/maypok86/otter/v2"
	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	"golang.org/x/sync/semaphore"
	"golang.org/x/sync/singleflight"

	"caisson/authz/state"
)

// The bounds of an Assessor.
const (
	proofTime = 60 * time.Second // a proof goes on after the request that asked for it has been refused, so that the next one finds it
	proofs    = 8                // at a time; more wait
	queued    = 512              // that wait, of proofs and reports: more than could get their turn while anybody waits for them
	verdicts  = 10_000           // that are remembered
)

// Question asks about one image.
type Question struct {
	Ref      string // as the request names the image
	Platform string // as the request asks for; "" is the Engine's choice

	// ID and Manifest are what a container that exists runs, whatever its image is called now. Without an ID, the Engine is asked what Ref
	// stands for.
	ID, Manifest digest.Digest

	// Remote asks about what the registry has under the digest in Ref, for hosts that have yet to pull it.
	Remote bool

	// Whole asks for somebody who vouches for all that Ref stands for, where nobody will look again at which part of an index the Engine took.
	// What the Engine says of a platform does not tell: it mounts what is listed for the host's, complete or not, whatever its configuration says.
	Whole bool

	Reports bool // whether vulnerabilities are asked for, too
}

// Assessment is what was found out.
type Assessment struct {
	Absent  bool    // the Engine has no such image, so nothing was looked for
	Subject Subject // zero if absent, or asked about remotely
	Verdict Verdict
	Reports []Report // one of each reporter of the policy; empty if they were not asked for
}

// Assessor answers questions, and remembers the answers. Use [NewAssessor]. It is safe for concurrent use.
type Assessor struct {
	Keep        Keeper      // nil keeps nothing
	OnKeepError func(error) // told of what could not be kept; nil is nobody
	OnPanic     func(recovered any, stack []byte)
	Meter       Meter            // nil counts nothing
	Now         func() time.Time // nil is time.Now

	verdicts *otter.Cache[string, Verdict]
	reports  *otter.Cache[string, []Report]
	flights  singleflight.Group
	slots    *semaphore.Weighted
	waiting  atomic.Int64 // for one of them
}

// Meter counts, for metrics.
type Meter interface {
	Cached(hit bool)                            // a verdict was looked for among those that are remembered
	Verified(reason string, took time.Duration) // an image was verified, with that outcome
}

// NewAssessor returns an Assessor that has not seen any image yet.
func NewAssessor() *Assessor {
	return &Assessor{
		verdicts: otter.Must(&otter.Options[string, Verdict]{
			MaximumSize: verdicts, ExpiryCalculator: otter.ExpiryCreatingFunc(func(e otter.Entry[string, Verdict]) time.Duration { return remembered(e.Value) }),
		}),
		reports: otter.Must(&otter.Options[string, []Report]{
			MaximumSize: verdicts, ExpiryCalculator: otter.ExpiryCreatingFunc(func(e otter.Entry[string, []Report]) time.Duration { return reportsFor(e.Value) }),
		}),
		slots: semaphore.NewWeighted(proofs),
	}
}

// remembered is how long a verdict is good for: a late signature is to be seen soon, and a registry that was down a moment ago even sooner.
// How long a verified one is good for, is up to its ValidUntil, which the Assessor sets.
func remembered(v Verdict) time.Duration {
	switch {
	case v.Verified():
		return max(time.Until(v.ValidUntil), time.Nanosecond) // to the cache, 0 and less are no end at all
	case v.Unsettled() && v.Reason != NotYetValid:
		return 3 * time.Second
	}
	switch v.Reason {
	case BadSignature, UntrustedSigner, Expired, Revoked, DigestDenied:
		return 5 * time.Minute
	default:
		return 45 * time.Second
	}
}

// Assess answers a question under a policy; nil is one without statements. An error says that the Engine could not be asked. It takes no
// longer than the policy's deadline.
func (a *Assessor) Assess(ctx context.Context, p *Policy, view state.View, q Question) (*Assessment, error) {
	ctx, cancel := context.WithTimeout(ctx, p.deadline())
	defer cancel()
	if q.Remote {
		return a.remote(ctx, p, q), nil
	}
	if known := a.known(p, q); known != nil {
		return known, nil
	}
	s, err := a.subject(ctx, view, q)
	switch {
	case errors.Is(err, state.ErrNotFound):
		return &Assessment{Absent: true}, nil
	case err != nil:
		return nil, err
	}
	only := p.only(q.Ref)
	out := &Assessment{Subject: *s, Verdict: a.verdict(ctx, p, s, only)}
	if !out.Verdict.Verified() && q.ID == "" && !q.Whole && s.Descriptor != nil && IsIndex(s.Descriptor.MediaType) {
		// Nobody vouches for the index. Perhaps somebody does for the one image of it that the Engine will take. Which one that is will be
		// certain when the container is there, and is looked at again then.
		if err := a.selectManifest(ctx, view, q, s); err != nil {
			return nil, err
		}
		if s.Manifest != "" {
			out.Subject, out.Verdict = *s, a.verdict(ctx, p, s, only)
		}
	}
	switch {
	case !q.Reports:
	case q.Whole && !out.Verdict.Verified() && s.Descriptor != nil && IsIndex(s.Descriptor.MediaType):
		out.Reports = []Report{{Unknown: "cannot be told: nobody vouches for which part of its index the Engine takes"}}
	default:
		out.Reports = a.report(ctx, p, s)
	}
	return out, nil
}

// known answers from memory about a container that exists, whose image is one that is vouched for: what it runs does not change, so that the
// Engine need not be asked at each start and exec.
func (a *Assessor) known(p *Policy, q Question) *Assessment {
	if q.ID == "" || q.Reports {
		return nil
	}
	s := Subject{ID: q.ID, Manifest: q.Manifest}
	v, ok := a.recall(verdictKey(p, &s, p.only(q.Ref)))
	if !ok || !v.Verified() {
		return nil
	}
	if a.Meter != nil {
		a.Meter.Cached(true)
	}
	return &Assessment{Subject: s, Verdict: v}
}

// subject asks the Engine what will run.
func (a *Assessor) subject(ctx context.Context, view state.View, q Question) (*Subject, error) {
	if q.ID == "" {
		i, err := view.Image(ctx, q.Ref, "")
		if err != nil {
			return nil, err
		}
		return subjectOf(i)
	}
	i, err := view.Image(ctx, q.ID.String(), "")
	if errors.Is(err, state.ErrNotFound) { // removed by force under a container that still has it
		return &Subject{ID: q.ID, Manifest: q.Manifest}, nil
	}
	if err != nil {
		return nil, err
	}
	s, err := subjectOf(i)
	if err != nil {
		return nil, err
	}
	s.ID, s.Manifest = q.ID, q.Manifest
	if len(s.Identity) > 0 && s.Manifest != "" {
		return s, a.identify(ctx, view, s)
	}
	return s, nil
}

// identify asks which manifest the Engine speaks of when it tells who signed an image: it is that of the platform that it is asked for.
func (a *Assessor) identify(ctx context.Context, view state.View, s *Subject) error {
	i, err := view.Image(ctx, s.ID.String(), platformText(s.Platform))
	if errors.Is(err, state.ErrNotFound) {
		return nil
	}
	if err == nil {
		s.Identity, s.IdentityOf = i.Identity, digest.Digest(i.ID)
	}
	return err
}

// selectManifest fills in which manifest of an index the Engine would take now.
func (a *Assessor) selectManifest(ctx context.Context, view state.View, q Question, s *Subject) error {
	platform := q.Platform
	if platform == "" {
		platform = platformText(s.Platform)
	}
	i, err := view.Image(ctx, q.Ref, platform)
	switch {
	case errors.Is(err, state.ErrNotFound):
		return nil
	case err != nil:
		return err
	}
	if d, err := digest.Parse(i.ID); err == nil && d != s.ID {
		s.Manifest, s.Platform = d, i.Platform
		s.Identity, s.IdentityOf = i.Identity, d
	}
	return nil
}

func platformText(p ocispec.Platform) string {
	return strings.TrimSuffix(p.OS+"/"+p.Architecture+"/"+p.Variant, "/")
}

// only returns the statement that an image of that name has to fulfil. A name that no statement is about, or an ID, leaves the choice: what
// runs is the same, whatever it is called.
func (p *Policy) only(ref string) *Statement {
	named, err := reference.ParseDockerRef(ref)
	if err != nil {
		return nil
	}
	return p.Statement(named)
}

// verdict finds one in the cache, or proves the image. One proof serves all who ask for it meanwhile.
func (a *Assessor) verdict(ctx context.Context, p *Policy, s *Subject, only *Statement) Verdict {
	return a.once(ctx, p, verdictKey(p, s, only), func(ctx context.Context) Verdict { return a.prove(ctx, p, s, only) })
}

func verdictKey(p *Policy, s *Subject, only *Statement) string {
	name := ""
	if only != nil {
		name = only.Name
	}
	return strings.Join([]string{p.generation(), s.ID.String(), s.Manifest.String(), name}, "\x00")
}

// recall finds a verdict that still counts. The cache counts the time that passes: when the clock is set forward, the end of a certificate may have
// come without that.
func (a *Assessor) recall(key string) (Verdict, bool) {
	v, ok := a.verdicts.GetIfPresent(key)
	return v, ok && (!v.Verified() || a.now().Before(v.ValidUntil))
}

// once runs a proof unless its outcome is known or somebody is at it.
func (a *Assessor) once(ctx context.Context, p *Policy, key string, prove func(context.Context) Verdict) Verdict {
	v, ok := a.recall(key)
	if a.Meter != nil {
		a.Meter.Cached(ok)
	}
	if ok {
		return v
	}
	done := a.flights.DoChan(key, func() (any, error) {
		if v, ok := a.recall(key); ok { // somebody was done with it since
			return v, nil
		}
		v := a.proof(p, prove)
		v.Artifact.Subject = nil // known to whoever asks, and as large as whoever made the image wants
		a.verdicts.Set(key, v)
		return v, nil
	})
	select {
	case r := <-done:
		if v, ok := r.Val.(Verdict); ok {
			return v
		}
		return Verdict{}
	case <-ctx.Done():
		return Verdict{Reason: Timeout, Detail: "could not be verified in the " + p.deadline().String() + " that a request may take for it; verification goes on"}
	}
}

// turn waits for a slot, and tells whether there was one in time. The queue is bounded, because whoever may name images may name any number.
func (a *Assessor) turn(ctx context.Context) bool {
	defer a.waiting.Add(-1)
	return a.waiting.Add(1) <= queued && a.slots.Acquire(ctx, 1) == nil
}

func (a *Assessor) now() time.Time {
	if a.Now != nil {
		return a.Now()
	}
	return time.Now()
}

// proof runs a proof in a time of its own, which does not end with the request that asked first.
func (a *Assessor) proof(p *Policy, prove func(context.Context) Verdict) (v Verdict) {
	ctx, cancel := context.WithTimeout(context.Background(), proofTime)
	defer cancel()
	if !a.turn(ctx) {
		return Verdict{Reason: Timeout, Detail: "had to wait too long for the verification of others"}
	}
	defer a.slots.Release(1)
	start := a.now()
	v = a.guarded(func() Verdict { return prove(ctx) })
	if a.Meter != nil {
		a.Meter.Verified(string(v.Reason), a.now().Sub(start))
	}
	if end := a.now().Add(p.lifetime()); v.Verified() && (v.ValidUntil.IsZero() || v.ValidUntil.After(end)) {
		v.ValidUntil = end
	}
	return v
}

// guarded keeps a panic over bytes that somebody pushed to a registry from ending the program.
func (a *Assessor) guarded(prove func() Verdict) (v Verdict) {
	defer func() {
		if r := recover(); r != nil {
			v = Verdict{Reason: BadSignature, Detail: "cannot be verified: what is attached to it breaks the verifier"}
			if a.OnPanic != nil {
				a.OnPanic(r, debug.Stack())
			}
		}
	}()
	return prove()
}
