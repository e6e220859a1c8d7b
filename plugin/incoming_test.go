package plugin

import (
	"bufio"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
)

// asDocker is a request as dockerd sends it.
func asDocker(path, body string) string {
	return fmt.Sprintf("POST %s HTTP/1.1\r\nHost: %%2Frun%%2Fdocker%%2Fplugins%%2Fcaisson.sock\r\nUser-Agent: Go-http-client/1.1\r\nContent-Length: %d\r\n"+
		"Accept: application/vnd.docker.plugins.v1.2+json\r\nAccept-Encoding: gzip\r\n\r\n%s", path, len(body), body)
}

// heads are requests that differ from what dockerd sends in one thing each.
func heads() map[string]string {
	good := asDocker(requestPath, "body")
	with := func(line string) string { return strings.Replace(good, "\r\nAccept: ", "\r\n"+line+"\r\nAccept: ", 1) }
	return map[string]string{
		"another path":       asDocker("/Plugin.Activate", ""),
		"a query":            asDocker(requestPath+"?x", "body"),
		"an escaped path":    asDocker("/AuthZPlugin%2EAuthZReq", "body"),
		"another method":     strings.Replace(good, "POST", "PUT", 1),
		"HTTP/1.0":           strings.Replace(good, "HTTP/1.1", "HTTP/1.0", 1),
		"chunked":            with("Transfer-Encoding: chunked"),
		"closes":             with("Connection: close"),
		"expects":            with("Expect: 100-continue"),
		"another field":      with("X-Registry-Auth: x"),
		"a field twice":      with("Host: other"),
		"two lengths":        with("Content-Length: 5"),
		"the length again":   with("Content-Length: 4"),
		"no length":          strings.Replace(good, "Content-Length: 4\r\n", "", 1),
		"an empty length":    strings.Replace(good, "Length: 4", "Length: ", 1),
		"a signed length":    strings.Replace(good, "Length: 4", "Length: +4", 1),
		"a negative length":  strings.Replace(good, "Length: 4", "Length: -4", 1),
		"a long length":      strings.Replace(good, "Length: 4", "Length: 99999999999999999999", 1),
		"a length and blank": strings.Replace(good, "Length: 4", "Length: 4 ", 1),
		"another case":       strings.Replace(good, "Content-Length", "content-length", 1),
		"a blank before :":   strings.Replace(good, "Length:", "Length :", 1),
		"no blank after :":   strings.Replace(good, "Length: ", "Length:", 1),
		"a folded field":     with("User-Agent: x\r\n y"),
		"a control":          strings.Replace(good, "gzip", "g\x00zip", 1),
		"no ASCII":           strings.Replace(good, "gzip", "gz\xc3\xafp", 1),
		"bare line feeds":    strings.ReplaceAll(good, "\r\n", "\n"),
		"a carriage return":  strings.Replace(good, "gzip", "g\rzip", 1),
		"no end":             strings.TrimSuffix(good, "\r\n\r\nbody"),
		"no HTTP":            "hello\r\n\r\n",
	}
}

func TestPlainHead(t *testing.T) {
	for _, path := range []string{requestPath, responsePath} {
		for _, body := range []string{"", "body", strings.Repeat("x", 1<<20)} {
			text := asDocker(path, body)
			got, size, length, ok := plainHead([]byte(text))
			if !ok || got != path || length != int64(len(body)) || text[size:] != body {
				t.Errorf("%s with %d bytes: %s %d %d %t", path, len(body), got, size, length, ok)
			}
		}
	}
	for name, text := range heads() {
		if _, _, _, ok := plainHead([]byte(text)); ok {
			t.Errorf("%s is plain", name)
		}
		checkIncoming(t, text)
	}
}

// checkIncoming reads a text in our way and in that of net/http: request, body, and what is left for the next request.
func checkIncoming(t *testing.T, text string) {
	t.Helper()
	type result struct {
		in         incoming
		body, rest string
		failed     bool
		cut        bool
	}
	read := func(head func(*bufio.Reader) (incoming, error)) (r result) {
		reader := bufio.NewReaderSize(strings.NewReader(text), bufferSize)
		_, _ = reader.Peek(1) // as a stream does
		in, err := head(reader)
		if r.failed = err != nil; r.failed {
			return r
		}
		body, err := io.ReadAll(in.body)
		rest, _ := io.ReadAll(reader)
		in.body = nil
		return result{in: in, body: string(body), rest: string(rest), cut: err != nil}
	}
	got := read(readIncoming)
	want := read(func(r *bufio.Reader) (incoming, error) {
		q, err := http.ReadRequest(r)
		if err != nil {
			return incoming{}, err
		}
		return fromHTTP(q), nil
	})
	if got != want {
		t.Errorf("%.300q\nhere:     %+v\nnet/http: %+v", text, got, want)
	}
}

func FuzzIncoming(f *testing.F) {
	f.Add(asDocker(requestPath, `{"RequestMethod":"GET"}`) + asDocker(responsePath, ""))
	f.Add(strings.TrimSuffix(asDocker(requestPath, "cut off"), "off"))
	for _, text := range heads() {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) { checkIncoming(t, text) })
}
