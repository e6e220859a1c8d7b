package image_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/distribution/reference"
	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"caisson/authz/image"
	"caisson/authz/state"
)

var (
	good = digest.FromString("the configuration of a good image")
	evil = digest.FromString("the configuration of an evil one")
)

// TestBinding takes images as both stores show them, with names that are right and names that lie.
func TestBinding(t *testing.T) {
	r := newRegistry()
	signed, unsigned := r.manifest(good), r.manifest(evil)
	index := r.index(map[string]ocispec.Descriptor{"amd64": signed, "arm64": unsigned})
	mixed := r.index(map[string]ocispec.Descriptor{"amd64": unsigned, "arm64": signed})
	other := digest.FromString("no manifest of the registry")
	name := func(d digest.Digest) string { return repo + "@" + d.String() }
	for _, tt := range []struct {
		name  string
		image *state.Image
		sign  []ocispec.Descriptor
		want  image.Reason
	}{
		{"graph driver, signed", graph(good, signed), []ocispec.Descriptor{signed}, image.Verified},
		{"graph driver, signed index", graph(good, index), []ocispec.Descriptor{index}, image.Verified},
		{"graph driver, index with a signed manifest", graph(good, index), []ocispec.Descriptor{signed}, image.Verified},
		{"graph driver, unsigned", graph(evil, unsigned), []ocispec.Descriptor{signed}, image.Unsigned},
		{"graph driver, digest of another image", graph(evil, signed), []ocispec.Descriptor{signed}, image.Unbound},
		{"graph driver, index that holds it for another platform only", graph(good, mixed), []ocispec.Descriptor{mixed}, image.Unbound},
		{"graph driver, built here", graph(good), []ocispec.Descriptor{signed}, image.Unbound},
		{"graph driver, digest that nobody has", graph(good, ocispec.Descriptor{Digest: other}), nil, image.Unbound},
		{"graph driver, other registry", &state.Image{ID: good.String(), RepoDigests: []string{"10.0.0.1:80/x@" + signed.Digest.String()}}, nil, image.RegistryNotListed},
		{"containerd, signed", containerd(signed, name(signed.Digest)), []ocispec.Descriptor{signed}, image.Verified},
		{"containerd, unsigned", containerd(unsigned, name(unsigned.Digest)), []ocispec.Descriptor{signed}, image.Unsigned},
		{"containerd, name with the digest of a signed one", containerd(unsigned, name(unsigned.Digest), name(signed.Digest)), []ocispec.Descriptor{signed}, image.Unsigned},
		{"containerd, only a forged name", containerd(unsigned, name(signed.Digest)), []ocispec.Descriptor{signed}, image.Unbound},
		{"containerd, signed index", containerd(index, name(index.Digest)), []ocispec.Descriptor{index}, image.Verified},
		{"containerd, no name", containerd(signed), []ocispec.Descriptor{signed}, image.Unbound},
		{"no statement", &state.Image{ID: signed.Digest.String(), Descriptor: &signed, RepoDigests: []string{"registry.example.com/else@" + signed.Digest.String()}}, nil, image.NoStatement},
		{"a name that only begins like the repository", &state.Image{ID: signed.Digest.String(), Descriptor: &signed, RepoDigests: []string{"registry.example.com/teamx@" + signed.Digest.String()}}, []ocispec.Descriptor{signed}, image.NoStatement},
	} {
		t.Run(tt.name, func(t *testing.T) {
			found := assess(t, image.NewAssessor(), policy(r, signs(tt.sign...)), engineWith(map[string]*state.Image{"x": tt.image}), image.Question{Ref: "x"})
			if found.Verdict.Reason != tt.want {
				t.Errorf("%s (%s), want %s", found.Verdict.Reason, found.Verdict.Detail, tt.want)
			}
		})
	}
}

// TestPlatforms asks about an index of which one platform is signed.
func TestPlatforms(t *testing.T) {
	r := newRegistry()
	signed, unsigned := r.manifest(good), r.manifest(evil)
	index := r.index(map[string]ocispec.Descriptor{"amd64": signed, "arm64": unsigned})
	name := repo + "@" + index.Digest.String()
	e := engineWith(map[string]*state.Image{
		"x": containerd(index, name), "x linux/amd64": containerd(signed, name), "x linux/arm64": containerd(unsigned, name),
	})
	p := policy(r, signs(signed))
	for _, tt := range []struct {
		q    image.Question
		want image.Reason
	}{
		{image.Question{Ref: "x"}, image.Verified}, // the host's own; looked at again once the container is there
		{image.Question{Ref: "x", Platform: "linux/amd64"}, image.Verified},
		{image.Question{Ref: "x", Platform: "linux/arm64"}, image.Unsigned},
		{image.Question{Ref: "x", Whole: true}, image.Unsigned}, // nobody looks again
		{image.Question{Ref: "x", ID: index.Digest, Manifest: signed.Digest}, image.Verified},
		{image.Question{Ref: "x", ID: index.Digest, Manifest: unsigned.Digest}, image.Unsigned},
		{image.Question{Ref: "x", ID: index.Digest}, image.Unsigned}, // an Engine that does not say which one it took
	} {
		if got := assess(t, image.NewAssessor(), p, e, tt.q).Verdict; got.Reason != tt.want {
			t.Errorf("%+v: %s (%s), want %s", tt.q, got.Reason, got.Detail, tt.want)
		}
	}
}

// TestNameChoosesStatement keeps an image that one team signs from being run under another team's name.
func TestNameChoosesStatement(t *testing.T) {
	r := newRegistry()
	m := r.manifest(good)
	p := policy(r, signs())
	p.Statements = append(p.Statements, image.Statement{Name: "dev", Prefixes: []string{"registry.example.com/dev"}, Verifier: signs(m)})
	e := engineWith(map[string]*state.Image{repo + ":1": {
		ID: good.String(), RepoDigests: []string{"registry.example.com/dev/app@" + m.Digest.String(), repo + "@" + m.Digest.String()},
	}})
	e.images["anything"] = e.images[repo+":1"]
	if got := assess(t, image.NewAssessor(), p, e, image.Question{Ref: repo + ":1"}).Verdict; got.Reason != image.Unsigned || got.Statement != "team" {
		t.Errorf("under the name of team: %+v", got)
	}
	if got := assess(t, image.NewAssessor(), p, e, image.Question{Ref: "anything"}).Verdict; !got.Verified() || got.Statement != "dev" {
		t.Errorf("under a name of nobody's: %+v", got)
	}
}

func TestAbsentAndUnreachable(t *testing.T) {
	a, p := image.NewAssessor(), policy(newRegistry(), signs())
	if found := assess(t, a, p, engineWith(nil), image.Question{Ref: "x"}); !found.Absent || found.Verdict.Verified() {
		t.Errorf("%+v", found)
	}
	broken := errors.New("the Engine does not answer")
	if _, err := a.Assess(context.Background(), p, failing{err: broken}, image.Question{Ref: "x"}); !errors.Is(err, broken) {
		t.Errorf("got %v", err)
	}
}

type failing struct {
	state.Fixed
	err error
}

func (f failing) Image(context.Context, string, string) (*state.Image, error) { return nil, f.err }

// TestLists allows and denies images by digest.
func TestLists(t *testing.T) {
	r := newRegistry()
	m := r.manifest(good)
	e := engineWith(map[string]*state.Image{"x": graph(good, m), "forged": graph(evil, m)})
	set := func(d digest.Digest) map[digest.Digest]bool { return map[digest.Digest]bool{d: true} }
	for _, tt := range []struct {
		name, ref   string
		allow, deny map[digest.Digest]bool
		sign        *signer
		want        image.Reason
	}{
		{"by ID", "x", set(good), nil, signs(), image.Verified},
		{"by manifest", "x", set(m.Digest), nil, signs(), image.Verified},
		{"by a name that lies", "forged", set(m.Digest), nil, signs(), image.Unbound},
		{"denied by ID", "x", nil, set(good), signs(m), image.DigestDenied},
		{"denied by manifest", "x", nil, set(m.Digest), signs(m), image.DigestDenied},
		{"denied and allowed", "x", set(good), set(m.Digest), signs(m), image.DigestDenied},
	} {
		p := policy(r, tt.sign)
		p.Allow, p.Deny = tt.allow, tt.deny
		if got := assess(t, image.NewAssessor(), p, e, image.Question{Ref: tt.ref}).Verdict; got.Reason != tt.want {
			t.Errorf("%s: %s (%s), want %s", tt.name, got.Reason, got.Detail, tt.want)
		}
	}
}

// TestEvidence keeps what proved an image, and proves it again without the registry and after the Engine has forgotten its name.
func TestEvidence(t *testing.T) {
	r, keep := newRegistry(), newRegistry()
	m := r.manifest(good)
	e := engineWith(map[string]*state.Image{"x": graph(good, m)})
	p := policy(r, signs(m))
	first := image.NewAssessor()
	first.Keep = keep
	if got := assess(t, first, p, e, image.Question{Ref: "x"}).Verdict; !got.Verified() {
		t.Fatalf("%+v", got)
	}
	r.down = true
	later := image.NewAssessor() // with nothing in its memory
	later.Keep = keep
	for _, q := range []image.Question{{Ref: "x"}, {Ref: "x", ID: good}} {
		if got := assess(t, later, p, e, q).Verdict; !got.Verified() {
			t.Errorf("%+v: %+v", q, got)
		}
	}
	if got := assess(t, later, p, engineWith(nil), image.Question{Ref: "gone", ID: good}).Verdict; !got.Verified() {
		t.Errorf("after the image was removed under its container: %+v", got)
	}
	if got := assess(t, image.NewAssessor(), p, e, image.Question{Ref: "x"}).Verdict; got.Reason != image.RegistryUnavailable || !strings.Contains(got.Detail, "registry.example.com refuses connections") {
		t.Errorf("without evidence: %+v", got)
	}
}

// TestEvidenceUnderAnotherName proves an image by evidence that bears a name which no statement is about, as that of an image that was built here.
func TestEvidenceUnderAnotherName(t *testing.T) {
	for name, want := range map[string]image.Reason{"docker.io/built/here": image.Verified, "registry.example.com/dev/app": image.Unsigned} {
		keep := newRegistry()
		keep.called, _ = reference.WithName(name)
		m := keep.manifest(good)
		p := policy(newRegistry(), signs(m))
		p.Statements = append(p.Statements, image.Statement{Name: "dev", Prefixes: []string{"registry.example.com/dev"}, Verifier: signs()})
		a := image.NewAssessor()
		a.Keep = keep
		e := engineWith(map[string]*state.Image{"built": {ID: good.String()}})
		if got := assess(t, a, p, e, image.Question{Ref: "built"}).Verdict; got.Reason != want {
			t.Errorf("%s: %+v, want %s", name, got, want)
		}
	}
}

// TestEvidenceOfARegistry proves an image by evidence that is said to be from nowhere, under a statement about a whole registry.
func TestEvidenceOfARegistry(t *testing.T) {
	for prefix, want := range map[string]string{
		"registry.example.com:5000": "registry.example.com:5000/unnamed", "registry.example.com/team": "registry.example.com/team",
	} {
		keep := newRegistry()
		m := keep.manifest(good)
		p := policy(newRegistry(), signs())
		p.Statements[0].Prefixes, p.Statements[0].Verifier = []string{prefix}, inRepository{want, signs(m)}
		a := image.NewAssessor()
		a.Keep = keep
		e := engineWith(map[string]*state.Image{"built": {ID: good.String()}})
		if got := assess(t, a, p, e, image.Question{Ref: "built"}).Verdict; !got.Verified() {
			t.Errorf("%s: %+v", prefix, got)
		}
	}
}

// inRepository vouches only under one name.
type inRepository struct {
	name string
	*signer
}

func (v inRepository) Verify(ctx context.Context, source image.Source, a image.Artifact) image.Verdict {
	if a.Repository.Name() != v.name {
		return image.Verdict{Reason: image.Unsigned, Detail: "is called " + a.Repository.Name()}
	}
	return v.signer.Verify(ctx, source, a)
}

// unsigned says where it has looked in vain.
type unsigned struct{ evidence *registry }

func (unsigned) Kind() string { return "test" }

func (u unsigned) Verify(_ context.Context, source image.Source, _ image.Artifact) image.Verdict {
	if source == u.evidence {
		return image.Verdict{Reason: image.Unsigned, Detail: "has nothing in evidence"}
	}
	return image.Verdict{Reason: image.Unsigned, Detail: "has attestations in the registry"}
}

// TestRegistryTellsMore reports what the registry has, and not what evidence lacks.
func TestRegistryTellsMore(t *testing.T) {
	r, keep := newRegistry(), newRegistry()
	m := r.manifest(good)
	keep.manifest(good)
	p := policy(r, signs())
	p.Statements[0].Verifier = unsigned{keep}
	a := image.NewAssessor()
	a.Keep = keep
	got := assess(t, a, p, engineWith(map[string]*state.Image{"x": graph(good, m)}), image.Question{Ref: "x"}).Verdict
	if got.Reason != image.Unsigned || got.Detail != "has attestations in the registry" {
		t.Errorf("%+v", got)
	}
}

// TestCache proves once for many who ask, and again for another generation of the policy.
func TestCache(t *testing.T) {
	r := newRegistry()
	m := r.manifest(good)
	s := signs(m)
	s.hold = make(chan struct{})
	p, a := policy(r, s), image.NewAssessor()
	e := engineWith(map[string]*state.Image{"x": graph(good, m)})
	var wg sync.WaitGroup
	for range 200 {
		wg.Go(func() {
			if found, err := a.Assess(context.Background(), p, e, image.Question{Ref: "x"}); err != nil || !found.Verdict.Verified() {
				t.Errorf("%+v, %v", found, err)
			}
		})
	}
	time.Sleep(50 * time.Millisecond)
	close(s.hold)
	wg.Wait()
	if n := s.asked.Load(); n != 1 {
		t.Errorf("verified %d times for 200 who asked at once", n)
	}
	assess(t, a, p, e, image.Question{Ref: "x"})
	if n := s.asked.Load(); n != 1 {
		t.Errorf("verified again, though it is known")
	}
	next := *p
	next.Generation = "2"
	assess(t, a, &next, e, image.Question{Ref: "x"})
	if n := s.asked.Load(); n != 2 {
		t.Errorf("another policy: verified %d times", n)
	}
}

// TestKnownContainer asks the Engine nothing about the image of a container that is known to be vouched for, and asks about every other.
func TestKnownContainer(t *testing.T) {
	r := newRegistry()
	signed, unsigned := r.manifest(good), r.manifest(evil)
	e := engineWith(map[string]*state.Image{"x": graph(good, signed), "y": graph(evil, unsigned)})
	a, p := image.NewAssessor(), policy(r, signs(signed))
	for _, tt := range []struct {
		q     image.Question
		asked int64
	}{
		{image.Question{Ref: "x", ID: good}, 1},
		{image.Question{Ref: "x", ID: good}, 0},
		{image.Question{Ref: "x"}, 1}, // what a name stands for may change
		{image.Question{Ref: "x", ID: good, Reports: true}, 1},
		{image.Question{Ref: "y", ID: evil}, 1},
		{image.Question{Ref: "y", ID: evil}, 1},
	} {
		e.asked.Store(0)
		if found := assess(t, a, p, e, tt.q); found.Verdict.Verified() != (tt.q.Ref == "x") || e.asked.Load() != tt.asked {
			t.Errorf("%+v: %s, asked %d times", tt.q, found.Verdict.Reason, e.asked.Load())
		}
	}
}

// TestClockIsSet moves the clock and lets no time pass. What was verified counts until its end by the clock, and no longer.
func TestClockIsSet(t *testing.T) {
	r := newRegistry()
	m := r.manifest(good)
	s := signs(m)
	noon := time.Now().Round(0) // without the reading that tells how much time has passed
	s.until = noon.Add(time.Hour)
	p, a := policy(r, s), image.NewAssessor()
	e := engineWith(map[string]*state.Image{"x": graph(good, m)})
	for i, step := range []struct {
		name     string
		clock    time.Duration // from noon
		verified bool
		asked    int64 // how often the verifier was asked until then
	}{
		{"first", 0, true, 1},
		{"known", time.Minute, true, 1},
		{"set back", -24 * time.Hour, true, 1},
		{"set forward past its end", time.Hour, false, 2},
		{"still", time.Hour, false, 2},
	} {
		a.Now = func() time.Time { return noon.Add(step.clock) }
		s.now = a.Now
		got := assess(t, a, p, e, image.Question{Ref: "x"}).Verdict
		if got.Verified() != step.verified || s.asked.Load() != step.asked {
			t.Errorf("%d, %s: %s after %d verifications", i, step.name, got.Reason, s.asked.Load())
		}
	}
}

// TestLifetimeIsTimeThatPasses has no end but the policy's, which a clock that is set back does not put off.
func TestLifetimeIsTimeThatPasses(t *testing.T) {
	r := newRegistry()
	m := r.manifest(good)
	s := signs(m)
	p, a := policy(r, s), image.NewAssessor()
	p.Lifetime = 50 * time.Millisecond
	e := engineWith(map[string]*state.Image{"x": graph(good, m)})
	start := time.Now().Round(0)
	a.Now = func() time.Time { return start }
	assess(t, a, p, e, image.Question{Ref: "x"})
	a.Now = func() time.Time { return start.Add(-time.Hour) }
	time.Sleep(2 * p.Lifetime)
	if assess(t, a, p, e, image.Question{Ref: "x"}); s.asked.Load() != 2 {
		t.Errorf("verified %d times", s.asked.Load())
	}
}

// TestDeadline refuses when the proof takes too long, and has it for the next one who asks.
func TestDeadline(t *testing.T) {
	r := newRegistry()
	m := r.manifest(good)
	s := signs(m)
	s.hold = make(chan struct{})
	p, a := policy(r, s), image.NewAssessor()
	p.Deadline = 20 * time.Millisecond
	e := engineWith(map[string]*state.Image{"x": graph(good, m)})
	if got := assess(t, a, p, e, image.Question{Ref: "x"}).Verdict; got.Reason != image.Timeout {
		t.Fatalf("%+v", got)
	}
	close(s.hold)
	p.Deadline = time.Minute
	if got := assess(t, a, p, e, image.Question{Ref: "x"}).Verdict; !got.Verified() || s.asked.Load() != 1 {
		t.Errorf("%+v after %d verifications", got, s.asked.Load())
	}
}

// TestPanic survives a verifier that breaks over what it is given.
func TestPanic(t *testing.T) {
	r := newRegistry()
	m := r.manifest(good)
	p := policy(r, signs(m))
	p.Statements[0].Verifier = breaking{}
	a := image.NewAssessor()
	var told bool
	a.OnPanic = func(any, []byte) { told = true }
	if got := assess(t, a, p, engineWith(map[string]*state.Image{"x": graph(good, m)}), image.Question{Ref: "x"}).Verdict; got.Reason != image.BadSignature || !told {
		t.Errorf("%+v, told %v", got, told)
	}
}

type breaking struct{}

func (breaking) Kind() string { return "breaking" }

func (breaking) Verify(context.Context, image.Source, image.Artifact) image.Verdict { panic("broken") }

// TestRemote asks about images of services, which no host needs to have yet.
func TestRemote(t *testing.T) {
	r := newRegistry()
	signed, unsigned := r.manifest(good), r.manifest(evil)
	p, a := policy(r, signs(signed)), image.NewAssessor()
	for ref, want := range map[string]image.Reason{
		repo + "@" + signed.Digest.String():                     image.Verified,
		repo + ":1@" + signed.Digest.String():                   image.Verified,
		repo + "@" + unsigned.Digest.String():                   image.Unsigned,
		repo + ":1":                                             image.Mutable,
		"registry.example.com/else@" + signed.Digest.String():   image.NoStatement,
		"10.0.0.1:80/team@" + signed.Digest.String():            image.NoStatement,
		signed.Digest.String():                                  image.Mutable,
		repo + "@" + digest.FromString("not in there").String(): image.Unbound,
	} {
		if got := assess(t, a, p, engineWith(nil), image.Question{Ref: ref, Remote: true}).Verdict; got.Reason != want {
			t.Errorf("%s: %s (%s), want %s", ref, got.Reason, got.Detail, want)
		}
	}
}

func TestNoPolicy(t *testing.T) {
	e := engineWith(map[string]*state.Image{"x": {ID: good.String()}})
	for _, p := range []*image.Policy{nil, {}} {
		if got := assess(t, image.NewAssessor(), p, e, image.Question{Ref: "x"}).Verdict; got.Reason != image.NoStatement {
			t.Errorf("%+v: %+v", p, got)
		}
	}
}
