package test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"caisson/authz/image/imagetest"
	"caisson/test/engine"
)

// status is a registry that answers everything so.
func status(code int) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(code) }
}

// slow sends an answer of which the end does not come.
func slow(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", ocispec.MediaTypeImageIndex)
	w.Header().Set("Content-Length", "1000")
	for {
		if _, err := w.Write([]byte(" ")); err != nil {
			return
		}
		_ = http.NewResponseController(w).Flush()
		select {
		case <-r.Context().Done():
			return
		case <-time.After(200 * time.Millisecond):
		}
	}
}

// oversized sends more than any manifest or index has.
func oversized(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", ocispec.MediaTypeImageIndex)
	_, _ = w.Write([]byte(`{"schemaVersion":2,"manifests":[],"x":"` + strings.Repeat("x", 5<<20) + `"}`))
}

// TestImageTrustFaults has the registry fail in every way while a container is created: the answer comes, says why, and holds nobody else up.
func TestImageTrustFaults(t *testing.T) {
	onEach(t, func(t *testing.T, version engine.Version) {
		x := newTrust(t, version)
		missing := map[engine.Version]string{engine.Oldest: "unbound", engine.Newest: "unsigned"}[version]           // the manifest, or the signature
		page := map[engine.Version]string{engine.Oldest: "registry-unavailable", engine.Newest: "unsigned"}[version] // what is no list of signatures is none
		faults := []struct {
			name, reason, words string
			fault               http.HandlerFunc
		}{
			{"refused", "registry-unavailable", "cannot be connected to", nil},
			{"hang", "registry-unavailable", "does not answer within 2 s", func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }},
			{"slow", "timeout", "verification goes on", slow},
			{"401", "registry-denied", "wants credentials", status(http.StatusUnauthorized)},
			{"403", "registry-denied", "(403)", status(http.StatusForbidden)},
			{"404", missing, "", status(http.StatusNotFound)},
			{"429", "registry-unavailable", "answers 429", status(http.StatusTooManyRequests)},
			{"500", "registry-unavailable", "answers 500", status(http.StatusInternalServerError)},
			{"abort", "registry-unavailable", "breaks off", func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }},
			{"oversized", "registry-unavailable", "cannot be used", oversized},
			{"page", page, "", func(w http.ResponseWriter, _ *http.Request) { _, _ = fmt.Fprint(w, "<html>It works!</html>") }},
		}
		var doors []*trust
		p := trustPolicy{top: `deadline = "4s"`}
		for _, f := range faults {
			door := x.via(newFront(t, x.hub))
			door.pushSigned(t, "team/fault-"+f.name, "1")
			doors, p.hosts = append(doors, door), append(p.hosts, door.host)
		}
		x.enforce(t, p)
		for i, f := range faults {
			if doors[i].fails(f.fault); f.fault == nil {
				doors[i].down(t)
			}
			doors[i].failsInTime(t, f.reason, f.words, doors[i].name("team/fault-"+f.name, ":1"), f.name == "hang" || f.name == "slow")
		}
		// What was answered wrongly is not believed for long.
		for i, f := range faults {
			if doors[i].fails(nil); f.name == "500" || f.name == "abort" {
				image := doors[i].name("team/fault-"+f.name, ":1")
				if !engine.Eventually(func() bool { return x.Docker("create", "--network", "none", image).Code == 0 }) {
					t.Errorf("%s: nothing works after the registry does", f.name)
				}
			}
		}
	})
}

// failsInTime creates a container, which is refused for a reason and in other words, and asks the engine for something else meanwhile. What hangs
// never ends by itself, so that an answer shows that there is a bound.
func (x *trust) failsInTime(t *testing.T, reason, words, image string, hangs bool) {
	t.Helper()
	before := len(x.ids(t))
	done := make(chan *engine.Response, 1)
	go func() {
		r, err := x.Call("POST", "/v1.41/containers/create", map[string]any{"Image": image})
		if err != nil {
			t.Error(err)
		}
		done <- r
	}()
	for meanwhile := 0; ; meanwhile++ {
		if r, err := x.Call("GET", "/v1.41/containers/json?all=1", nil); err != nil || r.Status != http.StatusOK {
			t.Errorf("%s: list: %+v, %v", image, r, err)
		}
		select {
		case r := <-done:
			if r == nil || r.Status != http.StatusForbidden || !strings.Contains(r.Message(), "("+reason+")") || !strings.Contains(r.Message(), words) {
				t.Errorf("%s: not refused as %s, %s: %+v", image, reason, words, r)
			}
			if hangs && meanwhile == 0 {
				t.Errorf("%s: nothing else was answered until it was", image)
			}
			if after := len(x.ids(t)); after != before {
				t.Errorf("%s: there were %d containers and are %d", image, before, after)
			}
			return
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// TestImageTrustBogusSignatures puts worthless signatures in front of the good one, as anybody can who may push.
func TestImageTrustBogusSignatures(t *testing.T) {
	onEach(t, func(t *testing.T, version engine.Version) {
		x := newTrust(t, version)
		bogus := imagetest.SignOptions{PKI: imagetest.NewPKI(t, imagetest.PKIOptions{})}
		many := x.push(t, "team/many", "1")
		for range 20 {
			imagetest.Sign(t, x.repository(t, "team/many"), many, bogus)
		}
		x.sign(t, "team/many", many)

		gone := x.push(t, "team/gone", "1")
		first := imagetest.Sign(t, x.repository(t, "team/gone"), gone, bogus)
		_, text := x.manifest(t, "team/gone", first.Digest.String())
		x.sign(t, "team/gone", gone)
		var m ocispec.Manifest
		unmarshal(t, text, &m)
		tamper(t, x.hub.blob(m.Layers[0].Digest))
		x.enforce(t, trustPolicy{})

		x.runs(t, x.name("team/many", ":1"))
		x.runs(t, x.name("team/gone", ":1"))
	})
}
