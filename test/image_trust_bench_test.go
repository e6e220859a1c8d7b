package test

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
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

// TestImageTrustOneProof asks for one image two hundred times at once. The registry is asked as often as for one. On a busy machine the newest
// engine needs longer for two hundred questions about an image than Caisson waits for it; those callers are refused, and told so.
func TestImageTrustOneProof(t *testing.T) {
	onEach(t, func(t *testing.T, version engine.Version) {
		x := newTrust(t, version)
		x.pushSigned(t, "team/warm-up", "1") // what kind of registry it is, is found out once
		x.pushSigned(t, "team/one", "1")
		x.pushSigned(t, "team/many", "1")
		x.enforce(t, trustPolicy{})
		x.crowd(t, 1, x.name("team/warm-up", ":1"))
		one := x.crowd(t, 1, x.name("team/one", ":1"))
		many := x.crowd(t, 200, x.name("team/many", ":1"))
		again := x.crowd(t, 200, x.name("team/many", ":1"))
		if one == 0 || many != one || again != 0 {
			t.Errorf("one caller has cost %d requests, 200 have cost %d, then %d", one, many, again)
		}
	})
}

// crowd has n callers ask about an image at once, and counts the requests to the registry.
func (x *trust) crowd(t *testing.T, n int, image string) (requests int64) {
	t.Helper()
	client := x.onSocket(t)
	var late atomic.Int64
	var wg sync.WaitGroup
	before, start := x.requests.Load(), time.Now()
	for range n {
		wg.Go(func() {
			switch err := asked(image).send(client); {
			case err == nil:
			case x.Version == engine.Newest && strings.Contains(err.Error(), "cannot decide") && strings.Contains(err.Error(), "deadline exceeded"):
				late.Add(1)
			default:
				t.Error(err)
			}
		})
	}
	wg.Wait()
	requests = x.requests.Load() - before
	t.Logf("%d callers: %d requests, %v; the engine did not answer %d", n, requests, time.Since(start).Round(time.Millisecond), late.Load())
	if late.Load() >= int64(n) {
		t.Errorf("nobody may create a container of %s", image)
	}
	return requests
}

// BenchmarkImageTrust measures a decision about a signed image that was verified before, by the plugin's socket, beside what it consists of: the
// same decision without rules about images, and the question to the Engine what the name stands for. What a first verification takes is measured
// in authz/image.
//
// Each iteration is a round that measures all three, because a machine is at another speed the next minute. The ratio is the median of
// those of the rounds.
func BenchmarkImageTrust(b *testing.B) {
	for _, version := range engine.Versions {
		b.Run(string(version), func(b *testing.B) {
			x := newTrust(b, version)
			name := x.name("team/app", ":1")
			x.pushSigned(b, "team/app", "1")
			client := x.onSocket(b)
			decides := func() error { return asked(name).send(client) }
			rounds := map[string][]float64{}
			for b.Loop() {
				x.uses(b, permissive)
				without := median(b, decides)
				inspect := median(b, x.inspects(b, name))
				x.uses(b, x.policy(trustPolicy{}))
				warm := median(b, decides)
				for unit, v := range map[string]float64{"ms-without": without, "ms-inspect": inspect, "ms-warm": warm, "warm/(without+inspect)": warm / (without + inspect)} {
					rounds[unit] = append(rounds[unit], v)
				}
			}
			for unit, values := range rounds {
				slices.Sort(values)
				b.ReportMetric(values[len(values)/2], unit)
			}
			b.ReportMetric(0, "ns/op") // of a round it tells nothing
		})
	}
}

// uses restarts Caisson under a policy.
func (x *trust) uses(b *testing.B, policy string) {
	b.Helper()
	if err := errors.Join(x.Caisson.WritePolicy(policy), x.Caisson.Restart()); err != nil {
		b.Fatal(err)
	}
}

// median is how many milliseconds a call takes, when it has been made before.
func median(b *testing.B, call func() error) float64 {
	b.Helper()
	const warmUp, calls = 100, 200
	var times []time.Duration
	for range warmUp + calls {
		begin := time.Now()
		if err := call(); err != nil {
			b.Fatal(err)
		}
		times = append(times, time.Since(begin))
	}
	times = times[warmUp:]
	slices.Sort(times)
	return float64(times[calls/2]) / float64(time.Millisecond)
}

// inspects asks the Engine about an image, on a connection that stays.
func (x *trust) inspects(b *testing.B, image string) func() error {
	b.Helper()
	transport := &http.Transport{DialContext: dialer(x.Socket)}
	b.Cleanup(transport.CloseIdleConnections)
	client := &http.Client{Transport: transport}
	return func() error {
		answer, err := client.Get("http://docker/images/" + image + "/json")
		if err != nil {
			return err
		}
		defer answer.Body.Close()
		if answer.StatusCode != http.StatusOK {
			return errors.New(answer.Status)
		}
		_, err = io.Copy(io.Discard, answer.Body)
		return err
	}
}
