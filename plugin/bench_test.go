package plugin

import (
	"bufio"
	"bytes"
	"encoding/base64"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"

	"go.uber.org/zap"

	"caisson/authz"
	"caisson/authz/audit"
	"caisson/authz/rules"
	"caisson/config"
)

// BenchmarkHandler measures a call without the socket: a list that no rule looks at, a create that all do, and a response.
func BenchmarkHandler(b *testing.B) {
	policy := config.Default(rules.Restricted)
	h := NewHandler(&authz.Authorizer{Policy: func() *authz.Policy { return policy }, Audit: audit.NewLog(io.Discard), Log: zap.NewNop()}, zap.NewNop())
	create := `{"Image":"busybox","Cmd":["true"],"HostConfig":{"Memory":268435456,"CapDrop":["ALL"],"NetworkMode":"default"}}`
	createCall := fmt.Appendf(nil, `{"RequestMethod":"POST","RequestUri":"/v1.41/containers/create","RequestBody":%q,`+
		`"RequestHeaders":{"Content-Type":"application/json"}}`, base64.StdEncoding.EncodeToString([]byte(create)))
	for _, c := range []struct {
		name, path string
		body       []byte
	}{
		{"list", requestPath, messageFor("/v1.41/containers/json")},
		{"create", requestPath, createCall},
		{"response", responsePath, createCall},
		{"response 64 KiB", responsePath, make([]byte, 64<<10)},
	} {
		b.Run(c.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				h.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("POST", c.path, bytes.NewReader(c.body)))
			}
		})
	}
}

// BenchmarkServe measures what an ordinary host asks, in one mixture, as clients on the socket see it. "make profile" runs it for the compiler.
func BenchmarkServe(b *testing.B) {
	policy := config.Default(rules.Restricted)
	log, err := audit.OpenLog(filepath.Join(b.TempDir(), "audit.log"))
	if err != nil {
		b.Fatal(err)
	}
	h := NewHandler(&authz.Authorizer{Policy: func() *authz.Policy { return policy }, Audit: log, Log: zap.NewNop()}, zap.NewNop())
	l, err := net.Listen("unix", filepath.Join(b.TempDir(), "s"))
	if err != nil {
		b.Fatal(err)
	}
	c, done := newConns(h, zap.NewNop()), make(chan error)
	go func() { done <- c.accept(l) }()
	calls := ordinaryCalls(b)
	b.SetParallelism(4)
	b.RunParallel(func(p *testing.PB) {
		conn, err := net.Dial("unix", l.Addr().String())
		if err != nil {
			b.Error(err)
			return
		}
		defer conn.Close()
		reader := bufio.NewReader(conn)
		for i := 0; p.Next(); i++ {
			if err := ask(conn, reader, calls[i%len(calls)]); err != nil {
				b.Error(err)
				return
			}
		}
	})
	l.Close()
	<-done
	c.close()
	if err := log.Close(b.Context()); err != nil {
		b.Error(err)
	}
}

// ordinaryCalls are reads, creates and their responses, in the measure in which they come.
func ordinaryCalls(tb testing.TB) (calls []string) {
	tb.Helper()
	call := func(path, message string) { calls = append(calls, asDocker(path, message)) }
	for _, target := range []string{"/_ping", "/v1.50/containers/json?all=1", "/v1.50/images/json", "/v1.50/info"} {
		call(requestPath, string(messageFor(target)))
		call(responsePath, string(messageFor(target)))
	}
	for _, file := range []string{"create-permitted.json", "create-permitted.json", "create-permitted.json", "create-refused.json"} {
		body, err := os.ReadFile(filepath.Join("..", "authz", "testdata", "bench", file))
		if err != nil {
			tb.Fatal(err)
		}
		message := fmt.Sprintf(`{"RequestMethod":"POST","RequestUri":"/v1.50/containers/create?name=web-1","RequestBody":%q,`+
			`"RequestHeaders":{"Content-Length":"%d","Content-Type":"application/json","User-Agent":"Docker-Client/28.2.2 (linux)"}}`,
			base64.StdEncoding.EncodeToString(body), len(body))
		call(requestPath, message)
		call(responsePath, message)
	}
	return calls
}

// ask sends a call and reads its answer.
func ask(conn net.Conn, reader *bufio.Reader, call string) error {
	if _, err := io.WriteString(conn, call); err != nil {
		return err
	}
	answer, err := http.ReadResponse(reader, nil)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	_, err = io.Copy(io.Discard, answer.Body)
	return err
}
