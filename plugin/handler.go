package plugin

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"runtime"
	"runtime/debug"
	"strings"
	"sync/atomic"
	"time"

	"go.uber.org/zap"
	"golang.org/x/sync/semaphore"

	"caisson/authz"
)

// Limits of a call. The times add up, with [authz.DefaultDeadline], to less than the 30 seconds that dockerd waits for a
// managed plugin.
const (
	maxMessage  = 6 << 20        // an Engine API body of 4 MiB, the most that dockerd passes on, in base64, and headers
	maxDrain    = 16 << 20       // more than dockerd can send: a body of 4 MiB and 1 MiB of headers, escaped
	largeSize   = 256 << 10      // a message over this size takes from the budget of large ones
	largeBudget = 4 * maxMessage // what large messages may take up together
	queueTime   = 5 * time.Second
	bodyTime    = 10 * time.Second
)

// Handler answers dockerd. Use [NewHandler].
type Handler struct {
	authorizer *authz.Authorizer
	log        *zap.Logger
	bodyTime   time.Duration
	queueTime  time.Duration

	// large bounds the memory of large messages: they wait for each other, and small ones for nobody.
	large    *semaphore.Weighted
	inFlight atomic.Int64
	begun    atomic.Int64 // requests that have ever been in flight
	lastCall atomic.Int64 // of dockerd, in nanoseconds since 1970; 0 if there was none
	draining atomic.Bool  // the server is going to end: answers close their connection
}

// NewHandler returns a handler that asks an authorizer.
func NewHandler(a *authz.Authorizer, log *zap.Logger) *Handler {
	return &Handler{
		authorizer: a, log: log, bodyTime: bodyTime, queueTime: queueTime, large: semaphore.NewWeighted(largeBudget),
	}
}

// ServeHTTP implements [http.Handler]. It always answers, and never panics.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	m := fromHTTP(r)
	p := h.answer(&m, nil)
	_ = discard(m.body)
	p.write(w)
}

// answer finds the answer to one HTTP request. It never panics. The Content-Type is not looked at, because dockerd sends none. late may be nil; see
// [authz.Authorizer.AuthorizeOr].
func (h *Handler) answer(m *incoming, late func(*authz.Decision)) (p reply) {
	defer func() {
		// Also http.ErrAbortHandler: whoever panics with it wants the connection dropped, and dockerd would then
		// repeat the call with an empty body.
		if v := recover(); v != nil {
			p = h.crashed(v)
		}
	}()
	switch m.path {
	case activatePath, requestPath:
		h.lastCall.Store(time.Now().UnixNano())
	case responsePath, pingPath:
	default:
		return failure(http.StatusNotFound, "Caisson has no such endpoint")
	}
	if m.method != http.MethodPost {
		return failure(http.StatusMethodNotAllowed, "Caisson's endpoints take POST only")
	}
	switch m.path {
	case requestPath:
		return h.authorize(m, late)
	case responsePath:
		return h.respond(m)
	}
	return activated
}

// answerLate finds the answer to a decision whose goroutine is stuck. Like answer, it never panics.
func (h *Handler) answerLate(d *authz.Decision) (p reply) {
	defer func() {
		if v := recover(); v != nil {
			p = h.crashed(v)
		}
	}()
	return replyTo(d)
}

// authorize answers AuthZReq.
//
// A message that is no call is refused in audit mode too. Audit mode lets requests pass that break rules; an empty message is not
// a request but what dockerd makes of one whose connection broke, and letting it pass would let pass a request nobody has seen.
func (h *Handler) authorize(m *incoming, late func(*authz.Decision)) reply {
	release, err := h.admit(m)
	if err != nil {
		return h.reject(err)
	}
	defer release()
	text, err := read(m)
	if err != nil {
		return h.reject(err)
	}
	call, err := decodeCall(text)
	if err != nil {
		return h.reject(err)
	}
	if m.length < 0 || m.length > largeSize {
		late = nil // whoever is relieved gives nothing back until the disk answers, and this would be the memory of large messages
	}
	// dockerd does not cancel a call, so the context of a connection that broke says nothing about the request behind it.
	return replyTo(h.authorizer.AuthorizeOr(context.Background(), call, late))
}

var errTooLarge = fmt.Errorf("the authorization call is larger than %d MiB; fix: send a smaller request", maxMessage>>20)

func nothing() {}

// admit waits until there is memory for the message. The returned function gives it back.
func (h *Handler) admit(m *incoming) (release func(), err error) {
	size := m.length
	switch {
	case size > maxMessage:
		return nil, errTooLarge
	case size < 0: // chunked; dockerd always states the length
		size = maxMessage
	case size <= largeSize:
		return nothing, nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), h.queueTime)
	defer cancel()
	if err := h.large.Acquire(ctx, size); err != nil {
		return nil, errors.New("too many large requests at once; fix: try again")
	}
	return func() { h.large.Release(size) }, nil
}

// read returns the body of an HTTP request. It is never larger than maxMessage, whatever its length is said to be.
func read(m *incoming) (string, error) {
	var text strings.Builder
	if m.length > 0 {
		text.Grow(int(min(m.length, maxMessage)))
	}
	buffer := buffers.Get().(*[]byte)
	defer buffers.Put(buffer)
	_, err := io.CopyBuffer(&text, io.LimitReader(m.body, maxMessage+1), *buffer)
	switch {
	case stalled(err):
		return "", errors.New("the authorization call did not arrive whole: its sender stalls")
	case err != nil:
		return "", fmt.Errorf("the authorization call did not arrive whole: %w", err)
	case text.Len() > maxMessage:
		return "", errTooLarge
	}
	return text.String(), nil
}

// reject records and refuses a message that is no call.
func (h *Handler) reject(err error) reply {
	d := h.authorizer.Reject(err)
	h.log.Warn("refused an authorization call that cannot be read", zap.String("decision", d.ID), zap.Error(err))
	// Not replyTo(d): no mode lets this pass.
	return failure(http.StatusInternalServerError, d.Message())
}

// crashed refuses after a panic.
func (h *Handler) crashed(v any) (p reply) {
	p = failure(http.StatusInternalServerError, "request refused, because Caisson cannot decide: internal error; fix: report this with the log of Caisson")
	// What panicked may panic again.
	defer func() { _ = recover() }()
	// Only the kind of an unknown value: its text may hold parts of a request.
	what := fmt.Sprintf("%T", v)
	if err, ok := v.(runtime.Error); ok {
		what = err.Error()
	}
	h.log.Error("panic while answering", zap.String("panic", what), zap.ByteString("stack", debug.Stack()))
	d := h.authorizer.Reject(errors.New("internal error; fix: report this with the log of Caisson"))
	return failure(http.StatusInternalServerError, d.Message())
}
