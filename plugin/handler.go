package plugin

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"runtime"
	"runtime/debug"
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
	draining atomic.Bool // the server is going to end: answers close their connection
}

// NewHandler returns a handler that asks an authorizer.
func NewHandler(a *authz.Authorizer, log *zap.Logger) *Handler {
	return &Handler{
		authorizer: a, log: log, bodyTime: bodyTime, queueTime: queueTime, large: semaphore.NewWeighted(largeBudget),
	}
}

// ServeHTTP implements [http.Handler]. It always answers, and never panics.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h.inFlight.Add(1)
	defer h.inFlight.Add(-1)

	// A sender that stalls gets an answer too. dockerd sends from memory, so this is no timeout that it meets when busy.
	control := http.NewResponseController(w)
	_ = control.SetReadDeadline(time.Now().Add(h.bodyTime)) // not every ResponseWriter of a test can
	p := h.route(r, control)
	// What is left unread would break the connection. The deadline stays on one that stalls: net/http tries to read on.
	_, err := io.CopyN(io.Discard, r.Body, maxDrain)
	whole := errors.Is(err, io.EOF)
	if whole {
		_ = control.SetReadDeadline(time.Time{})
	}
	if h.draining.Load() || !whole {
		w.Header().Set("Connection", "close")
	}
	p.write(w)
}

// route finds the answer to one HTTP request. The Content-Type is not looked at, because dockerd sends none.
func (h *Handler) route(r *http.Request, control *http.ResponseController) (p reply) {
	defer func() {
		// Also http.ErrAbortHandler: whoever panics with it wants the connection dropped, and dockerd would then
		// repeat the call with an empty body.
		if v := recover(); v != nil {
			p = h.crashed(v)
		}
	}()
	switch r.URL.Path {
	case activatePath, requestPath, responsePath:
	default:
		return failure(http.StatusNotFound, "Caisson has no such endpoint")
	}
	if r.Method != http.MethodPost {
		return failure(http.StatusMethodNotAllowed, "Caisson's endpoints take POST only")
	}
	switch r.URL.Path {
	case requestPath:
		return h.authorize(r, control)
	case responsePath:
		return h.respond(r, control)
	}
	return activated
}

// authorize answers AuthZReq.
//
// A message that is no call is refused in audit mode too. Audit mode lets requests pass that break rules; an empty message is not
// a request but what dockerd makes of one whose connection broke, and letting it pass would let pass a request nobody has seen.
func (h *Handler) authorize(r *http.Request, control *http.ResponseController) reply {
	release, err := h.admit(r)
	if err != nil {
		return h.reject(err)
	}
	defer release()
	text, err := read(r)
	if err != nil {
		return h.reject(err)
	}
	clearDeadline(control)
	call, err := DecodeCall(text)
	if err != nil {
		return h.reject(err)
	}
	// dockerd does not cancel a call, so the context of a connection that broke says nothing about the request behind it.
	return answer(h.authorizer.Authorize(context.WithoutCancel(r.Context()), call))
}

var errTooLarge = fmt.Errorf("the authorization call is larger than %d MiB; fix: send a smaller request", maxMessage>>20)

// admit waits until there is memory for the message. The returned function gives it back.
func (h *Handler) admit(r *http.Request) (release func(), err error) {
	size := r.ContentLength
	switch {
	case size > maxMessage:
		return nil, errTooLarge
	case size < 0: // chunked; dockerd always states the length
		size = maxMessage
	case size <= largeSize:
		return func() {}, nil
	}
	ctx, cancel := context.WithTimeout(r.Context(), h.queueTime)
	defer cancel()
	if err := h.large.Acquire(ctx, size); err != nil {
		return nil, errors.New("too many large requests at once; fix: try again")
	}
	return func() { h.large.Release(size) }, nil
}

// read returns the body of an HTTP request. It is never larger than maxMessage, whatever its length is said to be.
func read(r *http.Request) ([]byte, error) {
	var text []byte
	var err error
	if r.ContentLength >= 0 {
		text = make([]byte, min(r.ContentLength, maxMessage))
		_, err = io.ReadFull(r.Body, text)
	} else {
		text, err = io.ReadAll(io.LimitReader(r.Body, maxMessage+1))
	}
	switch {
	case errors.Is(err, os.ErrDeadlineExceeded):
		return nil, errors.New("the authorization call did not arrive whole: its sender stalls")
	case err != nil:
		return nil, fmt.Errorf("the authorization call did not arrive whole: %w", err)
	}
	if len(text) > maxMessage {
		return nil, errTooLarge
	}
	return text, nil
}

// clearDeadline ends the deadline for reading. It is for the body, and net/http reads ahead while the decision is made.
func clearDeadline(control *http.ResponseController) { _ = control.SetReadDeadline(time.Time{}) }

// reject records and refuses a message that is no call.
func (h *Handler) reject(err error) reply {
	d := h.authorizer.Reject(err)
	h.log.Warn("refused an authorization call that cannot be read", zap.String("decision", d.ID), zap.Error(err))
	// Not answer(d): no mode lets this pass.
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
