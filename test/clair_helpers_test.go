package test

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httputil"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v4"
	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"caisson/test/engine"
)

// clairKey is the key that Clair shares with those who may ask.
var clairKey = []byte("a key of thirty-two bytes or so!")

const clairIssuer = "caisson"

// scanner is a Clair, with the key that it takes.
type scanner struct{ *engine.Clair }

func startScanner(tb testing.TB) scanner {
	tb.Helper()
	return scanner{engine.StartClair(tb, engine.ClairOptions{Key: clairKey, Issuer: clairIssuer})}
}

// claims are those of a token that Clair takes.
func claims() jwt.MapClaims {
	now := time.Now()
	return jwt.MapClaims{"iss": clairIssuer, "iat": now.Unix(), "nbf": now.Unix(), "exp": now.Add(time.Minute).Unix()}
}

// token signs claims with a key.
func token(tb testing.TB, key []byte, c jwt.MapClaims) string {
	tb.Helper()
	text, err := jwt.NewWithClaims(jwt.SigningMethodHS256, c).SignedString(key)
	if err != nil {
		tb.Fatal(err)
	}
	return text
}

// reply is what Clair has answered.
type reply struct {
	code int
	body []byte
	raw  []byte // all of it
}

// ask sends Clair a request.
func (s scanner) ask(tb testing.TB, method, path, token string, body any) reply {
	tb.Helper()
	req, err := http.NewRequestWithContext(tb.Context(), method, s.URL+path, bytes.NewReader(marshal(tb, body)))
	if err != nil {
		tb.Fatal(err)
	}
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	answer, err := http.DefaultClient.Do(req)
	if err != nil {
		tb.Fatal(err)
	}
	defer answer.Body.Close()
	raw, err := httputil.DumpResponse(answer, true)
	if err != nil {
		tb.Fatal(err)
	}
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		tb.Fatal(err)
	}
	return reply{answer.StatusCode, text, raw}
}

// index has Clair look at an image in the registry.
func (s scanner) index(tb testing.TB, f *front, repository string, d digest.Digest) {
	tb.Helper()
	_, text := f.manifest(tb, repository, d.String())
	var manifest ocispec.Manifest
	unmarshal(tb, text, &manifest)
	var layers []map[string]any
	for _, layer := range manifest.Layers {
		layers = append(layers, map[string]any{
			"hash": layer.Digest, "uri": "http://" + f.host + "/v2/" + repository + "/blobs/" + layer.Digest.String(), "headers": map[string]any{},
		})
	}
	answer := s.ask(tb, "POST", "/indexer/api/v1/index_report", token(tb, clairKey, claims()), map[string]any{"hash": d, "layers": layers})
	if answer.code != http.StatusCreated {
		tb.Fatalf("Clair does not index %s: %d %s", d, answer.code, answer.body)
	}
	var report struct{ State string }
	unmarshal(tb, answer.body, &report)
	if report.State != "IndexFinished" {
		tb.Fatalf("Clair does not index %s: %s", d, answer.body)
	}
}

// report asks for what is in an image.
func (s scanner) report(tb testing.TB, d digest.Digest, token string) reply {
	tb.Helper()
	return s.ask(tb, "GET", "/matcher/api/v1/vulnerability_report/"+d.String(), token, nil)
}
