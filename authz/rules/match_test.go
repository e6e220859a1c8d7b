package rules

import "testing"

func TestWithoutUser(t *testing.T) {
	for address, want := range map[string]string{
		"":                              "",
		"/srv/a@b":                      "/srv/a@b",
		"tmpfs":                         "tmpfs",
		":/export":                      ":/export",
		"host:/export@1":                "host:/export@1",
		"//host/share":                  "//host/share",
		"//u:s3cret@host/share":         "//host/share",
		"//u:s3c@ret@host/share":        "//host/share",
		"//u:s3c/ret@host/share":        "//host/share",
		"//host:445/share@x":            "//host:445/share@x",
		"user:s3cret@host:/path":        "host:/path",
		"user:s3c/ret@host:/path":       "host:/path",
		"user@host:/path":               "host:/path",
		"https://u:s3cret@host/dav":     "https://host/dav",
		"https://u:s3cret@host:8443/x@": "https://host:8443/x@",
	} {
		if got := withoutUser(address); got != want {
			t.Errorf("%s: got %s, want %s", address, got, want)
		}
	}
}
