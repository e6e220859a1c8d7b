package clair

import (
	"bufio"
	"bytes"
	"encoding/json"
	"io"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"caisson/authz/image"
)

// TestRecorded reads what a real Clair has answered.
func TestRecorded(t *testing.T) {
	for name, want := range map[string]struct {
		unknown string
		found   []string
	}{
		"alpine": {"", []string{
			"CVE-2026-1004 unknown musl 1.2.4_git20230717-r4", "CVE-2026-1001 critical libcrypto3 3.1.4-r5 < 3.1.4-r6",
			"CVE-2026-1001 critical libssl3 3.1.4-r5 < 3.1.4-r6", "CVE-2026-1003 medium busybox 1.36.1-r15",
		}},
		"debian": {"", []string{
			"CVE-2026-1001 high libssl3 3.0.11-1~deb12u2 < 3.0.13-1~deb12u1", "CVE-2026-1001 high openssl 3.0.11-1~deb12u2 < 3.0.13-1~deb12u1",
			"CVE-2026-1007 negligible libssl3 3.0.11-1~deb12u2", "CVE-2026-1007 negligible openssl 3.0.11-1~deb12u2",
		}},
		"python": {"", []string{
			"GHSA-aaaa-bbbb-cccc high orders 1.4.0 < 1.5.0", "GHSA-dddd-eeee-ffff low orders 1.4.0", "GHSA-gggg-hhhh-iiii low orders 1.4.0",
		}},
		"clean": {},
		"empty": {unknown: "sees no packages in it"},
		"foreign": {`does not know the distribution that "libssl3 3.1.4-r5" is of (1 of 2 packages)`, []string{
			"GHSA-aaaa-bbbb-cccc high orders 1.4.0 < 1.5.0", "GHSA-dddd-eeee-ffff low orders 1.4.0", "GHSA-gggg-hhhh-iiii low orders 1.4.0",
		}},
		"no-data":  {unknown: "has no data about vulnerabilities yet"},
		"absent":   {unknown: "has not indexed sha256:"},
		"no-token": {unknown: "refuses the credentials (401)"},
	} {
		t.Run(name, func(t *testing.T) {
			header, code, body := recorded(t, name)
			f := newFake(t, func(w http.ResponseWriter, _ *http.Request) {
				maps.Copy(w.Header(), header)
				w.WriteHeader(code)
				w.Write(body)
			})
			var about struct {
				Hash digest.Digest `json:"manifest_hash"`
			}
			_ = json.Unmarshal(body, &about)
			if about.Hash == "" {
				about.Hash = app
			}
			got := newReporter(t, f.options()).Report(t.Context(), nil, image.Artifact{
				Descriptor: ocispec.Descriptor{MediaType: ocispec.MediaTypeImageManifest, Digest: about.Hash, Size: 3},
			})
			if !strings.Contains(got.Unknown, want.unknown) || (got.Unknown == "") != (want.unknown == "") {
				t.Errorf("unknown: %q, want %q", got.Unknown, want.unknown)
			}
			var found []string
			for _, v := range got.Found {
				text := v.ID + " " + v.Severity.String() + " " + v.Package
				if v.FixedIn != "" {
					text += " < " + v.FixedIn
				}
				found = append(found, text)
			}
			if strings.Join(found, "\n") != strings.Join(want.found, "\n") {
				t.Errorf("got  %q\nwant %q", found, want.found)
			}
		})
	}
}

// recorded reads an answer of Clair.
func recorded(t *testing.T, name string) (http.Header, int, []byte) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("testdata/v4.9.0", name+".http"))
	if err != nil {
		t.Fatal(err)
	}
	answer, err := http.ReadResponse(bufio.NewReader(bytes.NewReader(text)), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer.Header, answer.StatusCode, body
}
