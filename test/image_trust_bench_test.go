package test

import (
	"fmt"
	"io"
	"net/http"
	"sync"
	"testing"
	"time"

	"caisson/test/engine"
)

// onSocket is a client of the plugin's socket, as the engine is one.
func (x *trust) onSocket(tb testing.TB) *http.Client {
	tb.Helper()
	transport := &http.Transport{DialContext: dialer(x.Caisson.Socket), MaxIdleConnsPerHost: 200}
	tb.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport, Timeout: time.Minute}
}

// asked is what the engine asks about the creation of a container of an image, and that it is permitted.
func asked(image string) call {
	return call{message(fmt.Sprintf(`{"Image":%q}`, image)), http.StatusOK, `{"Allow":true}`}
}

// TestImageTrustOneProof asks for one image two hundred times at once. The registry is asked as often as for one.
func TestImageTrustOneProof(t *testing.T) {
	onEach(t, func(t *testing.T, version engine.Version) {
		const callers = 200
		x := newTrust(t, version)
		x.pushSigned(t, "team/warm-up", "1") // what kind of registry it is, is found out once
		x.pushSigned(t, "team/one", "1")
		x.pushSigned(t, "team/many", "1")
		x.enforce(t, trustPolicy{})
		client := x.onSocket(t)
		count := func(n int, image string) (requests int64, took time.Duration) {
			before, start := x.requests.Load(), time.Now()
			var wg sync.WaitGroup
			for range n {
				wg.Go(func() {
					if err := asked(image).send(client); err != nil {
						t.Error(err)
					}
				})
			}
			wg.Wait()
			return x.requests.Load() - before, time.Since(start)
		}
		count(1, x.name("team/warm-up", ":1"))
		one, alone := count(1, x.name("team/one", ":1"))
		many, together := count(callers, x.name("team/many", ":1"))
		again, warm := count(callers, x.name("team/many", ":1"))
		t.Logf("one caller: %d requests, %v; %d callers: %d requests, %v; once more: %d requests, %v",
			one, alone.Round(time.Millisecond), callers, many, together.Round(time.Millisecond), again, warm.Round(time.Millisecond))
		if one == 0 || many != one || again != 0 {
			t.Errorf("%d callers have cost %d requests, then %d", callers, many, again)
		}
	})
}

// BenchmarkImageTrust measures a decision about a signed image that was verified before, by the plugin's socket, beside what it consists of: the
// same decision without rules about images, and the question to the Engine what the name stands for. What a first verification takes is measured
// in authz/image.
func BenchmarkImageTrust(b *testing.B) {
	for _, version := range engine.Versions {
		b.Run(string(version), func(b *testing.B) {
			x := newTrust(b, version)
			name := x.name("team/app", ":1")
			x.pushSigned(b, "team/app", "1")
			client := x.onSocket(b)
			b.Run("without", func(b *testing.B) { asks(b, client, name) })
			b.Run("inspect", func(b *testing.B) { x.inspects(b, name) })
			if err := x.Caisson.WritePolicy(x.policy(trustPolicy{})); err != nil {
				b.Fatal(err)
			}
			if err := x.Caisson.Restart(); err != nil {
				b.Fatal(err)
			}
			b.Run("warm", func(b *testing.B) { asks(b, client, name) })
		})
	}
}

// asks has a creation decided about.
func asks(b *testing.B, client *http.Client, image string) {
	b.Helper()
	for b.Loop() {
		if err := asked(image).send(client); err != nil {
			b.Fatal(err)
		}
	}
}

// inspects asks the Engine about an image, on a connection that stays.
func (x *trust) inspects(b *testing.B, image string) {
	b.Helper()
	transport := &http.Transport{DialContext: dialer(x.Socket)}
	defer transport.CloseIdleConnections()
	client := &http.Client{Transport: transport}
	for b.Loop() {
		answer, err := client.Get("http://docker/images/" + image + "/json")
		if err != nil {
			b.Fatal(err)
		}
		if _, err := io.Copy(io.Discard, answer.Body); err != nil || answer.StatusCode != http.StatusOK {
			b.Fatal(answer.Status, err)
		}
		_ = answer.Body.Close()
	}
}
