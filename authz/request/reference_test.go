package request

import (
	"fmt"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/distribution/reference"
	"github.com/google/go-cmp/cmp"
)

// What is remembered is what the parser says, also for names that take each other's place.
func TestParseImage(t *testing.T) {
	names := []string{"", "busybox", "busybox:1", "Busybox", "a/b@sha256:" + strings.Repeat("0", 64), strings.Repeat("a", rememberable+1), "a:b:c"}
	for i := range remembered {
		names = append(names, fmt.Sprintf("registry.example/%d", i))
	}
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for _, name := range names {
				got, err := ParseImage(name)
				want, wantErr := reference.ParseDockerRef(name)
				if diff := cmp.Diff(fmt.Sprint(want, wantErr), fmt.Sprint(got, err)); diff != "" {
					t.Errorf("%q: %s", name, diff)
				}
			}
		})
	}
	wg.Wait()
}

// FuzzClip holds the short way to the long one.
func FuzzClip(f *testing.F) {
	for _, s := range []string{"", "a", "\"", "a\\b", "ä", "\x7f", "\n", strings.Repeat("a", 201), `"a"`} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if got, want := clip(s), strings.Trim(strconv.Quote(s), `"`); len(s) <= 200 && got != want {
			t.Errorf("%q becomes %q, want %q", s, got, want)
		}
	})
}
