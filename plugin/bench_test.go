package plugin

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"io"
	"net/http/httptest"
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
