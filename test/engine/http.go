package engine

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// requestTimeout is above the 15 seconds for which dockerd looks for a plugin that is down.
const requestTimeout = 60 * time.Second

// A Response is the engine's answer, read to its end.
type Response struct {
	Status int
	Header http.Header
	Body   []byte
}

// Message is the text of an error answer.
func (r *Response) Message() string {
	var body struct{ Message string }
	_ = json.Unmarshal(r.Body, &body)
	return body.Message
}

// Do sends one request. The target is written as it is, and so are header names and values, so that a test
// can send what no client library would. A body gets a Content-Length unless the header has one, or is
// sent in chunks if the header asks for that. No other header is added but Host.
func (e *Engine) Do(method, target string, header http.Header, body []byte) (*Response, error) {
	return e.Raw(encode(method, target, header, body))
}

// Begin is Do for requests whose success may be a stream without end: of an answer without an error it reads the head only.
func (e *Engine) Begin(method, target string, header http.Header, body []byte) (*Response, error) {
	return e.exchange(encode(method, target, header, body), func(r *http.Response) bool { return r.StatusCode >= 400 })
}

func encode(method, target string, header http.Header, body []byte) []byte {
	var request bytes.Buffer
	fmt.Fprintf(&request, "%s %s HTTP/1.1\r\n", method, target)
	if !has(header, "Host") {
		request.WriteString("Host: docker\r\n")
	}
	for name, values := range header {
		for _, value := range values {
			fmt.Fprintf(&request, "%s: %s\r\n", name, value)
		}
	}
	switch {
	case has(header, "Transfer-Encoding"):
		request.WriteString("\r\n")
		body = chunked(body)
	case body != nil && !has(header, "Content-Length"):
		fmt.Fprintf(&request, "Content-Length: %d\r\n\r\n", len(body))
	default:
		request.WriteString("\r\n")
	}
	request.Write(body)
	return request.Bytes()
}

// Raw sends bytes on a new connection and reads one answer.
func (e *Engine) Raw(request []byte) (*Response, error) {
	return e.exchange(request, func(*http.Response) bool { return true })
}

// exchange is Raw for those answers whose body is wanted.
func (e *Engine) exchange(request []byte, wanted func(*http.Response) bool) (*Response, error) {
	conn, err := net.Dial("unix", e.Socket)
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(requestTimeout)); err != nil {
		return nil, err
	}
	// The engine may answer before it has read a large request, and then stops reading: the answer counts.
	written := make(chan error, 1)
	go func() {
		_, err := conn.Write(request)
		written <- err
	}()
	method, _, _ := strings.Cut(string(request), " ")
	answer, err := http.ReadResponse(bufio.NewReader(conn), &http.Request{Method: method})
	if err != nil {
		select {
		case writeErr := <-written:
			if writeErr != nil {
				return nil, writeErr
			}
		default:
		}
		return nil, err
	}
	if !wanted(answer) { // not closed: that would read to the end
		return &Response{Status: answer.StatusCode, Header: answer.Header}, nil
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	return &Response{answer.StatusCode, answer.Header, body}, err
}

// Call sends a JSON body, or none if it is nil, as an ordinary client does.
func (e *Engine) Call(method, target string, body any) (*Response, error) {
	if body == nil {
		return e.Do(method, target, nil, nil)
	}
	encoded, err := json.Marshal(body)
	if err != nil {
		return nil, err
	}
	return e.Do(method, target, http.Header{"Content-Type": {"application/json"}}, encoded)
}

// Inspect decodes the engine's own description of a container. The plugin has to permit the question.
func (e *Engine) Inspect(container string, into any) error {
	answer, err := e.Call("GET", "/containers/"+container+"/json", nil)
	if err != nil {
		return err
	}
	if answer.Status != http.StatusOK {
		return fmt.Errorf("inspect %s: %d %s", container, answer.Status, answer.Message())
	}
	return json.Unmarshal(answer.Body, into)
}

func has(header http.Header, name string) bool {
	for key := range header {
		if strings.EqualFold(key, name) {
			return true
		}
	}
	return false
}

// chunked splits a body in two chunks where it can, so that it has to be put together again.
func chunked(body []byte) []byte {
	var out bytes.Buffer
	half := len(body) / 2
	for _, part := range [][]byte{body[:half], body[half:]} {
		if len(part) > 0 {
			out.WriteString(strconv.FormatInt(int64(len(part)), 16) + "\r\n")
			out.Write(part)
			out.WriteString("\r\n")
		}
	}
	out.WriteString("0\r\n\r\n")
	return out.Bytes()
}
