package request

import "testing"

func post(target string) Call {
	return Call{Method: "POST", Target: target, Headers: map[string]string{"Content-Length": "0"}}
}

// TestImageNames compares names with what the Engine makes of the same parameters.
func TestImageNames(t *testing.T) {
	const digest = "sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
	for _, tt := range []struct{ target, want string }{
		{"/images/create?fromImage=busybox&tag=1", "docker.io/library/busybox:1"},
		{"/images/create?fromImage=busybox", "docker.io/library/busybox"},
		{"/images/create?fromImage=busybox:", "docker.io/library/busybox"},
		{"/images/create?fromImage=busybox:1&tag=2", "docker.io/library/busybox:2"},
		{"/images/create?fromImage=busybox:1&tag=" + digest, "docker.io/library/busybox@" + digest},
		{"/images/create?fromImage=busybox@" + digest, "docker.io/library/busybox@" + digest},
		{"/images/create?fromImage=index.docker.io/a/b:1", "docker.io/a/b:1"},
		{"/images/create?fromImage=localhost/a", "localhost/a"},
		{"/images/create?fromImage=Busybox", ""},
		{"/images/create?fromImage=busybox&tag=no+tag", ""},
		{"/images/create?fromSrc=-&repo=a/b&tag=1", "docker.io/a/b:1"},
		{"/images/a/b/push?tag=1", "docker.io/a/b:1"},
		{"/images/h:5000/a/push", "h:5000/a"},
		{"/images/x/tag?repo=a:1&tag=2", "docker.io/library/a:2"},
		{"/images/x/tag?tag=2", ""},
		{"/commit?container=c&repo=a", "docker.io/library/a"},
		{"/build?t=a:1", "docker.io/library/a:1"},
	} {
		r, err := Parse(post(tt.target))
		if err != nil {
			t.Errorf("%s: %v", tt.target, err)
			continue
		}
		images := append([]Image{r.Images.Pulled, r.Images.Pushed}, r.Images.Named...)
		got := ""
		for _, i := range images {
			if i.Name != nil {
				got += i.Name.String()
			}
		}
		if got != tt.want {
			t.Errorf("%s: got %q, want %q", tt.target, got, tt.want)
		}
	}
}

func TestURLs(t *testing.T) {
	for _, tt := range []struct {
		raw, shown string
		plain      bool
	}{
		{"https://Example.com/a/b?token=s3cret#x", "https://example.com/a/b", true},
		{"https://example.com", "https://example.com", true},
		{"https://example.com/", "https://example.com/", true},
		{"https://u:s3cret@example.com/a", "https://example.com/a", false},
		{"https://example.com/a/../b", "https://example.com/a/../b", false},
		{"https://example.com//a", "https://example.com//a", false},
		{"https://example.com/a%2F..%2Fb", "https://example.com/a%2F..%2Fb", false},
		{`https://example.com\@evil/`, "", false},
		{"file:///etc/passwd", "file:///etc/passwd", false},
		{"mailto:x", "mailto://", false},
		{"https:/u:s3cret@example.com/a", "https://example.com/a", false},
		{"u:s3cret@example.com/a", "u://", false},
		{"s3cret@example.com/a", "://example.com/a", false},
		{"https://u:s3/cret@example.com/a", "", false},
		{"https://[::1", "", false},
	} {
		if got := newURL("f", tt.raw); got.Shown != tt.shown || got.Plain != tt.plain {
			t.Errorf("%s: got %+v", tt.raw, got)
		}
	}
}

func TestBuildParameters(t *testing.T) {
	for _, tt := range []struct {
		target, remote string
		buildKit       bool
	}{
		{"/build?version=1", "", false},
		{"/build", "", false},
		{"/build?version=2&remote=client-session", "", true},
		{"/build?version=2&remote=upload-request", "", true},
		{"/build?remote=github.com/a/b%23main", "https://github.com/a/b", false},
		{"/build?remote=git@h:a/b.git%23main", "git@h:a/b.git", false},
		{"/build?remote=git@u:s3cret@h/a.git", "git@h/a.git", false},
		{"/build?remote=git@h:a/b@c.git", "git@h:a/b@c.git", false},
		{"/build?remote=https://h/a.git%23main:dir", "https://h/a.git", false},
		{"/session", "", true},
		{"/grpc", "", true},
	} {
		r, err := Parse(post(tt.target))
		if err != nil || r.Build == nil {
			t.Errorf("%s: %+v, %v", tt.target, r, err)
			continue
		}
		if r.Build.Remote.Shown != tt.remote || r.Build.BuildKit != tt.buildKit {
			t.Errorf("%s: got %+v", tt.target, r.Build)
		}
	}
}

// TestConcealed covers when a body that does not show may hold parameters.
func TestConcealed(t *testing.T) {
	for _, tt := range []struct {
		headers map[string]string
		body    string
		want    bool
	}{
		{nil, "", false},
		{map[string]string{"Content-Length": "0", "Content-Type": "text/plain"}, "", false},
		{map[string]string{"Content-Length": "5"}, "", false}, // without a type nothing is parsed
		{map[string]string{"Content-Length": "5", "Content-Type": ""}, "", true},
		{map[string]string{"Content-Length": "5", "Content-Type": "application/json"}, "", true},
		{map[string]string{"Content-Type": "application/x-tar"}, "", true},
		{map[string]string{"Content-Length": "00", "Content-Type": "application/x-tar"}, "", true},
		{map[string]string{"Content-Length": "2", "Content-Type": "application/json"}, "{}", false},
	} {
		r, err := Parse(Call{Method: "POST", Target: "/build/prune", Headers: tt.headers, Body: []byte(tt.body)})
		if err != nil || r.Concealed != tt.want {
			t.Errorf("%v %q: %v, %v", tt.headers, tt.body, r.Concealed, err)
		}
		for op := range decisive {
			target := map[Operation]string{
				ContainerRename: "/containers/c/rename?name=x", ImageTag: "/images/i/tag?repo=x", ImageCommit: "/commit?container=c&repo=x",
				ImagePush: "/images/i/push", ImageCreate: "/images/create?fromImage=x",
			}[op]
			if _, err := Parse(Call{Method: "POST", Target: target, Headers: tt.headers, Body: []byte(tt.body)}); (err != nil) != tt.want {
				t.Errorf("%s with %v %q: %v", target, tt.headers, tt.body, err)
			}
		}
	}
}

func TestRepeats(t *testing.T) {
	q, err := parseQuery(`t=10&signal=KILL&force=true&filters={"a":["b"]}`)
	if err != nil {
		t.Fatal(err)
	}
	for body, want := range map[string]bool{
		`{}`: true, `{"t":10}`: true, `{"t":"10","signal":"KILL"}`: true, `{"force":true}`: true, `{"filters":{"a":["b"]}}`: true,
		`{"t":11}`: false, `{"other":1}`: false, `[]`: false, `"t"`: false, `{"t":10`: false, `{"t":null}`: false,
	} {
		if repeats([]byte(body), q) != want {
			t.Errorf("%s: not %v", body, want)
		}
	}
}
