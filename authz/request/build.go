package request

import "strings"

// Build is what shows of a build. Its context is never shown, and neither need be all of its parameters: who may build may build
// with any of them.
type Build struct {
	BuildKit bool // by BuildKit, be it through the build route or by its own protocol

	Remote       Value[string] // context that the daemon fetches, as [PlainURL] writes it where it is one
	NetworkMode  Value[string]
	CgroupParent Value[string]
	ExtraHosts   Value[[]string]
	SecurityOpt  Value[[]string]
}

// buildOf reads the parameters of a build. It is nil for other operations.
//
// Source: moby daemon/server/router/build/build_routes.go, newImageBuildOptions.
func buildOf(r *Request) *Build {
	switch r.Operation {
	case Session, BuildKit:
		return &Build{BuildKit: true}
	case ImageBuild:
	default:
		return nil
	}
	parameter := func(name string) Value[string] { return Value[string]{"query parameter " + name, r.Query.Get(name)} }
	list := func(name string) Value[[]string] { return Value[[]string]{"query parameter " + name, r.Query[name]} }
	b := &Build{
		BuildKit:     r.Query.Get("version") == "2",
		Remote:       parameter("remote"),
		NetworkMode:  parameter("networkmode"),
		CgroupParent: parameter("cgroupparent"),
		ExtraHosts:   list("extrahosts"),
		SecurityOpt:  list("securityopt"),
	}
	b.Remote.V = plainRemote(b.Remote.V)
	return b
}

// plainRemote is where a build takes its context from: "" is the client.
//
// Source: moby daemon/builder/remotecontext/detect.go and urlutil; daemon/internal/builder-next/builder.go.
func plainRemote(remote string) string {
	switch {
	case remote == "client-session" || remote == "upload-request":
		return ""
	case strings.HasPrefix(remote, "github.com/"):
		remote = "https://" + remote
	case strings.HasPrefix(remote, "git@") && !strings.Contains(remote, ".."):
		repository, _, _ := strings.Cut(remote, "#") // #branch:directory
		return repository
	}
	if remote == "" {
		return ""
	}
	return PlainURL(remote)
}
