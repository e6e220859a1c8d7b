package plugin

import (
	"bufio"
	"bytes"
	"io"
	"net/http"
	"strconv"
)

// incoming is an HTTP request, as far as anybody here looks at it.
type incoming struct {
	method, path string
	length       int64 // of the body; less than 0 if it is not known beforehand
	body         io.Reader
	closes       bool // the connection ends after the answer
	expects      bool // the sender waits to hear that it may send the body
}

// sized is a body of a known length.
type sized struct{ io.LimitedReader }

// Read implements [io.Reader]. A body that is cut off does not look like one that has ended.
func (s *sized) Read(p []byte) (int, error) {
	n, err := s.LimitedReader.Read(p)
	if err == io.EOF && s.N > 0 { //nolint:errorlint // as LimitedReader returns it
		err = io.ErrUnexpectedEOF
	}
	return n, err
}

// readIncoming reads the head of a request: what dockerd sends by itself, and all else with net/http.
func readIncoming(r *bufio.Reader) (incoming, error) {
	// What has arrived with the first byte is nearly always the whole head.
	buffered, err := r.Peek(r.Buffered())
	if err != nil {
		return incoming{}, err
	}
	if path, size, length, ok := plainHead(buffered); ok {
		if _, err := r.Discard(size); err != nil {
			return incoming{}, err
		}
		return incoming{method: http.MethodPost, path: path, length: length, body: &sized{io.LimitedReader{R: r, N: length}}}, nil
	}
	q, err := http.ReadRequest(r)
	if err != nil {
		return incoming{}, err
	}
	return fromHTTP(q), nil
}

func fromHTTP(q *http.Request) incoming {
	return incoming{
		method: q.Method, path: q.URL.Path, length: q.ContentLength, body: q.Body,
		closes: q.Close || !q.ProtoAtLeast(1, 1), expects: q.Header.Get("Expect") == "100-continue",
	}
}

// plainHead reads the head of a request for an authorization call, of size bytes, if it is one that no two readers could read differently.
//
// dockerd posts with net/http: two paths, and the same few fields, each once and spelled in one way. To pass over those is a fraction of the work
// of reading any head that there can be. FuzzPlainHead holds this to what net/http reads.
//
// Source: moby pkg/plugins/client.go, callWithRetry; net/http, Request.write.
func plainHead(b []byte) (path string, size int, length int64, ok bool) {
	rest := b
	for _, line := range firstLines {
		if after, found := bytes.CutPrefix(b, line.text); found {
			path, rest = line.path, after
		}
	}
	if path == "" {
		return "", 0, 0, false
	}
	length = -1
	for seen := uint(0); ; {
		if after, end := bytes.CutPrefix(rest, newline); end {
			return path, len(b) - len(after), length, length >= 0
		}
		line, after, whole := bytes.Cut(rest, newline)
		name, value, found := bytes.Cut(line, separator)
		i := plainField(name)
		if !whole || !found || i < 0 || seen&(1<<i) != 0 || !isPlainValue(value) {
			return "", 0, 0, false
		}
		seen |= 1 << i
		if i == contentLength {
			n, err := strconv.ParseUint(string(value), 10, 31) // no more than fits in an int anywhere
			if err != nil {
				return "", 0, 0, false
			}
			length = int64(n)
		}
		rest = after
	}
}

var newline, separator = []byte("\r\n"), []byte(": ")

// firstLines are those of authorization calls.
var firstLines = []struct {
	path string
	text []byte
}{
	{requestPath, []byte("POST " + requestPath + " HTTP/1.1\r\n")},
	{responsePath, []byte("POST " + responsePath + " HTTP/1.1\r\n")},
}

// plainFields say nothing about where a body ends, but for the first.
var plainFields = [...]string{"Content-Length", "Host", "User-Agent", "Accept", "Accept-Encoding", "Content-Type"}

const contentLength = 0 // in plainFields

func plainField(name []byte) int {
	for i, f := range plainFields {
		if string(name) == f {
			return i
		}
	}
	return -1
}

// isPlainValue tells whether a value is printable ASCII that begins and ends in no blank.
func isPlainValue(v []byte) bool {
	for _, c := range v {
		if c < ' ' || c > '~' {
			return false
		}
	}
	return len(v) > 0 && v[0] != ' ' && v[len(v)-1] != ' '
}
