package plugin

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"testing"

	"github.com/docker/go-plugins-helpers/authorization"
	"go.uber.org/zap"

	"caisson/authz"
	"caisson/authz/audit"
	"caisson/authz/rules"
	"caisson/config"
)

func BenchmarkSocketProto(b *testing.B) {
	policy := config.Default(rules.Restricted)
	log, err := audit.OpenLog(filepath.Join(b.TempDir(), "a.log"))
	if err != nil {
		b.Fatal(err)
	}
	h := NewHandler(&authz.Authorizer{Policy: func() *authz.Policy { return policy }, Audit: log, Files: authz.NewHost(), Log: zap.NewNop()}, zap.NewNop())
	dir, _ := os.MkdirTemp("", "x")
	defer os.RemoveAll(dir)
	l, err := net.Listen("unix", filepath.Join(dir, "s"))
	if err != nil {
		b.Fatal(err)
	}
	go newConns(h, zap.NewNop()).accept(l)
	body, _ := os.ReadFile("../authz/testdata/bench/create-permitted.json")
	for _, c := range []struct {
		name string
		r    authorization.Request
	}{
		{"ping", authorization.Request{RequestMethod: "HEAD", RequestURI: "/_ping", RequestHeaders: map[string]string{"User-Agent": "Docker-Client/28.2.2 (linux)"}}},
		{"create", authorization.Request{RequestMethod: "POST", RequestURI: "/v1.50/containers/create?name=web-1", RequestBody: body, RequestHeaders: map[string]string{"User-Agent": "Docker-Client/28.2.2 (linux)", "Content-Type": "application/json", "Content-Length": fmt.Sprint(len(body))}}},
	} {
		b.Run(c.name, func(b *testing.B) {
			text, _ := json.Marshal(c.r)
			msg := append([]byte(fmt.Sprintf("POST /AuthZPlugin.AuthZReq HTTP/1.1\r\nHost: plugin.moby.localhost\r\nUser-Agent: Go-http-client/1.1\r\nContent-Length: %d\r\nAccept: application/vnd.docker.plugins.v1.2+json\r\n\r\n", len(text))), text...)
			conn, err := net.Dial("unix", l.Addr().String())
			if err != nil {
				b.Fatal(err)
			}
			br := bufio.NewReader(conn)
			b.ReportAllocs()
			for b.Loop() {
				conn.Write(msg)
				if _, err := br.Peek(1); err != nil {
					b.Fatal(err)
				}
				br.Discard(br.Buffered())
			}
			conn.Close()
		})
	}
	_ = io.EOF
}
