package config

import (
	"strings"
	"testing"

	"caisson/authz/request"
)

// TestCoverage holds every dangerous operation to being judged by something, or refused.
func TestCoverage(t *testing.T) {
	text, err := Coverage()
	if err != nil {
		t.Fatal(err)
	}
	for _, route := range request.Routes() {
		if !strings.Contains(text, "| `"+string(route.Operation)+"` | ") {
			t.Errorf("%s is missing", route.Operation)
		}
	}
	for line := range strings.Lines(text) {
		if strings.HasSuffix(line, "| dangerous |  |  | passes |\n") {
			t.Errorf("nothing judges %s", line)
		}
	}
}
