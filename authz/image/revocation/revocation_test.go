package revocation

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	corerevocation "github.com/notaryproject/notation-core-go/revocation"

	"caisson/authz/image/imagetest"
)

// asking is a checker, and a chain whose certificates name a responder.
type asking struct {
	*Checker
	pki       *imagetest.PKI
	responder *imagetest.Responder
}

func newAsking(t *testing.T, o Options, crl bool) *asking {
	t.Helper()
	c, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	r := imagetest.NewResponder(t)
	urls := imagetest.PKIOptions{OCSP: r.OCSP()}
	if crl {
		urls = imagetest.PKIOptions{CRL: r.CRL()}
	}
	a := &asking{Checker: c, pki: imagetest.NewPKI(t, urls), responder: r}
	r.Serve(a.pki)
	return a
}

func (a *asking) ask(t *testing.T) Finding {
	t.Helper()
	var report Report
	if _, err := a.CodeSigning().ValidateContext(WithReport(t.Context(), &report), corerevocation.ValidateContextOptions{CertChain: a.pki.Chain()}); err != nil {
		t.Fatal(err)
	}
	if report.TSA != (Finding{}) {
		t.Errorf("the signer's chain is reported as the authority's: %+v", report.TSA)
	}
	return report.Signer
}

func (a *asking) want(t *testing.T, r Result) Finding {
	t.Helper()
	f := a.ask(t)
	if f.Result != r {
		t.Errorf("got %d, want %d: %+v", f.Result, r, f)
	}
	return f
}

// Somebody who stole a key, or has another certificate of the same issuer, cannot testify that it is good.
func TestOCSPSigners(t *testing.T) {
	a := newAsking(t, Options{}, false)
	a.responder.SetSigner(a.pki.OCSPSigner(t))
	a.want(t, Good)

	a = newAsking(t, Options{}, false)
	a.responder.SetSigner(a.pki.Leaf)
	if f := a.want(t, Unknown); f.Subject != a.pki.Leaf.Subject.String() || f.Why == "" {
		t.Errorf("%+v", f)
	}
}

// An answer is used again, and is asked for again when its time is up.
func TestReuse(t *testing.T) {
	for _, crl := range []bool{true, false} {
		a := newAsking(t, Options{}, crl)
		a.responder.SetValidity(time.Hour)
		a.want(t, Good)
		asked := a.responder.Requests()
		if asked != 2 {
			t.Errorf("%d requests for two certificates", asked)
		}
		a.want(t, Good)
		if n := a.responder.Requests(); n != asked {
			t.Errorf("asked again %d times", n-asked)
		}
		for k, kept := range a.options.Answers.memory {
			kept.got = kept.got.Add(-reuse)
			a.options.Answers.memory[k] = kept
		}
		a.responder.Set(imagetest.Revoked, imagetest.Revoked)
		a.want(t, Revoked)
		// What is revoked stays so while nobody can be asked.
		a.responder.Set(imagetest.Refuse, imagetest.Refuse)
		for k := range a.options.Answers.memory {
			delete(a.options.Answers.memory, k)
		}
		a.want(t, Revoked)
	}
}

// The last answer counts even when its own time is up, for as long as the operator says, and only where the operator says so.
func TestLastKnownOutlivesAnswers(t *testing.T) {
	for _, crl := range []bool{true, false} {
		for mode, want := range map[Mode]Result{Require: Unknown, LastKnown: Good} {
			t.Run(fmt.Sprint(crl, mode), func(t *testing.T) {
				t.Parallel()
				a := newAsking(t, Options{Mode: mode, LastKnown: time.Hour}, crl)
				a.responder.SetValidity(2 * time.Second)
				a.want(t, Good)
				a.responder.Set(imagetest.Refuse, imagetest.Refuse)
				time.Sleep(2500 * time.Millisecond)
				f := a.want(t, want)
				if left := time.Until(f.Until); want == Good && (left <= 0 || left > time.Hour) {
					t.Errorf("holds for %v", left)
				}
				for k, o := range a.outcomes {
					o.at = o.at.Add(-time.Hour)
					a.outcomes[k] = o
				}
				a.want(t, Unknown)
			})
		}
	}
}

// An issuer who says that it does not know the certificate has answered.
func TestUnknownIsAnAnswer(t *testing.T) {
	a := newAsking(t, Options{Mode: LastKnown}, false)
	a.want(t, Good)
	clear(a.options.Answers.memory)
	a.responder.Set(imagetest.Unknown, imagetest.Good)
	a.want(t, Unknown)
}

// The directory is not trusted: what is in it counts for what it proves.
func TestDirectory(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "answers")
	a := newAsking(t, Options{Mode: LastKnown, Answers: NewAnswers(dir)}, false)
	a.want(t, Good)
	files, err := filepath.Glob(filepath.Join(dir, "*"+suffix))
	if err != nil || len(files) != 2 {
		t.Fatalf("files: %v, %v", files, err)
	}
	restart := func() {
		c, err := New(Options{Mode: LastKnown, Answers: NewAnswers(dir)})
		if err != nil {
			t.Fatal(err)
		}
		a.Checker = c
	}
	a.responder.Set(imagetest.Refuse, imagetest.Refuse)
	restart()
	a.want(t, Good)

	// A time to come would make an answer count for ever.
	for _, f := range files {
		future := time.Now().Add(time.Hour)
		if err := os.Chtimes(f, future, future); err != nil {
			t.Fatal(err)
		}
	}
	restart()
	a.want(t, Unknown)

	// Each answer under the other's name.
	x, y := read(t, files[0]), read(t, files[1])
	for f, body := range map[string][]byte{files[0]: append(x[:len(x)-1], x[len(x)-1]^1), files[1]: y} {
		if err := os.WriteFile(f, body, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	restart()
	a.want(t, Unknown)
}

func read(t *testing.T, file string) []byte {
	t.Helper()
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestAnswersAreBounded(t *testing.T) {
	dir := t.TempDir()
	other := filepath.Join(dir, "other.txt")
	if err := os.WriteFile(other, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	s := NewAnswers(dir)
	for i := range maxAnswers + 10 {
		s.put([]answer{{key: strconv.Itoa(i), body: []byte("x"), got: time.Now().Add(time.Duration(i) * time.Second)}})
	}
	if n := len(s.memory); n != maxAnswers {
		t.Errorf("%d answers in memory", n)
	}
	if _, ok := s.memory["0"]; ok {
		t.Error("the oldest stayed")
	}
	files, err := filepath.Glob(filepath.Join(dir, "*"+suffix))
	if err != nil || len(files) != maxAnswers {
		t.Errorf("%d files, %v", len(files), err)
	}
	if _, err := os.Stat(other); err != nil {
		t.Errorf("a file that is not ours: %v", err)
	}
	s.put([]answer{{key: "large", body: make([]byte, maxAnswerBytes+1), got: time.Now().Add(time.Hour)}})
	if n := len(s.memory); n != 0 {
		t.Errorf("%d answers beside one that is too large", n)
	}
}

// A responder can neither send us elsewhere nor make us read without end.
func TestHostileResponder(t *testing.T) {
	elsewhere := 0
	target := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { elsewhere++ }))
	t.Cleanup(target.Close)
	for name, handler := range map[string]http.HandlerFunc{
		"redirects": func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, target.URL, http.StatusFound) },
		"endless": func(w http.ResponseWriter, r *http.Request) {
			for r.Context().Err() == nil {
				if _, err := w.Write(make([]byte, 1<<20)); err != nil {
					return
				}
			}
		},
		"nonsense": func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("<html>")) },
	} {
		server := httptest.NewServer(handler)
		t.Cleanup(server.Close)
		for _, o := range []imagetest.PKIOptions{{OCSP: server.URL}, {CRL: server.URL}} {
			c, err := New(Options{})
			if err != nil {
				t.Fatal(err)
			}
			a := &asking{Checker: c, pki: imagetest.NewPKI(t, o)}
			if f := a.want(t, Unknown); f.Why == "" {
				t.Errorf("%s: no word why", name)
			}
		}
	}
	if elsewhere != 0 {
		t.Errorf("followed %d redirections", elsewhere)
	}
}

func TestOptions(t *testing.T) {
	if _, err := New(Options{LastKnown: -1}); err == nil {
		t.Error("a negative duration passed")
	}
	a := newAsking(t, Options{Mode: Ignore}, false)
	a.want(t, NotAsked)
	if n := a.responder.Requests(); n != 0 {
		t.Errorf("%d requests", n)
	}
}
