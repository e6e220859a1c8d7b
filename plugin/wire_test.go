package plugin

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/docker/go-plugins-helpers/authorization"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"caisson/authz"
	"caisson/authz/request"
)

const (
	allowText    = `{"Allow":true}`
	activateText = `{"Implements":["authz"]}`
	undecided    = `{"Allow":false,"Err":"request refused, because Caisson cannot decide: `
	notACall     = undecided + `the authorization call is not what dockerd sends: `
	emptyCall    = undecided + `the authorization call is empty, as dockerd sends it after its connection to Caisson broke; ` +
		`fix: repeat the request; if this recurs, look for crashes in Caisson's log (decision ID)"}`
	noTarget = notACall + `it has no method or no request target (decision ID)"}`
	tooLarge = undecided + `the authorization call is larger than 6 MiB; fix: send a smaller request (decision ID)"}`
)

var wireCases = []struct {
	name, method, path, body string
	status                   int
	want                     string
}{
	{"activate", "POST", activatePath, "", 200, activateText},
	{"activate with a body", "POST", activatePath, "{}", 200, activateText},
	{"permitted", "POST", requestPath, `{"RequestMethod":"GET","RequestUri":"/v1.41/containers/json"}`, 200, allowText},
	{"newline after it", "POST", requestPath, `{"RequestMethod":"GET","RequestUri":"/_ping"}` + "\n", 200, allowText},
	{
		"forbidden", "POST", requestPath, `{"RequestMethod":"GET","RequestUri":"/v1.41/containers/forbidden/json"}`, 200,
		`{"Allow":false,"Msg":"container inspect refused: path is forbidden; allowed: anything else [test] fix: do without (decision ID)"}`,
	},
	{
		"a request that cannot be understood", "POST", requestPath, `{"RequestMethod":"GET","RequestUri":"containers/json"}`, 500,
		undecided + `request target: it does not begin with a single '/'; fix: send a plain origin-form target such as ` +
			`/v1.41/containers/create?name=x, as every Docker client does (decision ID)"}`,
	},
	{"empty", "POST", requestPath, "", 500, emptyCall},
	{"white space", "POST", requestPath, " \n", 500, notACall + `unexpected end of JSON input (decision ID)"}`},
	{"garbage", "POST", requestPath, "garbage", 500, notACall + `invalid character 'g' looking for beginning of value (decision ID)"}`},
	{"array", "POST", requestPath, "[]", 500, notACall + `it is a JSON array, not an object (decision ID)"}`},
	{"number", "POST", requestPath, "12345", 500, notACall + `it is a JSON number, not an object (decision ID)"}`},
	{"null", "POST", requestPath, "null", 500, noTarget},
	{"no members", "POST", requestPath, "{}", 500, noTarget},
	{"no method", "POST", requestPath, `{"RequestUri":"/_ping"}`, 500, noTarget},
	{"no target", "POST", requestPath, `{"RequestMethod":"GET"}`, 500, noTarget},
	{"a member of another type", "POST", requestPath, `{"RequestMethod":12345}`, 500, notACall + `RequestMethod is a JSON number (decision ID)"}`},
	{
		"body that is not base64", "POST", requestPath, `{"RequestMethod":"GET","RequestUri":"/_ping","RequestBody":"!"}`, 500,
		notACall + `illegal base64 data at input byte 0 (decision ID)"}`,
	},
	{
		"truncated", "POST", requestPath, `{"RequestMethod":"GET","RequestUri":"/_ping"`, 500,
		notACall + `unexpected end of JSON input (decision ID)"}`,
	},
	{
		"trailing object", "POST", requestPath, `{"RequestMethod":"GET","RequestUri":"/_ping"}{}`, 500,
		notACall + `invalid character '{' after top-level value (decision ID)"}`,
	},
	{
		"trailing byte", "POST", requestPath, `{"RequestMethod":"GET","RequestUri":"/_ping"}` + "\x00", 500,
		notACall + `invalid character '\\x00' after top-level value (decision ID)"}`,
	},
	{
		"bad certificates", "POST", requestPath,
		`{"RequestMethod":"GET","RequestUri":"/_ping","RequestPeerCertificates":["bm8gUEVN",null,1,{}]}`, 200, allowText,
	},
	{
		"a response of odd types", "POST", requestPath,
		`{"RequestMethod":"GET","RequestUri":"/_ping","ResponseStatusCode":"x","ResponseBody":{},"ResponseHeaders":1}`, 200, allowText,
	},
	{"response", "POST", responsePath, `{"RequestMethod":"GET","RequestUri":"/v1.41/containers/forbidden/json"}`, 200, allowText},
	{"response garbage", "POST", responsePath, "garbage", 200, allowText},
	{"response empty", "POST", responsePath, "", 200, allowText},
	{"wrong path", "POST", "/VolumeDriver.Create", "{}", 404, `{"Allow":false,"Err":"Caisson has no such endpoint"}`},
	{"root", "GET", "/", "", 404, `{"Allow":false,"Err":"Caisson has no such endpoint"}`},
	{"path below", "POST", requestPath + "/x", "{}", 404, `{"Allow":false,"Err":"Caisson has no such endpoint"}`},
	{"wrong method", "GET", requestPath, "", 405, `{"Allow":false,"Err":"Caisson's endpoints take POST only"}`},
	{"wrong method for activate", "PUT", activatePath, "", 405, `{"Allow":false,"Err":"Caisson's endpoints take POST only"}`},
	{"wrong method for response", "DELETE", responsePath, "", 405, `{"Allow":false,"Err":"Caisson's endpoints take POST only"}`},
}

func TestWire(t *testing.T) {
	s := start(t, usual)
	for _, c := range wireCases {
		t.Run(c.name, func(t *testing.T) {
			status, got, err := s.try(c.method, c.path, strings.NewReader(c.body))
			if err != nil || status != c.status {
				t.Errorf("status %d, error %v; want %d", status, err, c.status)
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// Every message posted for a decision leaves one record, and no other does.
func TestRecords(t *testing.T) {
	s := start(t, usual)
	want := 0
	for _, c := range wireCases {
		if c.path == requestPath && c.method == http.MethodPost {
			want++
		}
		if _, _, err := s.try(c.method, c.path, strings.NewReader(c.body)); err != nil {
			t.Fatal(err)
		}
	}
	if got := s.audit.count(); got != want {
		t.Errorf("%d records, want %d", got, want)
	}
}

// In audit mode everything that is a request passes, and what is none does not.
func TestAuditMode(t *testing.T) {
	policy := *usual
	policy.Mode = authz.Audit
	s := start(t, &policy)
	for body, want := range map[string]int{
		`{"RequestMethod":"GET","RequestUri":"/v1.41/containers/forbidden/json"}`: 200,
		`{"RequestMethod":"GET","RequestUri":"x"}`:                                200,
		"":     500,
		"{}":   500,
		"null": 500,
		"x":    500,
	} {
		status, text := s.post(requestPath, strings.NewReader(body))
		if status != want || want == 200 && text != allowText {
			t.Errorf("%q: %d %s", body, status, text)
		}
	}
}

func TestCallIsPassedOn(t *testing.T) {
	got, err := DecodeCall([]byte(`{"User":"ann","UserAuthNMethod":"TLS","RequestMethod":"POST","RequestUri":"/v1.41/x?a=1\u0026b=2",
		"RequestHeaders":{"Content-Type":"application/json"},"RequestBody":"e30=","RequestPeerCertificates":["AA=="]}`))
	want := request.Call{
		User: "ann", AuthMethod: "TLS", Method: "POST", Target: "/v1.41/x?a=1&b=2",
		Headers: map[string]string{"Content-Type": "application/json"}, Body: []byte("{}"), Certificate: []byte{0},
	}
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Error(err, diff)
	}
	// A body that is there but empty is no body.
	got, err = DecodeCall([]byte(`{"RequestMethod":"POST","RequestUri":"/","RequestBody":""}`))
	if got.Body != nil || err != nil {
		t.Errorf("body %q, error %v", got.Body, err)
	}
}

func TestBounded(t *testing.T) {
	short := "x (decision 1)"
	if got := bounded(short); got != short {
		t.Error(got)
	}
	got := bounded(strings.Repeat("é", maxText) + " (decision 1)")
	if len(got) > maxText+10 || !strings.HasSuffix(got, "é (decision 1)") || !strings.Contains(got, "é … é") || strings.Contains(got, "\uFFFD") {
		t.Errorf("%d bytes, ends in %q", len(got), got[len(got)-40:])
	}
}

// What decodes has a method and a target. Nothing panics.
func FuzzDecodeCall(f *testing.F) {
	for _, c := range wireCases {
		f.Add([]byte(c.body))
	}
	f.Add([]byte(`{"User":"a","UserAuthNMethod":"TLS","RequestMethod":"GET","RequestUri":"/a\u0026b","RequestBody":"e30=",` +
		`"RequestHeaders":{"A":"b","C":null},"RequestPeerCertificates":["QUJD","REVG"]}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		call, err := DecodeCall(text)
		if err == nil && (call.Method == "" || call.Target == "") {
			t.Errorf("%q is taken for a call", text)
		}
		if err != nil && (call.Method != "" || call.Target != "" || call.Body != nil) {
			t.Errorf("%q is an error and a call", text)
		}
		_, _ = call.Principal(true)

		// What is decoded without encoding/json is what encoding/json makes of it.
		if plain, ok := decodePlain(string(text)); ok {
			want, err := decodeAny(string(text))
			if diff := cmp.Diff(want, plain, cmpopts.EquateEmpty()); err != nil || diff != "" {
				t.Errorf("encoding/json understands something else (-json +plain): %v\n%s\n%q", err, diff, text)
			}
		}
	})
}

// What dockerd sends is plain, with a certificate and without.
func TestPlainCalls(t *testing.T) {
	for _, r := range []authorization.Request{
		{RequestMethod: "HEAD", RequestURI: "/_ping", RequestHeaders: map[string]string{"User-Agent": "x"}},
		{RequestMethod: "POST", RequestURI: "/v1.50/containers/create?a=<&>", RequestBody: []byte(`{"Image":"x"}`)},
		{User: "ann", UserAuthNMethod: "TLS", RequestMethod: "GET", RequestURI: "/_ping"},
	} {
		text, err := json.Marshal(r)
		if err != nil {
			t.Fatal(err)
		}
		if r.User != "" {
			text = slices.Concat(text[:len(text)-1], []byte(`,"RequestPeerCertificates":["QUJD","REVG"]}`))
		}
		text = append(text, '\n') // dockerd uses a json.Encoder
		got, ok := decodePlain(string(text))
		if !ok {
			t.Errorf("not plain: %s", text)
		}
		want, err := decodeAny(string(text))
		if diff := cmp.Diff(want, got); err != nil || diff != "" {
			t.Error(err, diff)
		}
	}
}
