package test

import (
	"fmt"
	"strings"
	"testing"

	"caisson/test/engine"
)

// TestImageTrustDeniedWithoutItsName takes away the names of an image that is denied by the digest of its manifest. The engine's ID for it is
// another digest, so that it then shows nothing that is denied.
func TestImageTrustDeniedWithoutItsName(t *testing.T) {
	t.Parallel()
	x := newTrust(t, engine.Oldest)
	app := x.pushSigned(t, "team/app", "1")
	x.enforce(t, trustPolicy{})
	x.command(t, "create", "--name", "kept", "--network", "none", x.name("team/app", ":1"), "true")
	x.command(t, "tag", x.name("team/app", ":1"), "other:1")
	x.command(t, "rmi", x.name("team/app", "@"+app.Digest.String()), x.name("team/app", ":1"))
	x.enforce(t, trustPolicy{top: fmt.Sprintf("deny_digests = [%q]", app.Digest.String())})

	x.refuses(t, "digest-denied", "other:1")
	x.command(t, "rmi", "-f", "other:1") // now there is only the container
	if r := x.Docker("start", "kept"); r.Code == 0 || !strings.Contains(r.Stderr, "(digest-denied)") {
		t.Errorf("the container of an image that is denied: %+v", r)
	}
}
