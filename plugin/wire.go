package plugin

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/docker/go-plugins-helpers/authorization"
	"github.com/docker/go-plugins-helpers/sdk"

	"caisson/authz"
	"caisson/authz/request"
	"caisson/authz/request/plain"
)

// The protocol's paths. dockerd posts to the first once, and to the others for each request.
const (
	activatePath = "/Plugin.Activate"
	pingPath     = "/Caisson.Ping" // of Caisson itself
	requestPath  = "/" + authorization.AuthZApiRequest
	responsePath = "/" + authorization.AuthZApiResponse
)

// maxText bounds a text sent back. dockerd reads answers of any size, and repeats them to the client and in its log.
const maxText = 32 << 10

// message is a call as dockerd encodes it.
//
// Some members shadow those of [authorization.Request]: the helper library's decoder for certificates panics on a bad PEM block,
// and a request has no response yet, so what stands there is not looked at.
type message struct {
	authorization.Request

	RequestPeerCertificates certificate `json:"RequestPeerCertificates"`
	ResponseStatusCode      ignored     `json:"ResponseStatusCode"`
	ResponseBody            ignored     `json:"ResponseBody"`
	ResponseHeaders         ignored     `json:"ResponseHeaders"`
}

// certificate is the client's own certificate, the first of a list, in PEM. It is not parsed here, as few policies ask for it.
type certificate []byte

// UnmarshalJSON implements [json.Unmarshaler]. It takes base64, as dockerd writes bytes. Anything else it keeps as it is, so that
// only a decision that depends on the certificate fails.
func (c *certificate) UnmarshalJSON(text []byte) error {
	var list []json.RawMessage
	err := json.Unmarshal(text, &list)
	if err == nil && len(list) == 0 {
		*c = nil
		return nil
	}
	var first []byte
	if err != nil || json.Unmarshal(list[0], &first) != nil || len(first) == 0 {
		first = bytes.Clone(text)
	}
	*c = first
	return nil
}

// ignored skips a JSON value of any kind.
type ignored struct{}

// UnmarshalJSON implements [json.Unmarshaler].
func (*ignored) UnmarshalJSON([]byte) error { return nil }

// envelope is a call as dockerd encodes it, if nothing about it is unusual.
type envelope struct {
	User, UserAuthNMethod   string
	RequestMethod           string
	RequestURI              string `json:"RequestUri"`
	RequestBody             []byte
	RequestHeaders          map[string]string
	RequestPeerCertificates [][]byte
}

var plainEnvelope = plain.New[envelope](plain.Options{MaxElements: 1 << 10})

// DecodeCall reads a call. dockerd wrote the message, so what is not a single well-formed one with a method and a target is a sign of a
// broken connection or of somebody else on the socket, and in both cases an error.
func DecodeCall(text []byte) (request.Call, error) { return decodeCall(string(text)) }

func decodeCall(text string) (request.Call, error) {
	if text == "" {
		return request.Call{}, errors.New("the authorization call is empty, as dockerd sends it after its connection to Caisson broke; " +
			"fix: repeat the request; if this recurs, look for crashes in Caisson's log")
	}
	call, ok := decodePlain(text)
	if !ok {
		var err error
		if call, err = decodeAny(text); err != nil {
			return request.Call{}, err
		}
	}
	if call.Method == "" || call.Target == "" {
		return request.Call{}, errors.New("the authorization call is not what dockerd sends: it has no method or no request target")
	}
	if len(call.Body) == 0 {
		call.Body = nil
	}
	if len(text) > largeSize {
		letGo(&call)
	}
	return call, nil
}

// letGo copies what refers to a large message, so that its memory is free while the decision is made.
func letGo(c *request.Call) {
	for _, s := range []*string{&c.User, &c.AuthMethod, &c.Method, &c.Target} {
		*s = strings.Clone(*s)
	}
	headers := make(map[string]string, len(c.Headers))
	for name, value := range c.Headers {
		headers[strings.Clone(name)] = strings.Clone(value)
	}
	c.Headers = headers
}

// decodePlain decodes what dockerd sends. Whatever it is not sure of it leaves to decodeAny.
func decodePlain(text string) (call request.Call, ok bool) {
	var e envelope
	if !plainEnvelope.Decode(text, &e) {
		return request.Call{}, false
	}
	if list := e.RequestPeerCertificates; len(list) > 0 {
		if len(list[0]) == 0 {
			return request.Call{}, false
		}
		call.Certificate = list[0]
	}
	call.User, call.AuthMethod, call.Method, call.Target = e.User, e.UserAuthNMethod, e.RequestMethod, e.RequestURI
	call.Headers, call.Body = e.RequestHeaders, e.RequestBody
	return call, true
}

// decodeAny decodes with encoding/json.
func decodeAny(text string) (request.Call, error) {
	var m message
	if err := json.Unmarshal([]byte(text), &m); err != nil {
		return request.Call{}, fmt.Errorf("the authorization call is not what dockerd sends: %w", jsonError(err))
	}
	return request.Call{
		User: m.User, AuthMethod: m.UserAuthNMethod, Method: m.RequestMethod, Target: m.RequestURI, Headers: m.RequestHeaders,
		Body: m.RequestBody, Certificate: m.RequestPeerCertificates,
	}, nil
}

// jsonError words an error of encoding/json without our type names and without values from the message.
func jsonError(err error) error {
	if kind, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
		what, _, _ := strings.Cut(kind.Value, " ") // "number 12" quotes the number
		if kind.Field == "" {
			return fmt.Errorf("it is a JSON %s, not an object", what)
		}
		return fmt.Errorf("%s is a JSON %s", strings.TrimPrefix(kind.Field, "Request."), what)
	}
	return err
}

// reply is an answer to dockerd.
type reply struct {
	status int
	body   []byte
	ready  []byte // the whole message, if it is always the same
}

const contentType = sdk.DefaultContentTypeV1_1

// The answers that never change.
var (
	activated = reply{status: http.StatusOK, body: encode(map[string][]string{"Implements": {authorization.AuthZApiImplements}})}
	allowed   = alwaysTheSame(reply{status: http.StatusOK, body: encode(authorization.Response{Allow: true})})
)

func alwaysTheSame(p reply) reply {
	p.ready = p.message(false, true)
	return p
}

// replyTo maps a decision. Its default is a refusal.
func replyTo(d *authz.Decision) reply {
	switch {
	case d.Passes():
		return allowed // dockerd ignores a text here
	case d.Verdict == authz.Deny:
		return reply{status: http.StatusOK, body: encode(authorization.Response{Msg: bounded(d.Message())})}
	default:
		return failure(http.StatusInternalServerError, d.Message())
	}
}

// failure refuses without a decision. The status must not be 200: dockerd would not look at the error.
func failure(status int, text string) reply {
	return reply{status: status, body: encode(authorization.Response{Err: bounded(text)})}
}

// bounded cuts a text that is too long. The end of a message, which holds the decision's ID, stays.
func bounded(text string) string {
	const end = 80
	if len(text) <= maxText {
		return text
	}
	head, tail := maxText-end, len(text)-end
	for !utf8.RuneStart(text[head]) {
		head--
	}
	for !utf8.RuneStart(text[tail]) {
		tail++
	}
	return text[:head] + " … " + text[tail:]
}

func encode(v any) []byte {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err) // strings and a bool always encode
	}
	return b
}

func (p reply) write(w http.ResponseWriter) {
	h := w.Header()
	h.Set("Content-Type", contentType)
	h.Set("Content-Length", strconv.Itoa(len(p.body)))
	w.WriteHeader(p.status)
	_, _ = w.Write(p.body) // if dockerd has gone there is nobody to tell
}
