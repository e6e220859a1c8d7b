package request

import "strings"

// Build is what shows of a build. Its context is never shown, and neither need be all of its parameters: who may build may build
// with any of them.
type Build struct {
	BuildKit bool // by BuildKit, be it through the build route or by its own protocol

	Remote       URL // context that the daemon fetches
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
	list := func(name string) Value[[]string] {
		return Value[[]string]{"query parameter " + name, r.Query.All(name)}
	}
	b := &Build{
		BuildKit:     r.Query.Get("version") == "2",
		Remote:       remoteOf(r.Query.Get("remote")),
		NetworkMode:  parameter("networkmode"),
		CgroupParent: parameter("cgroupparent"),
		ExtraHosts:   list("extrahosts"),
		SecurityOpt:  list("securityopt"),
	}
	return b
}

// remoteOf is where a build takes its context from, if that is not the client.
//
// Source: moby daemon/builder/remotecontext/detect.go and urlutil; daemon/internal/builder-next/builder.go.
func remoteOf(remote string) URL {
	const field = "query parameter remote"
	switch {
	case remote == "" || remote == "client-session" || remote == "upload-request":
		return URL{}
	case strings.HasPrefix(remote, "github.com/"):
		remote = "https://" + remote
	case strings.HasPrefix(remote, "git@"):
		repository, _, _ := strings.Cut(remote, "#") // #branch:directory
		host, _, _ := strings.Cut(repository, "/")
		if i := strings.LastIndexByte(host, '@'); i > len("git") { // git@ is no secret; what else stands before a host may be one
			return URL{field, "git@" + repository[i+1:], false}
		}
		return URL{field, repository, !strings.Contains(remote, "..")}
	}
	return newURL(field, remote)
}
