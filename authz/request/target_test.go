package request

import (
	"strings"
	"testing"
)

func TestParseTarget(t *testing.T) {
	for _, tt := range []struct{ raw, path, version string }{
		{"/containers/create", "/containers/create", "unversioned"},
		{"/v1.41/containers/create?name=x", "/containers/create", "1.41"},
		{"/v1.41%2Fcontainers%2fcreate", "/containers/create", "1.41"},
		{"/v1.41/%63ontainers/create", "/containers/create", "1.41"},
		{"/%76%31.41/containers/create", "/containers/create", "1.41"},
		{"/version", "/version", "unversioned"},
		{"/volumes/x", "/volumes/x", "unversioned"},
		{"/v1.24/info", "/info", "1.24"},
		{"/containers/a%2Fb%3Fc/start", "/containers/a/b?c/start", "unversioned"},
		{"/networks/", "/networks/", "unversioned"},
		{"/networks/%D0%BC", "/networks/м", "unversioned"},
	} {
		got, err := parseTarget(tt.raw)
		if err != nil {
			t.Errorf("%s: %v", tt.raw, err)
		} else if got.path != tt.path || got.version.String() != tt.version {
			t.Errorf("%s: got %s at %s, want %s at %s", tt.raw, got.path, got.version, tt.path, tt.version)
		}
	}
}

func TestParseTargetRefuses(t *testing.T) {
	for _, tt := range []struct{ raw, want string }{
		{"http://x/v1.41/containers/create", "request target: it does not begin with a single '/'"},
		{"foo://h/v1.41/info", "request target: it does not begin with a single '/'"},
		{"*", "request target: it does not begin with a single '/'"},
		{"//v1.41/info", "request target: it does not begin with a single '/'"},
		{"v1.41/info", "request target: it does not begin with a single '/'"},
		{"/containers/create?#/auth", "request target: it holds '#', which parsers disagree about"},
		{"/containers/create?x=#%zz", "request target: it holds '#', which parsers disagree about"},
		{"/build?remote=x;networkmode=host", "request target: it holds ';', which parsers disagree about"},
		{"/containers/\uFFFD/start", "request target: it holds a byte outside printable ASCII"},
		{"/containers/a b/start", "request target: it holds a byte outside printable ASCII"},
		{"/containers/a%00b/start", "request target: its path decodes to a control character or to broken UTF-8"},
		{"/containers/a%0Ab/start", "request target: its path decodes to a control character or to broken UTF-8"},
		{"/containers/a%FFb/start", "request target: its path decodes to a control character or to broken UTF-8"},
		{"/v1.41//info", "request target: its path is not clean"},
		{"/v1.41/./info", "request target: its path is not clean"},
		{"/v1.41/x/../info", "request target: its path is not clean"},
		{"/v1.41/x/%2e%2e/info", "request target: its path is not clean"},
		{"/v1.41/info?%zz", "request target: its query is malformed"},
		{"/v1.41/%zz", "request target: it is not a valid URI"},
		{"/" + strings.Repeat("a", longestPath), "request target: its path is longer than 4096 bytes"},
		{"/images/" + strings.Repeat("%61", longestPath) + "/json", "request target: its path is longer than 4096 bytes"},
	} {
		_, err := parseTarget(tt.raw)
		if err == nil || err.Error() != tt.want+"; fix: "+plainTarget {
			t.Errorf("%s: got %v, want %s", tt.raw, err, tt.want)
		}
	}
	for _, raw := range []string{"/" + strings.Repeat("a", longestPath-1), "/" + strings.Repeat("%61", longestPath-1), "/build?buildargs=" + strings.Repeat("a", 1<<20)} {
		if _, err := parseTarget(raw); err != nil {
			t.Errorf("%.40s…, %d bytes: %v", raw, len(raw), err)
		}
	}
	for _, raw := range []string{"/v01.041/info", "/v1.41./info", "/v1..41/info", "/v1.53.999/info", "/v1/info", "/v1.23/info", "/v1.57/info", "/v2.41/info", "/v1.041/info", "/v0000001.41/info", "/v1.99999999999999999999/info"} {
		if _, err := parseTarget(raw); err == nil {
			t.Errorf("%s: accepted", raw)
		}
	}
}
