package image_test

import (
	"context"
	"fmt"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"caisson/authz/image"
	"caisson/authz/state"
)

// ending is a verifier whose signature ends while it is being verified.
type ending struct{ asked int }

func (*ending) Kind() string { return "test" }

func (e *ending) Verify(context.Context, image.Source, image.Artifact) image.Verdict {
	if e.asked++; e.asked > 1 {
		return image.Verdict{Reason: image.Expired, Detail: "has a signature that has expired"}
	}
	return image.Verdict{Reason: image.Verified, ValidUntil: time.Now().Add(-time.Millisecond)}
}

// TestEndsWhileVerified has a signature end between its verification and the moment at which the verdict is remembered.
func TestEndsWhileVerified(t *testing.T) {
	r := newRegistry()
	m := r.manifest(good)
	p := policy(r, nil)
	p.Statements[0].Verifier = new(ending)
	a, e := image.NewAssessor(), engineWith(map[string]*state.Image{"x": graph(good, m)})
	assess(t, a, p, e, image.Question{Ref: "x"})
	time.Sleep(10 * time.Millisecond)
	for _, q := range []image.Question{{Ref: "x", ID: good}, {Ref: "x"}} {
		if got := assess(t, a, p, e, q).Verdict; got.Reason != image.Expired {
			t.Errorf("%+v: %q, want %q", q, got.Reason, image.Expired)
		}
	}
}

// TestRemembersLittle asks about many images, of whose labels and names their maker has made much. What is remembered of them does not grow with
// that.
func TestRemembersLittle(t *testing.T) {
	r := newRegistry()
	p := policy(r, signs())
	a := image.NewAssessor()
	used := func() int64 {
		var m runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&m)
		return int64(m.HeapAlloc)
	}
	const images = 64
	before := used()
	for i := range images {
		m := r.manifest(digest.FromString(fmt.Sprint(i)))
		large := containerd(m, repo+"@"+m.Digest.String())
		large.Labels = map[string]string{"any": strings.Repeat("x", 1<<20), "org.opencontainers.image.created": strings.Repeat("x", 1<<20)}
		large.Identity = []byte(`{"any":"` + strings.Repeat("x", 1<<20) + `"}`)
		found := assess(t, a, p, engineWith(map[string]*state.Image{"x": large}), image.Question{Ref: "x"})
		if found.Verdict.Reason != image.Unsigned {
			t.Fatalf("%+v", found.Verdict)
		}
	}
	if more := used() - before; more > images<<17 {
		t.Errorf("%d verdicts take %d KiB each", images, more/images>>10)
	}
	runtime.KeepAlive(a)
}

// TestManyProofs names more images than can be proved. Those whose turn would not come are refused, and do not pile up.
func TestManyProofs(t *testing.T) {
	const images = 2000
	r := newRegistry()
	var list []ocispec.Descriptor
	for i := range images + 2 {
		list = append(list, r.manifest(digest.FromString(fmt.Sprint(i))))
	}
	signer := signs(list...)
	signer.hold = make(chan struct{})
	a, p := image.NewAssessor(), policy(r, signer)
	ask := func(ctx context.Context, i int) image.Verdict {
		found, err := a.Assess(ctx, p, nil, image.Question{Ref: repo + "@" + list[i].Digest.String(), Remote: true})
		if err != nil {
			t.Fatal(err)
		}
		return found.Verdict
	}
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	before := runtime.NumGoroutine()
	for i := range images {
		ask(gone, i)
	}
	for end := time.Now().Add(10 * time.Second); runtime.NumGoroutine() > before+images/2; time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("%d goroutines for %d images", runtime.NumGoroutine()-before, images)
		}
	}
	if v := ask(t.Context(), images); v.Reason != image.Timeout {
		t.Errorf("%+v", v)
	}
	close(signer.hold)
	if v := ask(t.Context(), 0); !v.Verified() {
		t.Errorf("%+v", v)
	}
	for end := time.Now().Add(10 * time.Second); !ask(t.Context(), images+1).Verified(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("no image is verified any more")
		}
	}
}
