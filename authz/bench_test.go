package authz_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strconv"
	"testing"

	"github.com/moby/moby/api/types/container"
	"go.uber.org/zap"

	"caisson/authz"
	"caisson/authz/audit"
	"caisson/authz/cases"
	"caisson/authz/request"
	"caisson/authz/rules"
	"caisson/config"
)

// benchProfiles are the profiles that the benchmarks decide under: the weakest and the strictest.
var benchProfiles = []rules.Profile{rules.Baseline, rules.Restricted}

// benchCall is a call that the benchmarks decide about.
type benchCall struct {
	name string
	call request.Call
	want authz.Verdict // under each of the profiles
}

// benchCalls are what a client sends most, and one body of the greatest size that engines before 29.3.1 pass on.
//
// create-refused.json was sent by the docker CLI 28.2.2: a web service with a directory of the host; its volumes have lost their names
// since, which would be looked up. create-permitted.json has a volume in place of the directory, and its image by digest.
func benchCalls(tb testing.TB) []benchCall {
	tb.Helper()
	permitted := benchBody(tb, "create-permitted.json")
	return []benchCall{
		{"ping", request.Call{Method: "HEAD", Target: "/_ping", Headers: benchHeaders(nil)}, authz.Allow},
		{"list", request.Call{Method: "GET", Target: "/v1.50/containers/json?all=1", Headers: benchHeaders(nil)}, authz.Allow},
		{"create", benchCreate(permitted), authz.Allow},
		{"create-refused", benchCreate(benchBody(tb, "create-refused.json")), authz.Deny},
		{"create-1MiB", benchCreate(enlarge(tb, permitted, 1<<20)), authz.Allow},
	}
}

func benchBody(tb testing.TB, file string) []byte {
	tb.Helper()
	body, err := os.ReadFile("testdata/bench/" + file)
	if err != nil {
		tb.Fatal(err)
	}
	return body
}

func benchCreate(body []byte) request.Call {
	return request.Call{Method: "POST", Target: "/v1.50/containers/create?name=web-1", Headers: benchHeaders(body), Body: body}
}

func benchHeaders(body []byte) map[string]string {
	h := map[string]string{"User-Agent": "Docker-Client/28.2.2 (linux)"}
	if body != nil {
		h["Content-Type"], h["Content-Length"] = "application/json", strconv.Itoa(len(body))
	}
	return h
}

// enlarge adds environment variables to a create body until it is of the size, or a little less.
func enlarge(tb testing.TB, body []byte, size int) []byte {
	tb.Helper()
	var members map[string]json.RawMessage
	if err := json.Unmarshal(body, &members); err != nil {
		tb.Fatal(err)
	}
	const variable = 64 // bytes of one, in JSON
	env := make([]string, (size-len(body))/variable)
	for i := range env {
		env[i] = fmt.Sprintf("VARIABLE_%06d=%0*d", i, variable-len(`"VARIABLE_000000=",`), i)
	}
	var err error
	if members["Env"], err = json.Marshal(env); err != nil {
		tb.Fatal(err)
	}
	if body, err = json.Marshal(members); err != nil {
		tb.Fatal(err)
	}
	return body
}

// benchAuthorizer decides under a profile and encodes a record of each decision.
func benchAuthorizer(profile rules.Profile) *authz.Authorizer {
	policy := config.Default(profile)
	return &authz.Authorizer{
		Policy: func() *authz.Policy { return policy }, Images: cases.NoImages, Audit: audit.NewLog(io.Discard), Log: zap.NewNop(),
	}
}

// BenchmarkAuthorize measures a decision from the call, as it is once decoded from the plugin's socket, to its audit record. For
// those with a body there is also what encoding/json alone takes to decode that body into the Engine's type.
func BenchmarkAuthorize(b *testing.B) {
	for _, c := range benchCalls(b) {
		b.Run(c.name, func(b *testing.B) {
			for _, profile := range benchProfiles {
				b.Run(string(profile), func(b *testing.B) { benchmarkAuthorize(b, profile, c) })
			}
			if c.call.Body != nil {
				b.Run("encoding-json", func(b *testing.B) { benchmarkDecode(b, c.call.Body) })
			}
		})
	}
}

func benchmarkAuthorize(b *testing.B, profile rules.Profile, c benchCall) {
	b.Helper()
	a := benchAuthorizer(profile)
	late := func(d *authz.Decision) { b.Error("relieved of ", d.ID) } // as the plugin does
	b.SetBytes(int64(len(c.call.Body)))
	b.ReportAllocs()
	for b.Loop() {
		if d := a.AuthorizeOr(context.Background(), c.call, late); d.Verdict != c.want {
			b.Fatalf("%s %s", d.Verdict, d.Message())
		}
	}
}

func benchmarkDecode(b *testing.B, body []byte) {
	b.Helper()
	b.SetBytes(int64(len(body)))
	b.ReportAllocs()
	for b.Loop() {
		var create container.CreateRequest
		if err := json.Unmarshal(body, &create); err != nil {
			b.Fatal(err)
		}
	}
}

// TestBenchCalls holds the benchmarks, here and in test/bench, to calls whose outcome is what they measure.
func TestBenchCalls(t *testing.T) {
	for _, c := range benchCalls(t) {
		for _, profile := range benchProfiles {
			d := benchAuthorizer(profile).Authorize(context.Background(), c.call)
			if d.Verdict != c.want {
				t.Errorf("%s under %s: %s, want %s: %s", c.name, profile, d.Verdict, c.want, d.Message())
			}
		}
	}
}
