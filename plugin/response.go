package plugin

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"

	"caisson/authz/request"
)

// respond answers AuthZRes. What the request did is done, and a refusal now would tell the client of a failure that did not happen. So everything
// passes unread, but where a rule wants to see which container the Engine has made of a create request: only then is it certain which image it runs.
func (h *Handler) respond(m *incoming) reply {
	if !h.authorizer.LooksAtCreated() {
		return allowed
	}
	head := new(bytes.Buffer)
	call, err := peek(io.TeeReader(io.LimitReader(m.body, maxMessage), head))
	if err != nil {
		return h.reject(err)
	}
	outline := request.Outline(call)
	switch {
	case outline == nil: // what nobody can read was refused when it was asked for
		return allowed
	case outline.Operation == request.ImageCreate:
		h.authorizer.Pulled(call)
		return allowed
	case outline.Operation != request.ContainerCreate:
		return allowed
	}
	return h.created(m, head)
}

// peek reads the method and the target of a call, and not much more: dockerd writes them before the bodies.
//
// Source: moby pkg/authorization/api.go, Request.
func peek(r io.Reader) (request.Call, error) {
	var call request.Call
	tokens := json.NewDecoder(r)
	if t, err := tokens.Token(); err != nil || t != json.Delim('{') {
		return call, errors.New("the authorization call about a response is not what dockerd sends")
	}
	for tokens.More() {
		key, err := tokens.Token()
		if err != nil {
			break
		}
		switch key {
		case "RequestMethod":
			err = tokens.Decode(&call.Method)
		case "RequestUri":
			err = tokens.Decode(&call.Target)
		default:
			err = tokens.Decode(new(json.RawMessage))
		}
		if err != nil {
			break
		}
		if call.Method != "" && call.Target != "" {
			return call, nil
		}
	}
	return call, errors.New("the authorization call about a response has no method or no request target")
}

// created asks about the container that was made. head is what has been read of the call.
func (h *Handler) created(m *incoming, head *bytes.Buffer) reply {
	release, err := h.admit(m)
	if err != nil {
		return h.reject(err)
	}
	defer release()
	text, err := readAfter(head, m)
	if err != nil {
		return h.reject(err)
	}
	call, err := DecodeCall(text)
	if err != nil {
		return h.reject(err)
	}
	id, made, err := decodeCreated(text)
	if err != nil {
		return h.reject(err)
	}
	if !made {
		return allowed
	}
	return replyTo(h.authorizer.Created(context.Background(), call, id))
}

// readAfter reads the rest of a body.
func readAfter(head *bytes.Buffer, m *incoming) ([]byte, error) {
	_, err := io.Copy(head, io.LimitReader(m.body, int64(maxMessage+1-head.Len())))
	switch {
	case stalled(err):
		return nil, errors.New("the authorization call did not arrive whole: its sender stalls")
	case err != nil:
		return nil, fmt.Errorf("the authorization call did not arrive whole: %w", err)
	case head.Len() > maxMessage:
		return nil, errTooLarge
	}
	return head.Bytes(), nil
}

// decodeCreated reads which container the Engine says it has made. made is false if it says that it has made none.
func decodeCreated(text []byte) (id string, made bool, err error) {
	var m struct {
		ResponseStatusCode int
		ResponseBody       []byte
	}
	if err := json.Unmarshal(text, &m); err != nil {
		return "", false, fmt.Errorf("the authorization call about a response is not what dockerd sends: %w", jsonError(err))
	}
	if m.ResponseStatusCode != 0 && m.ResponseStatusCode != http.StatusCreated {
		return "", false, nil
	}
	// Without a status, dockerd has sent the answer to the client already, as it does with one that is too long for it.
	var body struct{ ID string }
	_ = json.Unmarshal(m.ResponseBody, &body) // without an ID, nobody can look at the container, which is for the authorizer to refuse
	return body.ID, true, nil
}
